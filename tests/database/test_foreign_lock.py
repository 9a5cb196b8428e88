"""Another program that holds the write lock of the file."""

import sqlite3

import pytest
from sqlalchemy import Connection

from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseUnavailable, StartRefused
from tests.database.conftest import BUSY_TIMEOUT_MS, note, notes, outcomes_of_a_group


async def test_a_foreign_write_lock_is_told_after_the_busy_timeout(database: SqliteDatabase) -> None:
    """While a foreign BEGIN IMMEDIATE is open writes are refused and reads go on; afterwards all is well."""
    foreign = sqlite3.connect(database.path, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="another program holds its write lock"):
        await database.write(note("a"))
    assert [] == await database.read(notes)
    foreign.execute("ROLLBACK")
    foreign.close()
    assert "a" == await database.write(note("a"))
    assert ["a", "b"] == [*await database.read(notes), *await outcomes_of_a_group(database, note("b"))]


async def test_a_foreign_write_lock_refuses_the_start(database: SqliteDatabase) -> None:
    """A file whose schema cannot be brought up to date is not opened."""
    path = database.path.with_name("other.db")
    foreign = sqlite3.connect(path, isolation_level=None)
    foreign.execute("PRAGMA journal_mode=WAL")
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(StartRefused, match=str(path)):
        await SqliteDatabase.open(path, wait_for_owner_s=0, busy_timeout_ms=BUSY_TIMEOUT_MS)
    foreign.execute("ROLLBACK")
    foreign.close()
    await (await SqliteDatabase.open(path, wait_for_owner_s=0)).close()


async def test_a_transaction_has_the_write_lock_from_its_beginning(database: SqliteDatabase) -> None:
    """A work that has only read so far cannot lose the lock to somebody else: nobody else can write."""

    def foreign_attempt(tx: Connection) -> str:
        notes(tx)
        foreign = sqlite3.connect(database.path, isolation_level=None, timeout=0)
        try:
            foreign.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return str(error)
        finally:
            foreign.close()
        return "it got the lock"

    assert "database is locked" == await database.write(foreign_attempt)
