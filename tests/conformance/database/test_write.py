"""The contract of `write`, the same on every database."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from gatepost.database.connection import Database
from gatepost.database.opening import open_database, open_for_reading
from gatepost.database.work import WorkRefused
from gatepost.errors import DatabaseBusy, DatabaseUnavailable
from tests.conformance.database.barrier import Barrier, held_writers
from tests.conformance.database.conftest import note, notes, table

MAX_WAITING = 4_096


async def closed(database: Database) -> None:
    """Return once it takes no more works."""
    with contextlib.suppress(DatabaseUnavailable):
        while True:
            await database.ready()


class Declined(Exception):
    """What a work of ours may raise."""


def declined(tx: Connection) -> None:
    note("declined")(tx)
    raise Declined


async def test_a_value_comes_back_once_the_row_is_committed(database: Database, database_url: str) -> None:
    """Whoever opens the database sees the row as soon as `write` has returned."""
    assert "a" == await database.write(note("a"))
    reader = await open_for_reading(database_url)
    assert ["a"] == await reader.read(notes)
    await reader.close()


async def test_what_a_work_raises_is_what_its_caller_gets(database: Database) -> None:
    """A work's own exception passes unchanged and leaves nothing."""
    with pytest.raises(Declined):
        await database.write(declined)
    assert [] == await database.read(notes)


async def test_a_violated_constraint_is_told_as_such(database: Database) -> None:
    """IntegrityError passes unchanged, and nothing of its work is kept."""
    await database.write(note("a"))
    with pytest.raises(IntegrityError):
        await database.write(lambda tx: [note("b")(tx), note("a")(tx)])
    assert ["a"] == await database.read(notes)


async def test_a_wrong_statement_is_a_bug_and_not_an_outage(database: Database) -> None:
    """A missing table is not told as 503."""
    with pytest.raises(DBAPIError, match="nowhere"):
        await database.write(lambda tx: tx.execute(text("INSERT INTO nowhere VALUES (1)")))


async def test_an_error_of_a_works_own_is_no_outage_whatever_caused_it(database: Database) -> None:
    """What a work makes of a database error is its own, and passes unchanged."""

    def work(tx: Connection) -> None:
        try:
            tx.execute(text("INSERT INTO nowhere VALUES (1)"))
        except DBAPIError as error:
            raise Declined from error

    with pytest.raises(Declined):
        await database.write(work)


def swallows(tx: Connection) -> str:
    note("swallowed")(tx)
    with contextlib.suppress(IntegrityError):
        note("swallowed")(tx)
    return "done"


def commits(tx: Connection) -> None:
    note("x")(tx)
    tx.commit()


def commits_the_transaction_object(tx: Connection) -> None:
    note("x")(tx)
    transaction = tx.get_transaction()
    assert transaction is not None
    transaction.commit()


def rolls_back(tx: Connection) -> None:
    note("x")(tx)
    tx.rollback()


def closes(tx: Connection) -> None:
    tx.close()


def leaves_a_savepoint_open(tx: Connection) -> None:
    note("x")(tx)
    tx.begin_nested()


def returns_a_cursor(tx: Connection) -> object:
    note("x")(tx)
    return tx.execute(select(table))


async def is_a_coroutine(tx: Connection) -> None:
    note("x")(tx)


@pytest.mark.parametrize(
    "breach",
    [
        swallows,
        commits,
        commits_the_transaction_object,
        rolls_back,
        closes,
        leaves_a_savepoint_open,
        returns_a_cursor,
        is_a_coroutine,
    ],
)
async def test_a_breach_of_the_contract_is_refused(database: Database, breach: Callable[[Connection], object]) -> None:
    """A work that swallows an error, ends its transaction or returns no value is refused and leaves nothing."""
    with pytest.raises(WorkRefused):
        await database.write(breach)
    assert [] == await database.read(notes)
    assert "after" == await database.write(note("after"))


def rolls_back_the_transaction_object(tx: Connection) -> None:
    note("x")(tx)
    transaction = tx.get_transaction()
    assert transaction is not None
    transaction.rollback()


def rolls_back_in_sql(tx: Connection) -> None:
    note("x")(tx)
    tx.exec_driver_sql("ROLLBACK")


@pytest.mark.parametrize("breach", [rolls_back_the_transaction_object, rolls_back_in_sql])
async def test_a_transaction_that_ended_early_is_no_success(
    database: Database, breach: Callable[[Connection], object]
) -> None:
    """Whoever ends the transaction behind our back, its work fails, and the next one succeeds."""
    with pytest.raises(DatabaseUnavailable, match="ended inside a work"):
        await database.write(breach)
    assert "after" == await database.write(note("after"))
    assert ["after"] == await database.read(notes)


async def test_an_error_caught_around_a_savepoint_is_allowed(database: Database) -> None:
    """`begin_nested()` is the one place where a work may catch a database error."""

    def work(tx: Connection) -> str:
        note("caught")(tx)
        with contextlib.suppress(IntegrityError), tx.begin_nested():
            note("caught")(tx)
        return note("after")(tx)

    assert "after" == await database.write(work)
    assert ["after", "caught"] == await database.read(notes)


@pytest.mark.parametrize("fatal", [StopIteration, SystemExit, KeyboardInterrupt, asyncio.CancelledError])
async def test_an_exception_that_would_end_the_loop_is_wrapped(database: Database, fatal: type[BaseException]) -> None:
    """StopIteration, SystemExit and their like reach the caller as RuntimeError, with the cause chained."""

    def work(tx: Connection) -> None:
        tx.execute(text("SELECT 1"))
        raise fatal

    for call in (database.write, database.read):
        with pytest.raises(RuntimeError) as told:
            await call(work)
        assert fatal is type(told.value.__cause__)
    assert "after" == await database.write(note("after"))


async def test_a_hundred_writes_at_once_are_all_kept(database: Database) -> None:
    """Works that meet at one row wait for one another; none is lost and none runs twice in what is kept."""
    await database.write(note("counted"))

    def count(tx: Connection) -> None:
        tx.execute(update(table).values(filling=table.c.filling.concat(b".")))

    await asyncio.gather(*(database.write(count) for _ in range(100)))
    assert 100 == await database.read(lambda connection: len(connection.execute(select(table.c.filling)).scalar_one()))


async def test_a_work_whose_caller_left_before_it_began_never_runs(database: Database, barrier: Barrier) -> None:
    """Cancelled while it waits: no row."""
    async with held_writers(database, barrier):
        writing = asyncio.create_task(database.write(note("a")))
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.wait([writing])
    assert "b" == await database.write(note("b"))
    assert ["b"] == await database.read(notes)


async def test_a_work_that_began_is_not_cancelled_with_its_caller(
    database: Database, barrier: Barrier, database_url: str
) -> None:
    """Cancelled while it runs: closing waits for it, and the next process finds its row."""
    runs = 0

    def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        barrier.wait(tx)
        note("a")(tx)

    writing = asyncio.create_task(database.write(work))
    await barrier.arrived(1)
    writing.cancel()
    await asyncio.wait([writing])
    closing = asyncio.create_task(database.close())
    await closed(database)
    await barrier.open()
    await closing
    assert 1 == runs
    reader = await open_for_reading(database_url)
    assert ["a"] == await reader.read(notes)
    await reader.close()


async def test_the_queue_of_writes_is_bounded(database: Database, barrier: Barrier) -> None:
    """One work more than may wait is refused at once, and everything that was taken is done."""
    async with held_writers(database, barrier):
        writes = [asyncio.create_task(database.write(note(f"{number:04}"))) for number in range(MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(DatabaseBusy):
            await database.write(note("one too many"))
    await asyncio.gather(*writes)
    assert MAX_WAITING == len(await database.read(notes))


async def test_closing_finishes_what_waits_and_refuses_the_rest(
    database: Database, barrier: Barrier, database_url: str
) -> None:
    """A stop loses no work it has taken, and takes no more."""
    async with held_writers(database, barrier):
        writes = [asyncio.create_task(database.write(note(name))) for name in ("a", "b")]
        await asyncio.sleep(0)
        closing = asyncio.create_task(database.close())
        await closed(database)
        with pytest.raises(DatabaseUnavailable, match="is closed"):
            await database.write(note("c"))
    assert ["a", "b"] == await asyncio.gather(*writes)
    await closing
    await database.close()  # once more harms nobody
    with pytest.raises(DatabaseUnavailable, match="is closed"):
        await database.read(notes)
    again = await open_database(database_url, wait_for_owner_s=0)
    assert ["a", "b"] == await again.read(notes)
    await again.close()


async def test_a_caller_in_another_loop_is_served(database: Database) -> None:
    """A write or a read from another thread's loop returns there."""
    assert "a" == await asyncio.to_thread(asyncio.run, database.write(note("a")))
    assert ["a"] == await asyncio.to_thread(asyncio.run, database.read(notes))
