"""The file or its log disappears under a running service, or the log grows without end."""

import itertools
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gatepost.database import damage
from gatepost.database.group import WritingConnection
from gatepost.database.own_files import KEPT_LOG_BYTES, MAX_LOG_BYTES
from gatepost.database.sqlite import SqliteDatabase
from gatepost.database.sqlite_engine import writing_engine
from gatepost.errors import DatabaseUnavailable, StartRefused
from tests.database.conftest import note, notes

PAGE_BYTES = 4_096


async def test_a_file_that_was_moved_away_is_noticed_and_may_come_back(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    """Nothing is accepted meanwhile, also when another file lies in its place; afterwards everything is as before."""
    await database.write(note("before"))
    database.path.rename(tmp_path / "aside")
    for _ in range(2):  # deleted, then replaced
        with pytest.raises(DatabaseUnavailable, match="deleted or replaced"):
            await database.write(note("refused"))
        with pytest.raises(DatabaseUnavailable, match=r"gatepost\.db was deleted or replaced.*Put the file back"):
            await database.ready()
        database.path.write_bytes((tmp_path / "aside").read_bytes())

    (tmp_path / "aside").rename(database.path)
    await database.ready()
    assert "after" == await database.write(note("after"))
    assert ["after", "before"] == await database.read(notes)


async def test_what_stood_in_a_deleted_log_is_saved_by_an_orderly_stop(
    database: SqliteDatabase, tmp_path: Path
) -> None:
    """Nothing is accepted once the log is gone, and what was accepted before is there after a restart."""
    await database.write(note("before"))
    await database.read(notes)
    database.path.with_name("gatepost.db-wal").unlink()
    with pytest.raises(DatabaseUnavailable, match=r"gatepost\.db-wal was deleted or replaced.*SIGTERM"):
        await database.write(note("refused"))
    with pytest.raises(DatabaseUnavailable):
        await database.ready()

    await database.close()
    again = await SqliteDatabase.open(database.path, wait_for_owner_s=0)
    assert ["before"] == await again.read(notes)
    await again.close()


async def test_a_commit_into_a_file_that_has_just_gone_is_no_success(database: SqliteDatabase, tmp_path: Path) -> None:
    """The file disappears between the look before the works and their commit: their callers are not told "done"."""
    await database.write(note("before"))

    def lose_the_file(tx: object) -> None:
        database.path.rename(tmp_path / "aside")

    with pytest.raises(DatabaseUnavailable, match="deleted or replaced"):
        await database.write(lose_the_file)
    (tmp_path / "aside").rename(database.path)


@contextmanager
def an_old_state_being_read(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchone()
        yield


async def test_a_log_that_cannot_be_moved_is_bounded(database: SqliteDatabase) -> None:
    """While somebody reads an old state it grows up to its bound; afterwards it is moved and writes are taken."""
    await database.write(note("before"))
    limit = 64 * PAGE_BYTES
    writing = WritingConnection(writing_engine(database.path), database.path, max_log_bytes=limit)
    try:
        with an_old_state_being_read(database.path):
            numbers = itertools.count()
            while (refused := writing.run([note(f"while it reads {next(numbers)}")])[0].error) is None:
                assert database.log_bytes < 2 * limit
            assert isinstance(refused, DatabaseUnavailable)
            assert "has not finished: end that program" in str(refused)
        assert writing.run([note("after")])[0].error is None
        assert database.log_bytes < limit
    finally:
        writing.close()


async def test_a_log_that_has_grown_is_cut_back(database: SqliteDatabase) -> None:
    """The bounds belong to the connection that writes, which also keeps what is cut back small."""
    assert KEPT_LOG_BYTES == await database.write(lambda tx: tx.exec_driver_sql("PRAGMA journal_size_limit").scalar())
    assert KEPT_LOG_BYTES < MAX_LOG_BYTES


async def test_a_damaged_page_refuses_the_start(database: SqliteDatabase, tmp_path: Path) -> None:
    """Any page: it is found before anything is promised, and the sentence says what to do."""
    await database.write(note("before"))
    await database.close()
    pages = database.path.stat().st_size // PAGE_BYTES
    for page in (1, pages // 2, pages - 1):
        damaged = tmp_path / f"damaged-{page}.db"
        damaged.write_bytes(database.path.read_bytes())
        with damaged.open("r+b") as file:
            os.pwrite(file.fileno(), b"\xa5" * PAGE_BYTES, page * PAGE_BYTES)
        with pytest.raises(StartRefused, match=r"is damaged.*restore a backup"):
            await SqliteDatabase.open(damaged, wait_for_owner_s=0)


async def test_the_look_for_damage_has_an_end(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file too large to be looked through in time is opened all the same."""
    await database.write(lambda tx: [note(str(number))(tx) for number in range(2_000)])
    await database.close()
    monkeypatch.setattr(damage, "LOOK_S", -1.0)
    monkeypatch.setattr(damage, "_STEPS_BETWEEN_LOOKS_AT_THE_CLOCK", 10)
    again = await SqliteDatabase.open(database.path, wait_for_owner_s=0)
    assert "after" == await again.write(note("after"))
    await again.close()
