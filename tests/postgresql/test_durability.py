"""No commit is acknowledged that a crash of the server would lose, and no write goes to a server that takes none."""

import pytest
from sqlalchemy import Connection

from gatepost.database.opening import open_for_reading
from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.errors import DatabaseUnavailable, StartRefused
from tests.conformance.database.conftest import note, notes
from tests.postgresql.conftest import opened
from tests.support.postgresql import Cluster


def synchronous_commit(connection: Connection) -> object:
    return connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()


async def test_asynchronous_commit_of_a_database_refuses_the_start(own_server: Cluster, own_url: str) -> None:
    """With the line that mends it."""
    name = own_url.rpartition("/")[2]
    await own_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with pytest.raises(StartRefused, match=r"synchronous_commit is off there.*ALTER DATABASE … SET"):
        await PostgresqlDatabase.open(own_url, wait_s=0)
    await own_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
    async with opened(own_url) as database:
        assert "on" == await database.write(synchronous_commit)


async def test_asynchronous_commit_of_a_role_refuses_the_start(own_server: Cluster, own_url: str) -> None:
    """Whoever set it for this user alone is told, too."""
    with own_server.role(own_url, "SUPERUSER") as url:
        await own_server.execute(f"ALTER ROLE {url.split('//')[1].split(':')[0]} SET synchronous_commit = off")
        with pytest.raises(StartRefused, match="synchronous_commit is off there"):
            await PostgresqlDatabase.open(url, wait_s=0)


async def test_a_url_may_ask_for_what_the_server_does_not_have(own_server: Cluster, own_url: str) -> None:
    """`?synchronous_commit=on` holds for our sessions only, and then the start is not refused."""
    url = f"{own_url}?synchronous_commit=on"
    async with own_server.everywhere("synchronous_commit", "off"), opened(url) as database:
        assert "on" == await database.write(synchronous_commit)


async def test_a_running_service_keeps_what_it_began_with(own_server: Cluster, own_url: str) -> None:
    """Sessions that are open stay as durable as they were; new ones are refused until it is mended."""
    async with opened(own_url) as database:
        async with own_server.everywhere("synchronous_commit", "off"):
            assert "on" == await database.write(synchronous_commit)
            assert await own_server.end_sessions(own_url, "gatepost write")
            with pytest.raises(DatabaseUnavailable, match="synchronous_commit is off there"):
                await database.write(note("a"))
        await database.write(note("b"))
        assert ["b"] == await database.read(notes)


async def test_a_server_that_takes_no_writes_refuses_the_start(own_server: Cluster, own_url: str) -> None:
    """A primary switched to reading is no place to promise anything; the command line may still read there."""
    async with opened(own_url):
        pass
    async with own_server.everywhere("default_transaction_read_only", "on"):
        with pytest.raises(StartRefused, match="it takes no writes: default_transaction_read_only is on"):
            await PostgresqlDatabase.open(own_url, wait_s=0)
        reader = await open_for_reading(own_url)
        assert [] == await reader.read(notes)
        await reader.close()


async def test_a_server_that_takes_no_more_writes_is_waited_out(own_server: Cluster, own_url: str) -> None:
    """503 and not ready while it lasts; reads are answered, and the next write succeeds when it is over."""
    async with opened(own_url) as database:
        await database.write(note("a"))
        async with own_server.everywhere("default_transaction_read_only", "on"):
            with pytest.raises(DatabaseUnavailable, match="it takes no writes"):
                await database.write(note("b"))
            with pytest.raises(DatabaseUnavailable, match="takes no writes"):
                await database.ready()
            assert ["a"] == await database.read(notes)
        await database.write(note("c"))
        await database.ready()
        assert ["a", "c"] == await database.read(notes)
