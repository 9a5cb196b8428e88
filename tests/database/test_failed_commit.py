"""A COMMIT whose sync failed: its rows stand in the log, and must not come back by themselves."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseUnavailable
from tests.database.conftest import note, notes, outcomes_of_a_group
from tests.support.disk import failing_syncs


def notes_after_a_crash(database: SqliteDatabase, folder: Path) -> list[str]:
    """What recovery would find if the process died now: a copy of the file and its log, without the shared index."""
    folder.mkdir()
    for name in (database.path.name, f"{database.path.name}-wal"):
        shutil.copy(database.path.with_name(name), folder / name)
    connection = sqlite3.connect(folder / database.path.name)
    try:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY text")]
    finally:
        connection.close()


async def test_the_rows_of_a_failed_sync_are_overwritten(database: SqliteDatabase, tmp_path: Path) -> None:
    """A fence follows the failed COMMIT: neither a reader nor the recovery after a crash sees its rows."""
    await database.write(note("before"))
    await database.read(notes)  # with a reader open, closing the writer would leave the log as it is
    with failing_syncs(which="1"):
        with pytest.raises(DatabaseUnavailable):
            await database.write(note("failed"))
        assert ["before"] == await database.read(notes)
        assert ["before"] == notes_after_a_crash(database, tmp_path / "crashed")
        await database.ready()
    assert "after" == await database.write(note("after"))
    assert ["after", "before"] == await database.read(notes)


async def test_no_work_runs_while_the_outcome_of_a_commit_is_unknown(database: SqliteDatabase) -> None:
    """When the fence fails too, every write is refused until one fence got through; then the writer goes on."""
    await database.write(note("before"))
    with failing_syncs(which="1+"):
        outcomes = await outcomes_of_a_group(database, note("a"), note("b"))
        assert [DatabaseUnavailable] * 2 == [type(outcome) for outcome in outcomes]
        for work in (note("c"), notes):  # the second writes nothing, so its COMMIT would need no disk
            with pytest.raises(DatabaseUnavailable):
                await database.write(work)
        with pytest.raises(DatabaseUnavailable):
            await database.ready()
        assert ["before"] == await database.read(notes)
    assert "after" == await database.write(note("after"))
    assert ["after", "before"] == await database.read(notes)
    await database.ready()
