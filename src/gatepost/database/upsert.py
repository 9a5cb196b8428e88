"""INSERT … ON CONFLICT for the database at hand: the unique index decides, nobody looks first."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_or(
    dialect: str,
    table: Table,
    unique: str,
    update: Mapping[str, Any] | None,
    *,
    only_where: ColumnElement[bool] | None = None,
) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that, where the unique column already has the value, updates that row instead.

    Args:
        dialect: which database it is for: the name of the connection's dialect.
        table: where to insert.
        unique: name of the column with the unique index.
        update: columns and expressions for the row that is there; None leaves it alone (and returns no row).
        only_where: what must hold for the row that is there to be updated; else it is locked and left alone.
    """
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if update is None:
        return statement.on_conflict_do_nothing(index_elements=[unique])
    return statement.on_conflict_do_update(index_elements=[unique], set_=dict(update), where=only_where)
