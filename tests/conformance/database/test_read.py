"""The contract of `read`, the same on every database."""

import asyncio

import pytest
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from gatepost.database.connection import Database
from gatepost.database.work import WorkRefused
from tests.conformance.database.barrier import Barrier, held_writers
from tests.conformance.database.conftest import note, notes, table


async def test_a_read_does_not_wait_for_a_write(database: Database, barrier: Barrier) -> None:
    """While every writer is inside a transaction a read answers, with what was committed before."""
    await database.write(note("a"))
    async with held_writers(database, barrier):
        assert ["a"] == await database.read(notes)
        await database.ready()


async def test_a_query_sees_one_moment(database: Database, barrier: Barrier) -> None:
    """What is committed while a query runs is not in it, and is in the next."""

    def twice(connection: Connection) -> tuple[list[str], list[str]]:
        first = notes(connection)
        barrier.wait(connection)
        return first, notes(connection)

    reading = asyncio.create_task(database.read(twice))
    await barrier.arrived(1)
    await database.write(note("a"))
    await barrier.open()
    assert ([], []) == await reading
    assert ["a"] == await database.read(notes)


async def test_a_query_cannot_write(database: Database) -> None:
    """An INSERT in a query is a bug, told as what it is and not as an outage."""
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.read(note("a"))
    assert [] == await database.read(notes)


async def test_a_query_returns_values(database: Database) -> None:
    """A cursor would want the connection when somebody else has it."""
    with pytest.raises(WorkRefused):
        await database.read(lambda connection: connection.execute(select(table)))


async def test_a_wrong_query_is_a_bug_and_not_an_outage(database: Database) -> None:
    """A missing table is not told as 503, and the next query is answered."""
    with pytest.raises(DBAPIError, match="nowhere"):
        await database.read(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    assert [] == await database.read(notes)


async def test_a_read_whose_caller_left_gives_its_place_back(database: Database, barrier: Barrier) -> None:
    """Cancelled reads, waiting or running, leave the connections and the places free."""
    reads = [asyncio.create_task(database.read(barrier.wait)) for _ in range(100)]
    await barrier.arrived(2)
    for read in reads:
        read.cancel()
    await asyncio.wait(reads)
    await barrier.open()
    assert [[]] * 100 == await asyncio.gather(*(database.read(notes) for _ in range(100)))
