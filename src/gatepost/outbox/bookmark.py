"""How far a chore has come that walks through a table by its ids, a piece at a time."""

import functools
import uuid

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.sql.dml import Insert

from gatepost.database.upsert import insert_or
from gatepost.outbox.tables import bookmarks

START = uuid.UUID(int=0)

_ROW = select(bookmarks.c.row).where(bookmarks.c.name == bindparam("of_name")).with_for_update()
_MOVE = update(bookmarks).where(bookmarks.c.name == bindparam("of_name")).values(row=bindparam("to_row"))


def come_to(tx: Connection, name: str) -> uuid.UUID:
    """Return the last row that is done, or START; of two walks at once the second one waits, and goes on from there."""
    tx.execute(_begin(tx.dialect.name), {"name": name, "row": START})
    row: uuid.UUID = tx.execute(_ROW, {"of_name": name}).scalar_one()
    return row


def move(tx: Connection, name: str, row: uuid.UUID) -> None:
    """Remember the last row that is done; START begins anew."""
    tx.execute(_MOVE, {"of_name": name, "to_row": row})


@functools.cache
def _begin(dialect: str) -> Insert:
    return insert_or(dialect, bookmarks, "name", None)
