"""From a DATABASE_URL to an open database: the only place that knows which kinds there are."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from gatepost.database.connection import Database
from gatepost.database.sqlite import SqliteDatabase, SqliteReader
from gatepost.errors import StartRefused


async def open_database(
    url: str, *, wait_for_owner_s: float, on_waiting: Callable[[str], None] | None = None
) -> Database:
    """Open, own and migrate the database behind `url`.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`.
        wait_for_owner_s: seconds to wait for a process that owns a SQLite file now.
        on_waiting: called once with a sentence before waiting.

    Raises:
        StartRefused: with the reason and the way out; DatabaseInUse and SchemaTooNew are kinds of it.
    """
    return await SqliteDatabase.open(sqlite_path(url), wait_for_owner_s=wait_for_owner_s, on_waiting=on_waiting)


def open_for_reading(where: str | Path) -> SqliteReader:
    """Open a database (a URL, or the path of a SQLite file) to read beside a running service or with none running.

    Raises:
        StartRefused: it is missing, cannot be read, or has another schema revision.
    """
    return SqliteReader.open(where if isinstance(where, Path) else sqlite_path(where))


def sqlite_path(url: str) -> Path:
    """The file behind a `sqlite:///` URL.

    Raises:
        StartRefused: the URL names no file, or a kind of database this version does not have.
    """
    parsed = _parse(url)
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        raise StartRefused(
            "GATEPOST_DATABASE_URL names PostgreSQL, which this version does not have yet: "
            "use sqlite:///var/gatepost.db."
        )
    if kind != "sqlite":
        raise StartRefused(f"GATEPOST_DATABASE_URL names {kind}, which Gatepost does not know: use sqlite:///<path>.")
    if parsed.host or parsed.query or not parsed.database or parsed.database == ":memory:":
        raise StartRefused(
            "GATEPOST_DATABASE_URL must be sqlite:///relative/path or sqlite:////absolute/path, with nothing after "
            "the path: what is promised must be in a file."
        )
    return Path(parsed.database)


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        # The text itself stays out of the sentence: it may hold a password. `from None` for the same reason.
        raise StartRefused("GATEPOST_DATABASE_URL is no URL: use sqlite:///var/gatepost.db.") from None
