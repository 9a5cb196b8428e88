"""One process owns a SQLite file, and its death, however it dies, frees it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.database.file_lock import FileLock
from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseInUse, StartRefused
from tests.database.conftest import notes, notes_database

_PATIENCE_S = 20


@contextlib.contextmanager
def owner(path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that has `path` open, and the number of its forked child or 0."""
    command = [sys.executable, "-m", "tests.database.owner", str(path), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        word, child = process.stdout.readline().split()
        assert "open" == word
        try:
            yield process, int(child)
        finally:
            process.kill()


async def test_a_second_process_is_refused_with_the_owners_number(tmp_path: Path) -> None:
    """It is told which process has the file and what to do."""
    path = tmp_path / "gatepost.db"
    with owner(path) as (process, _):
        with pytest.raises(DatabaseInUse) as refused:
            await SqliteDatabase.open(path, wait_for_owner_s=0)
        assert f"{path} is in use by process {process.pid}" in str(refused.value)
        assert "stop that process, or set GATEPOST_DATABASE_URL to another file" in str(refused.value)


async def test_a_second_process_waits_for_the_first_to_stop(tmp_path: Path) -> None:
    """It says once that it waits, and goes on as soon as the owner has finished."""
    path = tmp_path / "gatepost.db"
    sentences = []
    with owner(path) as (process, _):

        def on_waiting(sentence: str) -> None:
            sentences.append(sentence)
            assert process.stdin is not None
            process.stdin.close()

        database = await SqliteDatabase.open(path, wait_for_owner_s=_PATIENCE_S, on_waiting=on_waiting)
        assert [
            f"{path} is in use by process {process.pid}: waiting up to {_PATIENCE_S} s for it to stop."
        ] == sentences
        assert ["by the owner"] == await database.read(notes)
        await database.close()


@pytest.mark.parametrize("options", [(), ("fork",)], ids=["alone", "with a forked child"])
async def test_a_killed_owner_frees_the_file_at_once(tmp_path: Path, options: tuple[str, ...]) -> None:
    """After kill -9 the next process opens the file without waiting, and finds what was committed."""
    path = tmp_path / "gatepost.db"
    with owner(path, *options) as (process, child):
        process.kill()
        process.wait()
        try:
            async with notes_database(path) as database:
                assert ["by the owner"] == await database.read(notes)
        finally:
            if child:
                os.kill(child, signal.SIGKILL)


async def test_one_process_cannot_open_a_file_twice(database: SqliteDatabase, tmp_path: Path) -> None:
    """Neither by its name nor by another name for it."""
    (tmp_path / "link.db").symlink_to(database.path)
    for path in (database.path, tmp_path / "link.db"):
        with pytest.raises(DatabaseInUse, match="this one, or"):
            await SqliteDatabase.open(path, wait_for_owner_s=0)


async def test_a_closed_file_can_be_opened_again(tmp_path: Path) -> None:
    """Closing frees the lock; the lock file stays, because removing it would let two owners in."""
    for _ in range(2):
        async with notes_database(tmp_path / "gatepost.db"):
            pass
    assert ["gatepost.db", "gatepost.db.lock"] == sorted(os.listdir(tmp_path))


async def test_a_refused_start_frees_the_file(tmp_path: Path) -> None:
    """When the database cannot be opened, its lock is not kept."""
    path = tmp_path / "gatepost.db"
    path.write_bytes(b"this is no database at all, but long enough to look" * 100)
    with pytest.raises(StartRefused, match="damaged or no SQLite database"):
        await SqliteDatabase.open(path, wait_for_owner_s=0)
    (await FileLock.take(path, wait_for_owner_s=0)).release()
