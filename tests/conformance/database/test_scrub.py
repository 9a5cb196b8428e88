"""What was deleted is unreadable in the files of SQLite; PostgreSQL frees its space, and says what is left to do."""

import asyncio
import random
import sqlite3
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from gatepost.database import scrubbing
from gatepost.database.connection import Database
from gatepost.errors import DatabaseUnavailable

NEEDLE = "needle@example.com"


def _put(tx: Connection, number: int, words: str) -> int:
    return tx.execute(
        text("INSERT INTO limits (key, spent_until) VALUES (:key, 1)"), {"key": words.encode() + bytes([number])}
    ).rowcount


def _forget(tx: Connection) -> int:
    return tx.execute(text("DELETE FROM limits")).rowcount


def _bytes_of(file: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(file.parent.glob(f"{file.name}*")))


async def test_works_go_on_before_and_after_it(database: Database) -> None:
    """It waits for its turn among those that write, and those behind it wait for it."""
    kept = [database.write(partial(_put, number=number, words="kept")) for number in range(5)]
    *values, left = await asyncio.gather(*kept, database.scrub())
    assert ([1] * 5, database.shared) == (values, left is not None)
    count = await database.read(lambda tx: tx.execute(text("SELECT count(*) FROM limits")).scalar())
    assert 5 == count
    await database.ready()


async def test_it_may_run_beside_itself(database: Database) -> None:
    """Two who erase at the same time disturb nobody."""
    await asyncio.gather(*(database.scrub() for _ in range(3)))
    assert 1 == await database.write(lambda tx: _put(tx, 0, "kept"))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_file_forgets_what_an_older_sqlite_left(database: Database, sqlite_file: Path) -> None:
    """Deleted while secure_delete was off: only writing the file anew gets it out of the free space."""
    await database.write(lambda tx: tx.exec_driver_sql("PRAGMA secure_delete=OFF").scalar())
    await database.write(lambda tx: [_put(tx, number, NEEDLE) for number in range(200)])
    await database.write(_forget)
    assert NEEDLE.encode() in _bytes_of(sqlite_file)
    assert None is await database.scrub()
    assert NEEDLE.encode() not in _bytes_of(sqlite_file)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_large_file_is_not_written_anew_beside_the_mail(
    database: Database, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this version deleted is gone from it all the same, and its log is cut; the rest is told."""
    monkeypatch.setattr(scrubbing, "MAX_REWRITTEN_BYTES", 1)
    chance = random.Random(8)
    await database.write(lambda tx: [_put(tx, number, NEEDLE) for number in chance.sample(range(256), 200)])
    await database.write(_forget)
    assert NEEDLE.encode() in _bytes_of(sqlite_file)  # in the log
    left = await database.scrub()
    assert "VACUUM" in str(left)
    assert NEEDLE.encode() not in _bytes_of(sqlite_file)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_who_reads_an_old_state_is_told_about(
    database: Database, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log cannot be cut under a backup tool; what to do is said."""
    monkeypatch.setattr(scrubbing, "_READERS_TIMEOUT_MS", 10)
    await database.write(lambda tx: _put(tx, 0, NEEDLE))
    foreign = sqlite3.connect(sqlite_file, isolation_level=None)
    foreign.execute("BEGIN")
    foreign.execute("SELECT * FROM limits").fetchone()
    await database.write(_forget)
    left = await database.scrub()
    foreign.close()
    assert "reads an old state" in str(left)
    assert None is await database.scrub()
    assert NEEDLE.encode() not in _bytes_of(sqlite_file)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_file_that_is_held_is_told_and_goes_on_later(database: Database, sqlite_file: Path) -> None:
    """Another program holds the write lock: nothing is harmed, and the next one succeeds."""
    await database.write(lambda tx: tx.exec_driver_sql("PRAGMA busy_timeout=10").scalar())
    foreign = sqlite3.connect(sqlite_file, isolation_level=None)
    foreign.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="write lock"):
        await database.scrub()
    foreign.close()
    assert None is await database.scrub()
    assert 1 == await database.write(lambda tx: _put(tx, 0, "kept"))
