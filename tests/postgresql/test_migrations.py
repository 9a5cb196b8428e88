"""The revisions make on PostgreSQL what the tables in the code say, in a schema of ours, whoever else starts."""

import asyncio
import difflib
from collections.abc import Iterator

import asyncpg
import pytest
from sqlalchemy.exc import ProgrammingError

from gatepost.database.opening import open_for_reading
from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.schema import current_revision, head_revision
from gatepost.errors import DatabaseUnavailable, SchemaTooNew
from tests.postgresql.schema import make_from_the_tables, schema_of
from tests.support.postgresql import Server


@pytest.fixture
def empty_url(postgresql_server: Server) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    with postgresql_server.new_database() as url:
        yield url


async def migrated(url: str) -> None:
    await (await PostgresqlDatabase.open(url, wait_s=0)).close()


async def test_a_migrated_database_has_the_tables_of_the_code(
    postgresql_server: Server, postgresql_url: str, empty_url: str
) -> None:
    """Columns, keys, CHECKs, indexes, triggers, functions and storage options are alike."""
    await make_from_the_tables(postgresql_server, empty_url)
    expected = await schema_of(postgresql_server, empty_url)
    found = await schema_of(postgresql_server, postgresql_url)
    difference = difflib.unified_diff(found, expected, "the migrations", "the tables", lineterm="", n=0)
    assert expected == found, "\n".join(difference)
    assert {"table", "column", "constraint", "index", "trigger", "function"} == {line.split()[0] for line in found}


async def test_everything_lies_in_a_schema_of_ours(postgresql_server: Server, postgresql_url: str) -> None:
    """The database may be a host's, with tables, and an alembic_version, of its own."""
    foreign = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    assert [] == await postgresql_server.execute(foreign, url=postgresql_url)


async def test_tables_of_the_same_name_stay_the_hosts(postgresql_server: Server, empty_url: str) -> None:
    """Neither are they used by us, nor do they keep ours from being made."""
    for table in ("accounts (mine text)", "alembic_version (version_num text)"):
        await postgresql_server.execute(f"CREATE TABLE public.{table}", url=empty_url)
    await postgresql_server.execute("INSERT INTO public.alembic_version VALUES ('the host''s')", url=empty_url)
    database = await PostgresqlDatabase.open(empty_url, wait_s=0)
    assert head_revision() == await database.read(current_revision)
    await database.close()
    rows = await postgresql_server.execute("SELECT version_num FROM public.alembic_version", url=empty_url)
    assert ["the host's"] == [row[0] for row in rows]


async def test_many_processes_may_start_at_once(postgresql_server: Server, empty_url: str, postgresql_url: str) -> None:
    """One migrates, the others wait for it, and all of them open the same schema."""
    waited: list[str] = []
    opening = [PostgresqlDatabase.open(empty_url, wait_s=0, on_waiting=waited.append) for _ in range(8)]
    for database in await asyncio.gather(*opening):
        await database.ready()
        await database.close()
    assert await schema_of(postgresql_server, postgresql_url) == await schema_of(postgresql_server, empty_url)
    assert 7 == len([told for told in waited if "another process that migrates" in told])


async def test_databases_can_be_migrated_at_a_time(postgresql_server: Server) -> None:
    """Alembic's global context does not mix them up."""
    with postgresql_server.new_database() as one, postgresql_server.new_database() as two:
        await asyncio.gather(migrated(one), migrated(two))
        assert await schema_of(postgresql_server, one) == await schema_of(postgresql_server, two) != []


async def test_a_second_start_changes_nothing(postgresql_server: Server, postgresql_url: str) -> None:
    """A migrated database is opened as it is."""
    before = await schema_of(postgresql_server, postgresql_url)
    await migrated(postgresql_url)
    assert before == await schema_of(postgresql_server, postgresql_url)


async def test_a_schema_of_a_later_version_is_refused(postgresql_server: Server, postgresql_url: str) -> None:
    """The sentence names the database, the revision and the way out; the schema is left as it is."""
    await postgresql_server.execute("UPDATE gatepost.alembic_version SET version_num = '9999'", url=postgresql_url)
    for attempt in (migrated, open_for_reading):
        with pytest.raises(SchemaTooNew, match=r"the PostgreSQL database .* has schema revision 9999, made by a later"):
            await attempt(postgresql_url)


async def test_a_schema_changed_under_our_hands_is_not_ready(postgresql_server: Server, postgresql_url: str) -> None:
    """Another version that migrated the running service's database shows in /readyz."""
    database = await PostgresqlDatabase.open(postgresql_url, wait_s=0)
    await database.ready()
    await postgresql_server.execute("UPDATE gatepost.alembic_version SET version_num = '9999'", url=postgresql_url)
    with pytest.raises(DatabaseUnavailable, match="has schema revision 9999, not"):
        await database.ready()
    await database.close()


async def test_a_revision_is_applied_whole_or_not_at_all(postgresql_server: Server, empty_url: str) -> None:
    """When its last table cannot be made, none of the others is there."""
    await postgresql_server.execute("CREATE SCHEMA gatepost", url=empty_url)
    await postgresql_server.execute("CREATE TABLE gatepost.tokens (mine text)", url=empty_url)
    with pytest.raises(ProgrammingError, match='"tokens" already exists'):
        await migrated(empty_url)
    assert ["column tokens.mine text", "table tokens"] == await schema_of(postgresql_server, empty_url)


async def test_a_start_cancelled_within_a_migration_ends_with_it(postgresql_server: Server, empty_url: str) -> None:
    """What was begun is finished, under its lock, before the caller learns that it was cancelled."""
    await postgresql_server.execute("CREATE SCHEMA gatepost", url=empty_url)
    blocker = await asyncpg.connect(empty_url)
    await blocker.execute("BEGIN; CREATE TABLE gatepost.accounts (theirs text)")  # the migration waits for its end
    opening = asyncio.create_task(PostgresqlDatabase.open(empty_url, wait_s=0))
    waiting = (
        "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()"
    )
    while not await postgresql_server.execute(waiting, url=empty_url):
        pass
    opening.cancel()
    await blocker.execute("ROLLBACK")
    with pytest.raises(asyncio.CancelledError):
        await opening
    rows = await postgresql_server.execute("SELECT version_num FROM gatepost.alembic_version", url=empty_url)
    assert [head_revision()] == [row[0] for row in rows]
    await blocker.close()
