"""The revisions in the package and the tables in the code say the same, and a start applies them."""

import asyncio
import difflib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

from gatepost.database import upgrade
from gatepost.database.opening import open_for_reading
from gatepost.database.schema import current_revision, head_revision, known_revisions
from gatepost.database.sqlite import SqliteDatabase
from gatepost.errors import DatabaseUnavailable, SchemaTooNew, StartRefused
from tests.database.tables import schema_of_the_file, schema_of_the_tables


async def migrated(path: Path) -> Path:
    await (await SqliteDatabase.open(path, wait_for_owner_s=0)).close()
    return path


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


async def test_a_migrated_database_has_the_tables_of_the_code(tmp_path: Path) -> None:
    """Columns, keys, CHECKs, indexes and triggers are alike; `tests.database.write_revision` helps when not."""
    expected, found = schema_of_the_tables(), schema_of_the_file(await migrated(tmp_path / "gatepost.db"))
    difference = difflib.unified_diff(found, expected, "the migrations", "the tables", lineterm="", n=0)
    assert expected == found, "\n".join(difference)
    assert any(line.startswith("messages: ") for line in expected)


def test_the_revisions_form_one_line() -> None:
    """Exactly one head, and every revision has one parent."""
    scripts = ScriptDirectory.from_config(upgrade.config())
    assert [head_revision()] == scripts.get_heads()
    assert 1 == sum(revision.down_revision is None for revision in scripts.walk_revisions())


def test_a_revision_is_called_what_its_file_is_called() -> None:
    """Which revisions there are is read from the file names, so that a start without a migration needs no Alembic."""
    scripts = ScriptDirectory.from_config(upgrade.config())
    assert list(known_revisions()) == [revision.revision for revision in reversed(list(scripts.walk_revisions()))]


def test_a_start_without_a_migration_does_not_load_alembic() -> None:
    """It would cost every start a third of a second."""
    code = "import sys, gatepost.cli; sys.exit('alembic' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


async def test_the_revision_can_be_read(tmp_path: Path) -> None:
    """An open database has the revision this version needs, and is ready."""
    database = await SqliteDatabase.open(tmp_path / "gatepost.db", wait_for_owner_s=0)
    assert head_revision() == await database.read(current_revision)
    await database.ready()
    await database.close()


async def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    """A migrated file is opened as it is."""
    before = schema_of_the_file(await migrated(tmp_path / "gatepost.db"))
    assert before == schema_of_the_file(await migrated(tmp_path / "gatepost.db"))


async def test_a_schema_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """The sentence names the file, the revision and the way out; the file is left as it is."""
    path = await migrated(tmp_path / "gatepost.db")
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    for attempt in (migrated, open_for_reading):
        with pytest.raises(SchemaTooNew, match=f"{path} has schema revision 9999, made by a later Gatepost"):
            await attempt(path)


async def test_a_revision_is_applied_whole_or_not_at_all(tmp_path: Path) -> None:
    """When its last table cannot be made, none of the others is there."""
    path = tmp_path / "gatepost.db"
    execute(path, "CREATE TABLE tokens (mine TEXT)")
    with pytest.raises(OperationalError, match="tokens already exists"):
        await migrated(path)
    assert ["tokens: CREATE TABLE tokens (mine TEXT)"] == schema_of_the_file(path)


async def test_two_databases_can_be_migrated_at_a_time(tmp_path: Path) -> None:
    """Alembic's global context does not mix them up."""
    paths = [tmp_path / f"{number}.db" for number in range(4)]
    await asyncio.gather(*map(migrated, paths))
    assert [schema_of_the_tables()] * 4 == [schema_of_the_file(path) for path in paths]


async def test_a_file_that_is_no_database_refuses_the_start(tmp_path: Path) -> None:
    """The sentence says that the file is damaged, and nothing is written into it."""
    path = tmp_path / "gatepost.db"
    content = b"Dear diary, this is no database. " * 100
    path.write_bytes(content)
    with pytest.raises(StartRefused, match=f"{path}: the file is damaged or no SQLite database"):
        await migrated(path)
    assert content == path.read_bytes()


async def test_a_schema_changed_under_our_hands_is_not_ready(tmp_path: Path) -> None:
    """Another version that migrated the running service's file shows in /readyz."""
    database = await SqliteDatabase.open(tmp_path / "gatepost.db", wait_for_owner_s=0)
    execute(database.path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnavailable, match="has schema revision 9999, not"):
        await database.ready()
    await database.close()
