"""The bell: rung by the commit that makes a message due, in every process, and never lost for long."""

import asyncio

import pytest
from sqlalchemy import Connection, text

from gatepost.database.columns import BELL
from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_session import Patience
from tests.postgresql.conftest import opened
from tests.support.postgresql import Cluster, Server
from tests.support.proxy import proxy

RING = text(f"SELECT pg_notify('{BELL}', '')")


class Bell:
    """Counts rings, and waits for them."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self._rung.set()

    async def rung(self) -> None:
        """Return at the next ring, or at once where there was one since the last call."""
        async with asyncio.timeout(20):
            await self._rung.wait()
        self._rung.clear()


@pytest.fixture
def bell() -> Bell:
    return Bell()


def rings(tx: Connection) -> None:
    tx.execute(RING)


async def test_a_commit_of_another_process_rings(database: PostgresqlDatabase, postgresql_url: str, bell: Bell) -> None:
    """Whoever writes: the bell is in the transaction."""
    await database.listen(bell.ring)
    async with opened(postgresql_url) as other:
        await other.write(rings)
    await bell.rung()
    assert 1 == bell.rings


async def test_a_rollback_rings_nothing(database: PostgresqlDatabase, postgresql_url: str, bell: Bell) -> None:
    """What was not kept is not due: of two transactions only the one that commits is heard."""

    def rings_and_fails(tx: Connection) -> None:
        rings(tx)
        raise KeyError

    await database.listen(bell.ring)
    with pytest.raises(KeyError):
        await database.write(rings_and_fails)
    await database.write(rings)
    await bell.rung()
    assert 1 == bell.rings


async def test_a_lost_listener_is_restored_and_rings_once(
    postgresql_server: Server, postgresql_url: str, bell: Bell
) -> None:
    """What was committed while nobody listened is looked for, and what comes later is heard."""
    async with opened(postgresql_url, patience=Patience(look_s=3_600)) as database:
        await database.listen(bell.ring)
        assert 1 == await postgresql_server.end_sessions(postgresql_url, "gatepost listen")
        await bell.rung()
        assert 1 == bell.rings
        await database.write(rings)
        await bell.rung()
        assert 2 == bell.rings


async def test_a_listener_outlives_a_restart_of_the_server(own_server: Cluster, own_url: str, bell: Bell) -> None:
    """However long it takes, it goes on trying."""
    async with opened(own_url) as database:
        await database.listen(bell.ring)
        await asyncio.to_thread(own_server.restart, immediate=True)
        await bell.rung()
        await database.write(rings)
        await bell.rung()
        assert 2 == bell.rings


async def test_a_listener_whose_traffic_is_dropped_is_restored(postgresql_url: str, bell: Bell) -> None:
    """It hears nothing, which is what it hears on a good line too: so the line is asked."""
    patience = Patience(look_s=0.1, begin_s=0.3)
    async with proxy(postgresql_url) as line, opened(line.url, patience=patience) as database:
        await database.listen(bell.ring)
        line.forget_connections()
        await bell.rung()
        await database.write(rings)
        await bell.rung()
        assert 2 == bell.rings


async def test_listening_may_begin_while_the_server_is_away(own_server: Cluster, own_url: str, bell: Bell) -> None:
    """`listen` returns, nobody is told, and the first ring says that it hears now."""
    async with opened(own_url) as database:
        await asyncio.to_thread(own_server.stop)
        try:
            await database.listen(bell.ring)
            assert 0 == bell.rings
        finally:
            await asyncio.to_thread(own_server.start)
        await bell.rung()
        assert 1 == bell.rings


async def test_nothing_rings_after_the_close(postgresql_url: str, bell: Bell) -> None:
    """A closed database listens no more."""
    async with opened(postgresql_url) as other:
        async with opened(postgresql_url) as database:
            await database.listen(bell.ring)
        await other.write(rings)
        await other.listen(bell.ring)
        await other.write(rings)
        await bell.rung()
        assert 1 == bell.rings
