"""Parts of the fault tests on PostgreSQL: a server that syncs to the disk, and installations of several programs."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from gatepost.testing import SubmissionServer
from tests.faults.postgresql import take_over
from tests.support.installation import Installation, new_database
from tests.support.postgresql import Cluster, run_apart
from tests.support.tables import PostgresqlTables

TAKE_OVER_TIMEOUT_S = 180.0

MakeInstallation = Callable[..., Installation]


@pytest.fixture
def shared(cluster: Cluster) -> Iterator[PostgresqlTables]:
    """An empty database, for several programs; dropped afterwards: after a crash PostgreSQL syncs every file."""
    made = new_database(cluster)
    yield made
    run_apart(cluster.drop_database(made.name))


@pytest.fixture
def make_installation(tmp_path: Path, shared: PostgresqlTables, mail: SubmissionServer) -> Iterator[MakeInstallation]:
    """Makes installations on this test's database, and ends what still runs by its process id."""
    made: list[Installation] = []

    def make(**options: str | float) -> Installation:
        made.append(Installation(tmp_path, shared, mail.port, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for installation in made:
        installation.close()


@pytest.fixture
def installation(make_installation: MakeInstallation) -> Installation:
    """Two front ends and two workers; not started yet."""
    return make_installation(SHUTDOWN_GRACE_S=5)


@pytest.fixture(scope="session", autouse=True)
def taking_over(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Future[take_over.Aftermath] | None":
    """Begins the run of the take-over with the first test of this folder, when one that asks for it was selected."""
    wanted = any("aftermath" in getattr(item, "fixturenames", ()) for item in request.session.items)
    return take_over.begin(tmp_path_factory.mktemp("take-over")) if wanted else None


@pytest.fixture(scope="session")
def aftermath(taking_over: "Future[take_over.Aftermath]") -> take_over.Aftermath:
    """What the run of the take-over left."""
    return taking_over.result(TAKE_OVER_TIMEOUT_S)
