"""The contract of `write`, shown on a real file."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError, OperationalError

from gatepost.database.sqlite import SqliteDatabase
from gatepost.database.work import WorkRefused
from gatepost.database.writer import MAX_GROUP_WORKS, MAX_WAITING_WORKS
from gatepost.errors import DatabaseBusy, DatabaseUnavailable
from tests.database.conftest import held_writer, note, notes, notes_database, outcomes_of_a_group


class Declined(Exception):
    """What a work of ours may raise."""


def declined(tx: Connection) -> None:
    note("declined")(tx)
    raise Declined


async def test_a_value_comes_back_once_the_row_is_committed(database: SqliteDatabase) -> None:
    """Another connection sees the row as soon as `write` has returned."""
    assert "a" == await database.write(note("a"))
    outside = sqlite3.connect(database.path)
    assert [("a",)] == outside.execute("SELECT text FROM notes").fetchall()
    outside.close()


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


async def test_a_wrong_statement_is_a_bug_and_not_an_outage(database: SqliteDatabase) -> None:
    """A missing table is not told as 503."""
    with pytest.raises(OperationalError):
        await database.write(lambda tx: tx.execute(text("INSERT INTO nowhere VALUES (1)")))


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
async def test_a_breach_of_the_contract_is_refused(
    database: SqliteDatabase, breach: Callable[[Connection], object]
) -> None:
    """A work that swallows an error, ends its transaction or returns no value is refused and leaves nothing."""
    with pytest.raises(WorkRefused):
        await database.write(breach)
    assert [] == await database.read(notes)
    assert "after" == await database.write(note("after"))


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


@pytest.mark.parametrize("fatal", [StopIteration, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_an_exception_that_would_end_the_loop_is_wrapped(
    database: SqliteDatabase, fatal: type[BaseException]
) -> None:
    """StopIteration, SystemExit and their like reach the caller as RuntimeError, with the cause chained."""

    def work(tx: Connection) -> None:
        tx.exec_driver_sql("SELECT 1")
        raise fatal

    for call in (database.write, database.read):
        with pytest.raises(RuntimeError) as told:
            await call(work)
        assert fatal is type(told.value.__cause__)
    assert "after" == await database.write(note("after"))


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


async def test_a_work_whose_caller_left_before_it_began_never_runs(database: SqliteDatabase) -> None:
    """Cancelled while it waits: no row."""
    async with held_writer(database):
        writing = asyncio.create_task(database.write(note("a")))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
    assert "b" == await database.write(note("b"))
    assert ["b"] == await database.read(notes)


async def test_a_work_that_began_is_not_cancelled_with_its_caller(database: SqliteDatabase) -> None:
    """Cancelled while it runs: the row is there all the same."""
    entered, leave = threading.Event(), threading.Event()

    def work(tx: Connection) -> None:
        entered.set()
        leave.wait()
        note("a")(tx)

    writing = asyncio.create_task(database.write(work))
    await asyncio.to_thread(entered.wait)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    leave.set()
    await database.write(note("b"))
    assert ["a", "b"] == await database.read(notes)


async def test_the_queue_of_writes_is_bounded(database: SqliteDatabase) -> None:
    """One work more than may wait is refused at once, and everything that was taken is done."""
    async with held_writer(database):
        writes = [asyncio.create_task(database.write(note(f"{number:04}"))) for number in range(MAX_WAITING_WORKS)]
        await asyncio.sleep(0)
        with pytest.raises(DatabaseBusy):
            await database.write(note("one too many"))
    await asyncio.gather(*writes)
    assert MAX_WAITING_WORKS == len(await database.read(notes))


async def test_closing_finishes_what_waits_and_refuses_the_rest(tmp_path: Path) -> None:
    """A stop loses no work it has taken, and takes no more."""
    async with notes_database(tmp_path / "gatepost.db") as database:
        async with held_writer(database):
            writes = [asyncio.create_task(database.write(note(name))) for name in ("a", "b")]
            await asyncio.sleep(0)
            closing = asyncio.create_task(database.close())
            while True:
                try:
                    database._writer.check()
                except DatabaseUnavailable:
                    break
                await asyncio.sleep(0)
            with pytest.raises(DatabaseUnavailable):
                await database.write(note("c"))
        assert ["a", "b"] == await asyncio.gather(*writes)
        await closing
        with pytest.raises(DatabaseUnavailable):
            await database.read(notes)
    async with notes_database(tmp_path / "gatepost.db") as database:
        assert ["a", "b"] == await database.read(notes)


async def test_a_caller_in_another_loop_is_served(database: SqliteDatabase) -> None:
    """A write from another thread's loop returns there."""
    assert "a" == await asyncio.to_thread(asyncio.run, database.write(note("a")))


async def test_an_answer_for_a_loop_that_is_gone_hurts_nobody(database: SqliteDatabase) -> None:
    """The writer survives a caller whose loop was closed."""

    async def leave_at_once() -> None:
        writing = asyncio.ensure_future(database.write(note("left")))
        await asyncio.sleep(0)
        writing.cancel()

    async with held_writer(database):
        await asyncio.to_thread(asyncio.run, leave_at_once())
    assert "a" == await database.write(note("a"))
