"""From a DATABASE_URL to an open database: the only place that knows which kinds there are."""

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gatepost.database.connection import Database, Work
from gatepost.database.sqlite import SqliteDatabase, SqliteReader
from gatepost.errors import StartRefused

T = TypeVar("T")


class Reader(Protocol):
    """A database opened only to be read, beside a running service or with none running."""

    url: str  # for people: without a password

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on one snapshot; see `Database.read`."""
        ...

    async def close(self) -> None:
        """Close what is open."""
        ...


async def open_database(
    url: str,
    *,
    wait_for_owner_s: float,
    on_waiting: Callable[[str], None] | None = None,
    connections: int = 12,
) -> Database:
    """Open, own and migrate the database behind `url`.

    Args:
        url: `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://user:password@host/database`.
        wait_for_owner_s: seconds to wait for a process that owns a SQLite file now, or for a server that is away.
        on_waiting: called once with a sentence before waiting.
        connections: most connections to PostgreSQL.

    Raises:
        StartRefused: with the reason and the way out; DatabaseInUse and SchemaTooNew are kinds of it.
    """
    if _is_postgresql(url):
        opened: Database = await _postgresql().PostgresqlDatabase.open(
            url, wait_s=wait_for_owner_s, on_waiting=on_waiting, connections=connections
        )
        return opened
    return await SqliteDatabase.open(sqlite_path(url), wait_for_owner_s=wait_for_owner_s, on_waiting=on_waiting)


async def open_for_reading(where: str | Path) -> Reader:
    """Open a database (a URL, or the path of a SQLite file) to read beside a running service or with none running.

    Raises:
        StartRefused: it is missing, cannot be read, or has another schema revision.
    """
    if _is_postgresql(where):
        reader: Reader = await _postgresql().PostgresqlReader.open(where)
        return reader
    return await SqliteReader.open(where if isinstance(where, Path) else sqlite_path(where))


def sqlite_path(url: str) -> Path:
    """The file behind a `sqlite:///` URL.

    Raises:
        StartRefused: the URL names no file, or a kind of database Gatepost does not have.
    """
    parsed = _parse(url)
    kind = parsed.get_backend_name()
    if kind != "sqlite":
        raise StartRefused(
            f"GATEPOST_DATABASE_URL names {kind}, which Gatepost does not know: use sqlite:///<path> or postgresql://…"
        )
    if parsed.host or parsed.query or not parsed.database or parsed.database == ":memory:":
        raise StartRefused(
            "GATEPOST_DATABASE_URL must be sqlite:///relative/path or sqlite:////absolute/path, with nothing after "
            "the path: what is promised must be in a file."
        )
    return Path(parsed.database)


def _is_postgresql(where: str | Path) -> bool:
    return isinstance(where, str) and where.startswith(("postgresql://", "postgres://"))


def _postgresql() -> Any:
    missing = [name for name in ("asyncpg", "greenlet") if importlib.util.find_spec(name) is None]
    if missing:
        raise StartRefused(
            f"GATEPOST_DATABASE_URL names PostgreSQL, and {' and '.join(missing)} is not installed here: "
            'pip install "gatepost[postgres]"'
        )
    return importlib.import_module("gatepost.database.postgresql")


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # The text itself stays out of the sentence: it may hold a password. `from None` for the same reason.
        raise StartRefused("GATEPOST_DATABASE_URL is no URL: use sqlite:///var/gatepost.db.") from None
