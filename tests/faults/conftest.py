"""Parts of the fault tests: a mail server on a thread of its own, and services that leave nothing behind."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from gatepost.testing import SubmissionServer
from tests.support.postgresql import Cluster, own_cluster
from tests.support.service import Service

MakeService = Callable[..., Service]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that syncs to the disk, one for all tests of this folder; each leaves it running."""
    with own_cluster(durable=True) as running:
        yield running


@pytest.fixture
def lazy_cluster(request: pytest.FixtureRequest) -> Callable[[], Cluster]:
    """The same, started by the first test that needs it."""
    return partial(request.getfixturevalue, "cluster")


@pytest.fixture
def mail() -> Iterator[SubmissionServer]:
    """A real SMTP server in this process."""
    with SubmissionServer.in_thread() as server:
        yield server


@pytest.fixture
def make_service(tmp_path: Path) -> Iterator[MakeService]:
    """Makes services, and ends those that still run by their process id."""
    made: list[Service] = []

    def make(smtp_port: int | None = None, folder: Path = tmp_path, **options: str | float | bool) -> Service:
        made.append(Service(folder, smtp_port, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(make_service: MakeService, mail: SubmissionServer) -> Service:
    """A service that submits to the mail server; not started yet."""
    return make_service(mail.port, SHUTDOWN_GRACE_S=5)
