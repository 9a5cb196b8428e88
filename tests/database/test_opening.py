"""Which file is opened, with which modes, and what is said when it cannot be."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.database.opening import open_database, open_for_reading, sqlite_path
from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import StartRefused
from tests.database.conftest import note, notes, notes_database
from tests.database.test_file_lock import owner
from tests.support.disk import small_disk


@pytest.fixture
def generous_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@pytest.mark.usefixtures("generous_umask")
async def test_nobody_else_can_read_the_files(tmp_path: Path) -> None:
    """The folder is made for its owner alone, and so are the file, its log, its index and its lock."""
    folder = tmp_path / "var"
    database = await open_database(f"sqlite:///{folder}/gatepost.db", wait_for_owner_s=0)
    assert oct(0o700) == mode(folder)
    names = ["gatepost.db", "gatepost.db-shm", "gatepost.db-wal", "gatepost.db.lock"]
    assert dict.fromkeys(names, oct(0o600)) == {file.name: mode(file) for file in sorted(folder.iterdir())}
    await database.close()


async def test_closing_leaves_no_log_behind(tmp_path: Path) -> None:
    """After an orderly stop everything is in the one file, also when reads were made last."""
    async with notes_database(tmp_path / "gatepost.db") as database:
        await database.write(note("a"))
        await database.read(notes)
    assert ["gatepost.db", "gatepost.db.lock"] == sorted(os.listdir(tmp_path))


def test_a_relative_and_an_absolute_path_are_told_apart() -> None:
    """Three slashes, then the path."""
    assert Path("var/gatepost.db") == sqlite_path("sqlite:///var/gatepost.db")
    assert Path("/var/gatepost.db") == sqlite_path("sqlite:////var/gatepost.db")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://user:secret@host/name", "mysql, which Gatepost does not know"),
        ("sqlite://", "must be sqlite:///relative/path"),
        ("sqlite:///:memory:", "must be in a file"),
        ("sqlite:///var/gatepost.db?mode=ro", "nothing after the path"),
        ("user:secret", "is no URL"),
    ],
)
async def test_a_url_that_names_no_file_is_refused(url: str, sentence: str) -> None:
    """The sentence says what to write instead, and repeats no password."""
    with pytest.raises(StartRefused, match=sentence) as refused:
        await open_database(url, wait_for_owner_s=0)
    assert "secret" not in str(refused.value)


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The sentence names the file and the folder."""
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(StartRefused, match=f"Give this user write access to {tmp_path}/var"):
        await SqliteDatabase.open(tmp_path / "var" / "gatepost.db", wait_for_owner_s=0)


async def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A disk mounted read-only is told at start, with its file."""
    with small_disk(tmp_path / "disk", size_kib=1_024) as disk:
        disk.make_read_only()
        with pytest.raises(StartRefused, match=f"cannot write the database {disk.path}/gatepost.db: Read-only"):
            await SqliteDatabase.open(disk.path / "gatepost.db", wait_for_owner_s=0)


async def test_a_disk_without_space_refuses_the_start(tmp_path: Path) -> None:
    """A database that cannot be made for lack of space is a sentence, not a traceback."""
    with small_disk(tmp_path / "disk", size_kib=1_024) as disk:
        disk.fill()
        with pytest.raises(StartRefused, match=f"{disk.path}"):
            await SqliteDatabase.open(disk.path / "gatepost.db", wait_for_owner_s=0)


async def test_the_command_line_reads_beside_a_running_service(tmp_path: Path) -> None:
    """It needs no lock: the owner keeps its file, and the reader sees what was committed."""
    path = tmp_path / "gatepost.db"
    with owner(path):
        reader = await open_for_reading(path)
        assert ["by the owner"] == await reader.read(notes)
        await reader.close()


async def test_the_command_line_reads_with_no_service_running(tmp_path: Path) -> None:
    """After an orderly stop it reads the file, and the next start does not mind what it left."""
    async with notes_database(tmp_path / "gatepost.db") as database:
        await database.write(note("a"))
    reader = await open_for_reading(f"sqlite:///{tmp_path}/gatepost.db")
    assert ["a"] == await reader.read(notes)
    async with notes_database(tmp_path / "gatepost.db") as database:
        await database.write(note("b"))
        assert ["a", "b"] == await reader.read(notes)
        await reader.close()


async def test_the_command_line_moves_no_frames(tmp_path: Path) -> None:
    """After a crash it reads what stands in the log, and leaves file and log to the byte as they were."""
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    async with notes_database(tmp_path / "gatepost.db") as database:
        await database.write(note("in the log"))
        for name in ("gatepost.db", "gatepost.db-wal"):
            shutil.copy(tmp_path / name, crashed / name)
    before = [(crashed / name).read_bytes() for name in ("gatepost.db", "gatepost.db-wal")]
    reader = await open_for_reading(crashed / "gatepost.db")
    assert ["in the log"] == await reader.read(notes)
    await reader.close()
    assert before == [(crashed / name).read_bytes() for name in ("gatepost.db", "gatepost.db-wal")]
    assert not (crashed / "gatepost.db.lock").exists()


async def test_reading_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The sentence names the file and how to get one; no file is made."""
    with pytest.raises(StartRefused, match=f"there is no database {tmp_path}/gatepost.db: start the service once"):
        await open_for_reading(tmp_path / "gatepost.db")
    assert [] == os.listdir(tmp_path)


async def test_reading_a_file_without_our_schema_is_refused(tmp_path: Path) -> None:
    """An empty file is no migrated database."""
    (tmp_path / "gatepost.db").touch()
    with pytest.raises(StartRefused, match="has schema revision none, this Gatepost needs"):
        await open_for_reading(tmp_path / "gatepost.db")
