"""A full disk: no success without its rows, no row without its success, and recovery without a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseUnavailable
from tests.database.conftest import note, notes, notes_database, outcomes_of_a_group
from tests.support.disk import SmallDisk, small_disk

_DISK_KIB = 4_096
_PAGES_KIB = 24
_TOO_LARGE = bytes(8 * 1024 * 1024)  # never fits, and spills from the page cache before the COMMIT


@contextlib.asynccontextmanager
async def on_a_small_disk(folder: Path) -> AsyncIterator[tuple[SqliteDatabase, SmallDisk]]:
    with small_disk(folder, size_kib=_DISK_KIB) as disk:
        async with notes_database(disk.path / "gatepost.db") as database:
            yield database, disk


def names(count: int) -> list[str]:
    return [f"{number:02}" for number in range(count)]


async def test_a_full_disk_is_told_and_mends_itself(tmp_path: Path) -> None:
    """While the disk is full every write is refused as unavailable; once it is freed the same process goes on."""
    async with on_a_small_disk(tmp_path / "disk") as (database, disk):
        await database.write(note("before"))
        disk.fill()
        refused = []
        written = ["before"]
        for name in names(20):
            try:
                written.append(await database.write(note(name, bytes(_PAGES_KIB * 1024))))
            except DatabaseUnavailable as error:
                refused.append(str(error))
        assert len(refused) >= 19  # at most one still fitted into the log as it was
        assert all(f"{database.path}: the disk is full" in sentence for sentence in refused)
        assert sorted(written) == await database.read(notes)
        disk.free()
        assert "later" == await database.write(note("later", bytes(_PAGES_KIB * 1024)))
        assert sorted([*written, "later"]) == await database.read(notes)
        await database.ready()


async def test_every_work_of_a_group_that_cannot_be_committed_is_told(tmp_path: Path) -> None:
    """A COMMIT that fails fails every work in it; after the space is back none of their rows appears."""
    async with on_a_small_disk(tmp_path / "disk") as (database, disk):
        disk.fill()
        before = database.commits
        works = [note(name, bytes(_PAGES_KIB * 1024)) for name in names(16)]
        outcomes = await outcomes_of_a_group(database, *works)
        assert [DatabaseUnavailable] * 16 == [type(outcome) for outcome in outcomes]
        assert 1 == database.commits - before  # the work that held the writer
        disk.free()
        assert "later" == await database.write(note("later"))
        assert ["later"] == await database.read(notes)


async def test_the_rows_of_a_failed_commit_stay_away_after_a_restart(tmp_path: Path) -> None:
    """What was told as failed is not found by the recovery of the log."""
    with small_disk(tmp_path / "disk", size_kib=_DISK_KIB) as disk:
        async with notes_database(disk.path / "gatepost.db") as database:
            disk.fill()
            outcomes = await outcomes_of_a_group(database, *[note(name, bytes(50_000)) for name in names(4)])
            assert [DatabaseUnavailable] * 4 == [type(outcome) for outcome in outcomes]
            disk.free()
        async with notes_database(disk.path / "gatepost.db") as database:
            assert [] == await database.read(notes)


def too_large(tx: Connection) -> None:
    note("too large", _TOO_LARGE)(tx)


def swallows_too_large(tx: Connection) -> str:
    note("swallowed")(tx)
    with contextlib.suppress(OperationalError), tx.begin_nested():
        too_large(tx)
    return "done"


@pytest.mark.parametrize("work", [too_large, swallows_too_large])
async def test_a_statement_that_fills_the_disk_spoils_only_its_own_work(
    tmp_path: Path, work: Callable[[Connection], object]
) -> None:
    """SQLite ends the whole transaction inside a statement: the neighbours run again alone and tell the truth."""
    async with on_a_small_disk(tmp_path / "disk") as (database, _):
        outcomes = await outcomes_of_a_group(database, note("a"), note("b"), work, note("c"))
        assert isinstance(outcomes.pop(2), DatabaseUnavailable)
        assert ["a", "b", "c"] == outcomes
        assert ["a", "b", "c"] == await database.read(notes)
        assert 1 == database.reruns


async def test_a_lone_work_that_swallows_the_full_disk_is_no_success(tmp_path: Path) -> None:
    """Caught around a savepoint, the error still took the whole transaction with it."""
    async with on_a_small_disk(tmp_path / "disk") as (database, _):
        with pytest.raises(DatabaseUnavailable):
            await database.write(swallows_too_large)
        assert [] == await database.read(notes)


async def test_a_storm_on_a_filling_disk_tells_the_truth(tmp_path: Path) -> None:
    """Many writers while the disk runs full: the rows are exactly those of the calls that succeeded."""
    async with on_a_small_disk(tmp_path / "disk") as (database, disk):
        writes = [database.write(note(f"{number:03}", bytes(20_000))) for number in range(400)]
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        written = sorted(outcome for outcome in outcomes if isinstance(outcome, str))
        refused = [outcome for outcome in outcomes if isinstance(outcome, DatabaseUnavailable)]
        assert 400 == len(written) + len(refused)
        assert refused
        assert written == await database.read(notes)
        with contextlib.suppress(FileNotFoundError):
            disk.free()
