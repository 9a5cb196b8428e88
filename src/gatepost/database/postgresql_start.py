"""The first connection of a process: waits for a server that is not there yet, migrates, and refuses what is unfit."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable
from typing import Any

import asyncpg
from sqlalchemy import NullPool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from gatepost.database.columns import SCHEMA
from gatepost.database.postgresql_failures import is_unavailable, may_pass, way_out
from gatepost.database.postgresql_session import LINE_ERRORS, ServerUnfit, Sessions
from gatepost.database.schema import head_revision, migrate, refuse_unknown
from gatepost.errors import StartRefused

_LONGEST_PAUSE_S = 1.0
# One key for every Gatepost: advisory locks belong to a database, and so does the schema they guard.
_MIGRATION_LOCK = 0x6761_7465_706F_7374  # "gatepost"

OnWaiting = Callable[[str], None] | None


async def _first_connection(
    sessions: Sessions, part: str, *, wait_s: float = 0, on_waiting: OnWaiting = None, reading: bool = False
) -> Any:
    """Open a connection without time limits, waiting for a server that is away or starting.

    Raises:
        StartRefused: with the reason and the way out.
    """
    _refuse_missing_files(sessions)
    give_up_at = time.monotonic() + wait_s
    pause_s = 0.05
    told = on_waiting is None
    while True:
        try:
            return await sessions.open(part, reading=reading, bounded=False)
        except (*LINE_ERRORS, ServerUnfit) as error:
            left_s = give_up_at - time.monotonic()
            if left_s <= 0 or not _is_worth_waiting(error, sessions):
                raise StartRefused(f"cannot use the {sessions.name}: {way_out(error)}.") from error
            if not told and on_waiting is not None:
                told = True
                on_waiting(f"waiting up to {wait_s:g} s for the {sessions.name}: {way_out(error)}")
        await asyncio.sleep(min(left_s, pause_s * random.uniform(0.5, 1)))  # noqa: S311
        pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


def _refuse_missing_files(sessions: Sessions) -> None:
    # asyncpg would fail at each of these as if no server were there, or go on without a word.
    for option, path in sessions.files:
        if not path.is_file():
            raise StartRefused(
                f"cannot use the {sessions.name}: {option} in GATEPOST_DATABASE_URL names {path}, which is no file."
            )


def _is_worth_waiting(error: Exception, sessions: Sessions) -> bool:
    if isinstance(error, ssl.SSLError | asyncpg.ClientConfigurationError):
        return False
    return may_pass(error) and (sessions.has_several_hosts or not isinstance(error, ServerUnfit))


async def migrated(sessions: Sessions, *, wait_s: float, on_waiting: OnWaiting) -> tuple[str, ...]:
    """Bring the database to this version's schema, one process at a time, and return what should be warned about.

    Raises:
        SchemaTooNew: a later version migrated this database.
        StartRefused: with the reason and the way out.
    """
    driver = await _first_connection(sessions, "migrate", wait_s=wait_s, on_waiting=on_waiting)
    try:
        if await _revision(driver, sessions) != head_revision():
            await _lock(driver, sessions, on_waiting)
            await _make_schema(driver, sessions)
            await _migrate(sessions)
        return await _warnings(driver, sessions)
    except (*LINE_ERRORS, DBAPIError) as error:
        if is_unavailable(error) or may_pass(error):
            raise StartRefused(f"cannot migrate the {sessions.name}: {way_out(error)}.") from error
        raise
    finally:
        driver.terminate()


async def opened_for_reading(sessions: Sessions) -> None:
    """Say nothing when there is a database of this version's schema.

    Raises:
        StartRefused: it is away, refuses the login, or has another schema revision.
    """
    driver = await _first_connection(sessions, "read", reading=True)
    try:
        revision = await _revision(driver, sessions)
    finally:
        driver.terminate()
    if revision != head_revision():
        raise StartRefused(
            f"the {sessions.name} has schema revision {revision or 'none'}, this Gatepost needs {head_revision()}: "
            "run `gatepost migrate`, or start the service once."
        )


async def _revision(driver: Any, sessions: Sessions) -> str | None:
    # Without this right the search path would skip the schema, and the tables would be made as temporary ones.
    if await driver.fetchval("SELECT has_schema_privilege(to_regnamespace($1), 'USAGE')", SCHEMA) is False:
        user = await driver.fetchval("SELECT quote_ident(current_user)")
        raise StartRefused(
            f"cannot use the schema {SCHEMA} in the {sessions.name}, which is somebody else's: let an administrator run"
            f" `ALTER SCHEMA {SCHEMA} OWNER TO {user}` there, or name its owner in GATEPOST_DATABASE_URL."
        )
    if not await driver.fetchval("SELECT to_regclass('alembic_version') IS NOT NULL"):
        return None
    revision: str | None = await driver.fetchval("SELECT version_num FROM alembic_version")
    refuse_unknown(revision, f"the {sessions.name}")
    return revision


async def _lock(driver: Any, sessions: Sessions, on_waiting: OnWaiting) -> None:
    """Keep other processes from migrating until `driver` is closed."""
    if not await driver.fetchval("SELECT pg_try_advisory_lock($1)", _MIGRATION_LOCK):
        if on_waiting is not None:
            on_waiting(f"waiting for another process that migrates the {sessions.name}")
        await driver.execute("SELECT pg_advisory_lock($1)", _MIGRATION_LOCK)


async def _make_schema(driver: Any, sessions: Sessions) -> None:
    # Asked first: CREATE SCHEMA IF NOT EXISTS wants the right to create one even where there is nothing to create.
    if await driver.fetchval("SELECT to_regnamespace($1) IS NOT NULL", SCHEMA):
        return
    try:
        await driver.execute(f"CREATE SCHEMA {SCHEMA}")
    except asyncpg.InsufficientPrivilegeError as error:
        user = await driver.fetchval("SELECT quote_ident(current_user)")
        raise StartRefused(
            f"cannot make the schema {SCHEMA} in the {sessions.name}: let an administrator run"
            f" `CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}` there ({error})."
        ) from error


async def _migrate(sessions: Sessions) -> None:
    # In a thread with an event loop of its own: Alembic keeps what it works on in a global, guarded by a lock that
    # must not be waited for in the caller's loop, and its import takes a third of a second.
    migrating = asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(_to_head(sessions))))
    try:
        await asyncio.shield(migrating)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # a migration cannot be broken off: the lock stays until it is through
            await migrating
        raise


async def _to_head(sessions: Sessions) -> None:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"async_creator_fn": sessions.opener("migrate", bounded=False)},
    )
    async with engine.connect() as connection:
        await connection.run_sync(migrate, f"the {sessions.name}")


async def _warnings(driver: Any, sessions: Sessions) -> tuple[str, ...]:
    unsafe = await driver.fetch(
        "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' ORDER BY name"
    )
    return tuple(
        f"{row['name']} is off for the {sessions.name}: a power cut there loses what was promised, or all of it"
        for row in unsafe
    )
