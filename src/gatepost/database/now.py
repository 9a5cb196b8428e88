"""The database's own clock, for what processes on several machines must judge alike."""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from gatepost.database.columns import Instant


class database_now(FunctionElement[int]):  # noqa: N801  # reads as a function in a statement
    """The time at the database when the statement runs, in milliseconds since the epoch."""

    type = Instant()
    inherit_cache = True


@compiles(database_now, "postgresql")
def _on_postgresql(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    # Not now(): that is when the transaction began, which may have waited since.
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


@compiles(database_now, "sqlite")
def _on_sqlite(element: database_now, compiler: SQLCompiler, **options: Any) -> str:
    # The Julian day of 1970-01-01; unixepoch('subsec') came with SQLite 3.42 only.
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
