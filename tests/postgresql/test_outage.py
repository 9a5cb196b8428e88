"""The server stops, stands still, or the line breaks: what the caller learns, how soon, and that it mends itself."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.errors import DatabaseUnavailable
from tests.conformance.database.barrier import PostgresqlBarrier
from tests.conformance.database.conftest import note, notes
from tests.postgresql.conftest import QUICK, opened
from tests.support.postgresql import Cluster
from tests.support.proxy import proxy


@pytest.mark.parametrize("immediate", [False, True], ids=["in order", "at once"])
async def test_a_restart_of_the_server_costs_no_error(own_server: Cluster, own_url: str, immediate: bool) -> None:
    """Every connection of the pool is dead afterwards; the next write and read succeed all the same."""
    async with opened(own_url) as database:
        await asyncio.gather(*(database.write(note(str(number))) for number in range(9)))
        await database.read(notes)
        await asyncio.to_thread(own_server.restart, immediate=immediate)
        await asyncio.gather(*(database.write(note(str(number))) for number in range(9, 18)))
        assert 18 == len(await database.read(notes))
        await database.ready()


async def test_writes_during_a_restart_wait_for_it(own_server: Cluster, own_url: str) -> None:
    """What is written while the server is away for a moment is kept, once."""
    async with opened(own_url) as database:
        await asyncio.to_thread(own_server.stop)
        writing = [asyncio.create_task(database.write(note(str(number)))) for number in range(20)]
        await asyncio.to_thread(own_server.start)
        assert [str(number) for number in range(20)] == await asyncio.gather(*writing)
        assert 20 == len(await database.read(notes))


async def test_a_server_that_stays_away_is_told_and_found_again(own_server: Cluster, own_url: str) -> None:
    """Unavailable with host and database, later ones at once; back again, it is waited for as before."""
    async with opened(own_url) as database:
        await asyncio.to_thread(own_server.stop)
        try:
            with pytest.raises(DatabaseUnavailable, match=r"on 127\.0\.0\.1:\d+: it cannot be reached"):
                await database.write(note("a"))
            async with asyncio.timeout(1):
                with pytest.raises(DatabaseUnavailable):
                    await database.write(note("b"))
                with pytest.raises(DatabaseUnavailable):
                    await database.ready()
        finally:
            await asyncio.to_thread(own_server.start)
        await database.write(note("c"))
        await database.ready()
        await asyncio.to_thread(own_server.stop)
        writing = asyncio.create_task(database.write(note("d")))
        await asyncio.to_thread(own_server.start)
        await writing
        assert ["c", "d"] == await database.read(notes)


@contextmanager
def standing_still(server: Cluster) -> Iterator[None]:
    """Every process of the server stopped, as on a machine that hangs."""
    family = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server.pid)], capture_output=True, text=True, check=True)
    pids = [server.pid, *map(int, family.stdout.split())]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


async def test_a_server_that_hangs_is_told_in_bounded_time(own_server: Cluster, own_url: str) -> None:
    """It takes connections and answers nothing: unavailable after the time limits, and usable when it goes on."""
    async with opened(own_url, patience=QUICK) as database:
        await database.write(note("a"))
        await database.read(notes)
        with standing_still(own_server):
            async with asyncio.timeout(20):
                outcomes = await asyncio.gather(
                    database.write(note("b")), database.read(notes), database.ready(), return_exceptions=True
                )
        assert [DatabaseUnavailable] * 3 == [type(outcome) for outcome in outcomes]
        await database.write(note("c"))
        assert ["a", "c"] == await database.read(notes)


async def test_an_idle_line_whose_traffic_is_dropped_is_replaced(postgresql_url: str) -> None:
    """A firewall forgot it: no answer to BEGIN, so a new one is opened, and the caller learns nothing of it."""
    async with proxy(postgresql_url) as line, opened(line.url, patience=QUICK) as database:
        await database.write(note("a"))
        await database.read(notes)
        line.forget_connections()
        await database.write(note("b"))
        assert ["a", "b"] == await database.read(notes)


async def test_traffic_dropped_within_a_transaction_is_told_in_bounded_time(
    postgresql_url: str, barrier: PostgresqlBarrier
) -> None:
    """No statement waits for ever for an answer that was lost."""
    async with proxy(postgresql_url) as line, opened(line.url, patience=QUICK) as database:

        def work(tx: Connection) -> None:
            barrier.wait(tx)
            note("a")(tx)

        writing = asyncio.create_task(database.write(work))
        await barrier.arrived(1)
        line.drop_traffic()
        async with asyncio.timeout(20):
            with pytest.raises(DatabaseUnavailable):
                await writing
        await barrier.open()
        line.restore_traffic()
        await database.write(note("b"))
        assert ["b"] == await database.read(notes)


async def test_a_line_lost_behind_commit_is_told_as_unknown(postgresql_url: str) -> None:
    """COMMIT arrived and its answer did not: nobody knows, so it is not run again, and the row is there once."""
    async with proxy(postgresql_url) as line, opened(line.url) as database:
        line.cut_behind_commit()
        with pytest.raises(DatabaseUnavailable, match="lost in COMMIT, so nobody knows"):
            await database.write(note("a"))
        assert ["a"] == await database.read(notes)
        await database.write(note("b"))


async def test_a_line_lost_in_commit_is_not_run_again(postgresql_url: str) -> None:
    """Whether COMMIT arrived cannot be seen from here: told as unknown although this time nothing was kept."""
    async with proxy(postgresql_url) as line, opened(line.url) as database:
        line.cut_before_commit()
        with pytest.raises(DatabaseUnavailable, match="lost in COMMIT, so nobody knows"):
            await database.write(note("a"))
        assert [] == await database.read(notes)


async def test_traffic_dropped_at_commit_is_told_as_unknown(postgresql_url: str, barrier: PostgresqlBarrier) -> None:
    """A COMMIT without an answer ends in bounded time."""
    async with proxy(postgresql_url) as line, opened(line.url, patience=QUICK) as database:

        def work(tx: Connection) -> None:
            note("a")(tx)
            line.drop_traffic()

        async with asyncio.timeout(20):
            with pytest.raises(DatabaseUnavailable, match="nobody knows"):
                await database.write(work)
        line.restore_traffic()
        await database.write(note("b"))


async def test_a_transaction_without_end_is_broken_off(postgresql_url: str) -> None:
    """A work of many statements, each quick enough, has an end all the same, and is not run again."""
    runs = 0
    patience = QUICK.__class__(transaction_s=0.3)
    async with opened(postgresql_url, patience=patience) as database:

        def work(tx: Connection) -> None:
            nonlocal runs
            runs += 1
            note("a")(tx)
            while True:
                tx.exec_driver_sql("SELECT pg_sleep(0.02)")

        with pytest.raises(DatabaseUnavailable, match=r"took longer than 0\.3 s"):
            await database.write(work)
        assert 1 == runs
        assert [] == await database.read(notes)


async def test_closing_while_the_server_is_away_ends(own_server: Cluster, own_url: str) -> None:
    """A stop does not wait for a goodbye."""
    database = await PostgresqlDatabase.open(own_url, wait_s=0)
    await database.listen(lambda: None)
    await database.read(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one())
    with standing_still(own_server):
        async with asyncio.timeout(10):
            await database.close()
