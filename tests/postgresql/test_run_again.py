"""What runs again: transactions that got in each other's way, and those whose line was lost before COMMIT."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_lines import MAX_RUNS
from gatepost.errors import DatabaseUnavailable
from tests.conformance.database.barrier import PostgresqlBarrier
from tests.conformance.database.conftest import note, notes
from tests.support.postgresql import Server

_FILL = text("UPDATE notes SET filling = filling || '.' WHERE text = :text")


def filling(name: str) -> Callable[[Connection], int]:
    """A query: how often a note was filled."""
    return lambda connection: len(
        connection.exec_driver_sql(f"SELECT filling FROM notes WHERE text = '{name}'").scalar_one()
    )


async def test_a_serialization_failure_runs_again(database: PostgresqlDatabase, barrier: PostgresqlBarrier) -> None:
    """Two works change what both have read: both are kept, one of them after another run."""
    await database.write(note("a"))
    runs = 0

    def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        notes(tx)
        barrier.wait(tx)
        tx.execute(_FILL, {"text": "a"})

    writing = [asyncio.create_task(database.write(work)) for _ in range(2)]
    await barrier.arrived(2)
    await barrier.open()
    await asyncio.gather(*writing)
    assert 3 == runs
    assert 2 == await database.read(filling("a"))


async def test_a_deadlock_runs_again(database: PostgresqlDatabase, barrier: PostgresqlBarrier) -> None:
    """Two works lock two rows crosswise: the server ends one, which runs again, and both are kept."""
    for name in ("a", "b"):
        await database.write(note(name))
    runs = 0

    def crosswise(*names: str) -> Callable[[Connection], None]:
        def work(tx: Connection) -> None:
            nonlocal runs
            runs += 1
            tx.execute(_FILL, {"text": names[0]})
            barrier.wait(tx)
            tx.execute(_FILL, {"text": names[1]})

        return work

    writing = [asyncio.create_task(database.write(crosswise(*names))) for names in (("a", "b"), ("b", "a"))]
    await barrier.arrived(2)
    await barrier.open()
    await asyncio.gather(*writing)
    assert runs > 2
    assert (2, 2) == (await database.read(filling("a")), await database.read(filling("b")))


async def test_conflicts_without_end_are_told(database: PostgresqlDatabase) -> None:
    """A work that meets a conflict at every run is given up after a bounded number of them."""
    runs = 0

    def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        tx.execute(text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'serialization_failure'; END $$"))

    with pytest.raises(DatabaseUnavailable, match="got in each other's way"):
        await database.write(work)
    assert MAX_RUNS == runs


async def test_a_change_of_a_table_under_a_prepared_statement_runs_again(
    database: PostgresqlDatabase, postgresql_server: Server, postgresql_url: str
) -> None:
    """When another process migrates, statements prepared before it are made anew."""

    def everything(connection: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM notes"))]

    await database.write(note("a"))
    assert [("a", b"")] == await database.write(everything) == await database.read(everything)
    await postgresql_server.execute("ALTER TABLE gatepost.notes ADD COLUMN more integer", url=postgresql_url)
    assert [("a", b"", None)] == await database.write(everything) == await database.read(everything)


async def test_a_session_ended_while_it_was_idle_is_not_noticed(
    database: PostgresqlDatabase, postgresql_server: Server, postgresql_url: str
) -> None:
    """The next write and the next read open new ones."""
    await database.write(note("a"))
    await database.read(notes)
    assert await postgresql_server.end_sessions(postgresql_url, "gatepost write")
    assert await postgresql_server.end_sessions(postgresql_url, "gatepost read")
    await database.write(note("b"))
    assert ["a", "b"] == await database.read(notes)


@pytest.mark.parametrize("kind", ["write", "read"])
async def test_a_session_ended_within_a_transaction_costs_another_run(
    database: PostgresqlDatabase, barrier: PostgresqlBarrier, postgresql_server: Server, postgresql_url: str, kind: str
) -> None:
    """Nothing of the first run is kept, so the second writes its row once."""
    runs = 0

    def work(tx: Connection) -> list[str]:
        nonlocal runs
        runs += 1
        if kind == "write":
            note("a")(tx)
        barrier.wait(tx)
        return notes(tx)

    running = asyncio.create_task(database.write(work) if kind == "write" else database.read(work))
    await barrier.arrived(1)
    assert await postgresql_server.end_sessions(postgresql_url, f"gatepost {kind}")
    await barrier.open()
    expected = ["a"] if kind == "write" else []
    assert expected == await running
    assert expected == await database.read(notes)
    assert 2 == runs


async def test_a_work_that_does_not_notice_the_loss_of_its_line_runs_again(
    database: PostgresqlDatabase, postgresql_server: Server, postgresql_url: str
) -> None:
    """A value returned on a line that is gone meanwhile is no success."""
    runs = 0

    def work(tx: Connection) -> str:
        nonlocal runs
        runs += 1
        note("a")(tx)
        driver: Any = tx.connection.driver_connection
        if runs == 1:
            await_(postgresql_server.end_sessions(postgresql_url, "gatepost write"))
            while not driver.is_closed():
                await_(asyncio.sleep(0))
        return "done"

    assert "done" == await database.write(work)
    assert ["a"] == await database.read(notes)
    assert 2 == runs
