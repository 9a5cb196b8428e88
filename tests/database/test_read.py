"""What a SQLite file adds to the contract of `read` (tests/conformance/database): threads and a bounded queue."""

import asyncio
import threading

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gatepost.database.readers import MAX_WAITING_READS, READ_THREADS
from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseBusy, DatabaseUnavailable
from tests.database.conftest import note, notes


@pytest.mark.parametrize("unlock", ["SELECT 1", "PRAGMA query_only=OFF"])
async def test_a_query_cannot_write(database: SqliteDatabase, unlock: str) -> None:
    """An INSERT in a query is a bug, told as what it is, and nothing in SQL can allow it."""

    def query(connection: Connection) -> None:
        connection.exec_driver_sql(unlock)
        note("a")(connection)

    with pytest.raises(OperationalError, match="readonly"):
        await database.read(query)
    assert [] == await database.read(notes)


async def test_reads_run_on_their_own_named_threads(database: SqliteDatabase) -> None:
    """A stack dump tells who reads."""
    name = await database.read(lambda _: threading.current_thread().name)
    assert name.startswith("gatepost-read")


async def test_the_queue_of_reads_is_bounded(database: SqliteDatabase) -> None:
    """One read more than may wait is refused at once; the others are answered."""
    go_on = threading.Event()
    reads = [
        asyncio.create_task(database.read(lambda _: go_on.wait())) for _ in range(READ_THREADS + MAX_WAITING_READS)
    ]
    await asyncio.sleep(0)  # each task runs up to its place in the queue
    with pytest.raises(DatabaseBusy):
        await database.read(notes)
    go_on.set()
    assert all(await asyncio.gather(*reads))
    assert [] == await database.read(notes)


async def test_a_read_whose_caller_left_gives_its_place_back(database: SqliteDatabase) -> None:
    """Cancelled reads, waiting or running, leave the threads and the places free."""
    for _ in range(3):
        go_on = threading.Event()
        waits = go_on.wait
        reads = [asyncio.create_task(database.read(lambda _, waits=waits: waits())) for _ in range(MAX_WAITING_READS)]
        await asyncio.sleep(0)
        for read in reads:
            read.cancel()
        go_on.set()
        await asyncio.wait(reads)
        assert [] == await database.read(notes)


async def test_without_a_thread_to_read_in_the_database_is_unavailable(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives no thread, however often it is asked: refused, no place is lost, and well again afterwards."""
    with monkeypatch.context() as no_threads:
        no_threads.setattr(threading.Thread, "start", _refused)
        for _ in range(READ_THREADS + MAX_WAITING_READS + 1):
            with pytest.raises(DatabaseUnavailable, match="no thread"):
                await database.read(lambda _: None)

    assert [] == await database.read(notes)


def _refused(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
