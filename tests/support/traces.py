"""Looks through every column of every table for what should be gone."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from gatepost.database.columns import metadata
from gatepost.database.connection import Database


async def traces(database: Database, of: Iterable[str | bytes], *, besides: Iterable[str] = ()) -> set[str]:
    """Return the columns ("table.column") in which one of these stands, as such or as part of the value.

    Args:
        database: which.
        of: texts, compared without regard to case, and bytes.
        besides: columns that may hold them.
    """
    wanted = [needle.lower().encode() if isinstance(needle, str) else needle for needle in of]

    def query(connection: Connection) -> set[str]:
        return {
            f"{table.name}.{name}"
            for table in metadata.sorted_tables
            for row in connection.execute(select(table)).mappings()
            for name, value in row.items()
            if any(needle in _bytes(value) for needle in wanted)
        }

    return await database.read(query) - set(besides)


def _bytes(value: object) -> bytes:
    raw = getattr(value, "bytes", value)
    return raw if isinstance(raw, bytes) else str(raw).lower().encode()
