"""What a SQLite file adds to the contract of `write` (tests/conformance/database): groups that share one commit."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gatepost.database.sqlite import SqliteDatabase
from gatepost.database.work import WorkRefused
from gatepost.database.writer import MAX_GROUP_WORKS
from gatepost.errors import DatabaseUnavailable
from tests.database.conftest import held_writer, note, notes, outcomes_of_a_group


class Declined(Exception):
    """What a work of ours may raise."""


def declined(tx: Connection) -> None:
    note("declined")(tx)
    raise Declined


async def test_the_file_is_written_through_to_the_disk(database: SqliteDatabase) -> None:
    """The writing connection has a write-ahead log, syncs every commit, and enforces foreign keys."""

    def pragmas(tx: Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert ["wal", 2, 1, 100] == await database.write(pragmas)


async def test_what_a_work_raises_is_what_its_caller_gets(database: SqliteDatabase) -> None:
    """A work's own exception passes unchanged and leaves nothing, alone and in a group."""
    with pytest.raises(Declined):
        await database.write(declined)
    first, second, third = await outcomes_of_a_group(database, note("a"), declined, note("b"))
    assert ["a", "b"] == [first, third]
    assert isinstance(second, Declined)
    assert ["a", "b"] == await database.read(notes)


async def test_a_violated_constraint_is_told_as_such(database: SqliteDatabase) -> None:
    """IntegrityError passes unchanged, alone and in a group, and its neighbours are kept."""
    await database.write(note("a"))
    with pytest.raises(IntegrityError):
        await database.write(note("a"))
    _, second, _ = await outcomes_of_a_group(database, note("b"), note("a"), note("c"))
    assert isinstance(second, IntegrityError)
    assert ["a", "b", "c"] == await database.read(notes)


def swallows(tx: Connection) -> str:
    note("swallowed")(tx)
    with contextlib.suppress(IntegrityError):
        note("swallowed")(tx)
    return "done"


def catches_around_a_savepoint(tx: Connection) -> str:
    note("caught")(tx)
    with contextlib.suppress(IntegrityError), tx.begin_nested():
        note("caught")(tx)
    return "done"


def commits(tx: Connection) -> None:
    note("x")(tx)
    tx.commit()


def rolls_back(tx: Connection) -> None:
    note("x")(tx)
    tx.rollback()


def commits_the_transaction_object(tx: Connection) -> None:
    note("x")(tx)
    transaction = tx.get_transaction()
    assert transaction is not None
    transaction.commit()


def rolls_back_the_transaction_object(tx: Connection) -> None:
    note("x")(tx)
    transaction = tx.get_transaction()
    assert transaction is not None
    transaction.rollback()


def closes(tx: Connection) -> None:
    tx.close()


def closes_the_driver(tx: Connection) -> None:
    note("x")(tx)
    tx.connection.driver_connection.close()


def leaves_a_savepoint_open(tx: Connection) -> None:
    note("x")(tx)
    tx.begin_nested()


def returns_a_cursor(tx: Connection) -> object:
    note("x")(tx)
    return tx.exec_driver_sql("SELECT 1")


async def is_a_coroutine(tx: Connection) -> None:
    note("x")(tx)


BREACHES = [
    swallows,
    commits,
    rolls_back,
    commits_the_transaction_object,
    closes,
    leaves_a_savepoint_open,
    returns_a_cursor,
    is_a_coroutine,
]


@pytest.mark.parametrize("breach", BREACHES)
async def test_a_breach_does_not_touch_the_neighbours(
    database: SqliteDatabase, breach: Callable[[Connection], object]
) -> None:
    """In a group only the work that broke the contract is refused; the rows of the others are there, once."""
    first, second, third = await outcomes_of_a_group(database, note("a"), breach, note("b"))
    assert ["a", "b"] == [first, third]
    assert isinstance(second, WorkRefused)
    assert ["a", "b"] == await database.read(notes)


@pytest.mark.parametrize("breach", [rolls_back_the_transaction_object, closes_the_driver])
async def test_a_transaction_that_ended_early_is_no_success(
    database: SqliteDatabase, breach: Callable[[Connection], object]
) -> None:
    """Whoever ends the transaction behind our back, its work fails, and the others run again on a new connection."""
    with pytest.raises(DatabaseUnavailable):
        await database.write(breach)
    first, second, third = await outcomes_of_a_group(database, note("a"), breach, note("b"))
    assert ["a", "b"] == [first, third]
    assert isinstance(second, DatabaseUnavailable)
    assert ["a", "b"] == await database.read(notes)
    assert 1 == database.reruns


async def test_an_error_caught_around_a_savepoint_is_allowed(database: SqliteDatabase) -> None:
    """`begin_nested()` is the one place where a work may catch a database error."""
    assert "done" == await database.write(catches_around_a_savepoint)
    _, second = await outcomes_of_a_group(database, note("a"), lambda tx: tx.begin_nested().commit())
    assert second is None
    assert ["a", "caught"] == await database.read(notes)


async def test_waiting_works_share_one_commit(database: SqliteDatabase) -> None:
    """What waits while a transaction runs is committed together, in groups of bounded size."""
    before = database.commits
    texts = [f"{number:03}" for number in range(MAX_GROUP_WORKS + 10)]
    assert texts == await outcomes_of_a_group(database, *map(note, texts))
    assert 1 + 2 == database.commits - before  # the work that held the writer, 256, 10
    assert texts == await database.read(notes)


async def test_a_lone_work_has_a_commit_of_its_own(database: SqliteDatabase) -> None:
    """One after the other, each write is one commit."""
    before = database.commits
    for name in ("a", "b", "c"):
        await database.write(note(name))
    assert 3 == database.commits - before


async def test_an_answer_for_a_loop_that_is_gone_hurts_nobody(database: SqliteDatabase) -> None:
    """The writer survives a caller whose loop was closed."""

    async def leave_at_once() -> None:
        writing = asyncio.ensure_future(database.write(note("left")))
        await asyncio.sleep(0)
        writing.cancel()

    async with held_writer(database):
        await asyncio.to_thread(asyncio.run, leave_at_once())
    assert "a" == await database.write(note("a"))
