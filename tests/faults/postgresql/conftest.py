"""Parts of the fault tests on PostgreSQL: a server that syncs to the disk, and installations of several programs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatepost.testing import SubmissionServer
from tests.support.installation import Installation, new_database
from tests.support.postgresql import Cluster, own_cluster
from tests.support.tables import PostgresqlTables

MakeInstallation = Callable[..., Installation]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL that syncs to the disk, one for all tests of this folder; each leaves it running."""
    with own_cluster(durable=True) as running:
        yield running


@pytest.fixture
def shared(cluster: Cluster) -> PostgresqlTables:
    """An empty database, for several programs."""
    return new_database(cluster)


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
