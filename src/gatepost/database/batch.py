"""Several rows in one statement: a bounded batch for one transaction alone, and rows given by their keys."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NULLTYPE


class _InBatch(FunctionElement[Any]):
    type = NULLTYPE  # a Boolean would be written `… IN (…) = 1` for SQLite, which then looks at every row
    inherit_cache = True


def in_batch(key: ColumnElement[Any], batch: Select[Any]) -> ColumnElement[bool]:
    """The condition that `key` is in `batch`, whose rows this transaction takes; what others hold stays theirs.

    Nobody waits for anybody, and two transactions never take the same row. On SQLite, where one transaction writes at
    a time, it is a plain IN.

    Args:
        key: the column by which the rows are found again.
        batch: a query for that column, with LIMIT.
    """
    return _InBatch(key, batch.with_for_update(skip_locked=True).correlate(None).scalar_subquery())


@compiles(_InBatch, "postgresql")
def _on_postgresql(element: _InBatch, compiler: SQLCompiler, **options: Any) -> str:
    # The query behind IN may be run once for each row it is compared with, and lock others, and more than its limit,
    # each time. ARRAY(…) is run once, and whatever the planner knows of LIMIT the rows are found by their key.
    key, batch = (compiler.process(one, **options) for one in element.clauses)
    return f"{key} = ANY (ARRAY{batch})"


@compiles(_InBatch, "sqlite")
def _on_sqlite(element: _InBatch, compiler: SQLCompiler, **options: Any) -> str:
    key, batch = (compiler.process(one, **options) for one in element.clauses)
    return f"{key} IN {batch}"


class _Among(FunctionElement[Any]):
    type = NULLTYPE
    inherit_cache = True


def among(key: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The condition that `key` is in the list given as parameter `name`.

    On PostgreSQL the list is one array, so that lists of every length share one prepared statement.
    """
    return _Among(key, bindparam(name, expanding=True, type_=key.type))


@compiles(_Among, "postgresql")
def _array_on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    key, keys = element.clauses
    array = bindparam(keys.key, type_=ARRAY(key.type))
    return f"{compiler.process(key, **options)} = ANY ({compiler.process(array, **options)})"


@compiles(_Among, "sqlite")
def _list_on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    key, keys = (compiler.process(one, **options) for one in element.clauses)
    return f"{key} IN {keys}"
