"""The instrument: runs what the product runs, and says of every statement how the database found its rows.

PostgreSQL: EXPLAIN (ANALYZE, BUFFERS) of a prepared statement, once planned for its values and once for any, because
asyncpg prepares statements and the server changes from the one to the other; work is counted in pages of 8 KiB.
SQLite: EXPLAIN QUERY PLAN; work is counted in steps of its virtual machine.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event

from gatepost.database.columns import metadata
from tests.conformance.plans.filling import BIG

Plan = Mapping[str, Any]

_BIG = frozenset(table.name for table in BIG)
# To walk along one of these is no full scan: its condition leaves few rows. The work is counted all the same.
_PARTIAL = frozenset(
    index.name
    for table in metadata.sorted_tables
    for index in table.indexes
    if index.dialect_options["postgresql"]["where"] is not None
)
_STEPS_A_CALL = 10
_SAVEPOINTS = ("SAVEPOINT", "RELEASE", "ROLLBACK")
_SCANS = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()"


@dataclass(frozen=True)
class Statement:
    """One statement as the database ran it.

    Args:
        text: the statement.
        plan: how its rows were found, to be read by people.
        scanned: big tables read from end to end, or along a whole index.
        work: pages (PostgreSQL) or steps (SQLite).
    """

    text: str
    plan: str
    scanned: frozenset[str]
    work: int


@dataclass
class Examined:
    """What was run, and on PostgreSQL which big tables the server itself says it scanned (foreign keys included)."""

    kind: str
    statements: list[Statement] = field(default_factory=list)
    scanned_by_count: set[str] = field(default_factory=set)

    @property
    def scanned(self) -> set[str]:
        """The big tables that any statement read from end to end."""
        return self.scanned_by_count.union(*(one.scanned for one in self.statements))

    @property
    def work(self) -> int:
        """What the most expensive statement did."""
        return max(one.work for one in self.statements)

    def assert_searched(self, *, steps: int, pages: int) -> None:
        """Fail where a big table was scanned, or where one statement did more than this."""
        most = steps if self.kind == "sqlite" else pages
        told = "\n\n".join(f"{one.text}\n{one.plan}" for one in self.statements if one.scanned or one.work > most)
        assert self.statements, "no statement was seen"
        assert set() == self.scanned, told
        assert self.work <= most, told


@contextmanager
def examining_sqlite(connection: Connection, found: Examined) -> Iterator[None]:
    """Add every statement that `connection` runs to `found`."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    pending: list[tuple[str, list[str]]] = []
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += _STEPS_A_CALL
        return 0

    def before(_: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        nonlocal steps
        finish()
        first = values[0] if many else values
        pending.append((statement, [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", first)]))
        steps = 0
        raw.set_progress_handler(count, _STEPS_A_CALL)

    def finish() -> None:
        # Not when `execute` returns: rows are found while they are fetched.
        raw.set_progress_handler(None, 0)
        if pending:
            statement, plan = pending.pop()
            found.statements.append(Statement(statement, "\n".join(plan), _scanned_by_sqlite(plan), steps))

    event.listen(connection, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", before)
        finish()


@contextmanager
def examining_postgresql(connection: Connection, found: Examined) -> Iterator[None]:
    """Add every statement that `connection` runs to `found`; each is run twice, the first time for its plan alone."""
    busy = False

    def before(_: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        nonlocal busy
        if not busy and not statement.startswith(_SAVEPOINTS):
            busy = True
            found.statements.extend(_explained(connection, statement, one) for one in (values if many else [values]))
            busy = False

    scans = {table: count for table, count in connection.exec_driver_sql(_SCANS)}
    event.listen(connection, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", before)
    for table, count in connection.exec_driver_sql(_SCANS):
        if table in _BIG and count > scans.get(table, 0):
            found.scanned_by_count.add(table)


def _explained(connection: Connection, statement: str, values: Sequence[Any]) -> Statement:
    arguments = f"({', '.join(map(_literal, values))})" if values else ""
    connection.exec_driver_sql("SAVEPOINT explained")
    connection.exec_driver_sql(f"PREPARE explained AS {statement}")
    told = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained{arguments}").scalar()
    connection.exec_driver_sql("DEALLOCATE explained")
    connection.exec_driver_sql("ROLLBACK TO SAVEPOINT explained")
    plan: Plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    scanned = frozenset(str(node["Relation Name"]) for node in _nodes(plan) if _is_scan(node))
    return Statement(statement, "\n".join(_outline(plan)), scanned, _pages(plan))


def _nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _is_scan(node: Plan) -> bool:
    if node.get("Relation Name") not in _BIG:
        return False
    if node["Node Type"] in ("Index Scan", "Index Only Scan"):
        return "Index Cond" not in node and node["Index Name"] not in _PARTIAL
    return bool(node["Node Type"] == "Seq Scan")


def _pages(node: Plan) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def _outline(plan: Plan, depth: int = 0) -> Iterator[str]:
    shown = ("Relation Name", "Index Name", "Index Cond", "Filter", "Rows Removed by Filter", "Actual Rows")
    facts = ", ".join(f"{name}: {plan[name]}" for name in shown if name in plan)
    yield f"{'  ' * depth}{plan['Node Type']} ({facts}), {_pages(plan)} pages"
    for below in plan.get("Plans", ()):
        yield from _outline(below, depth + 1)


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(_literal, value))}]::{'bytea' if isinstance(value[0], bytes) else 'text'}[]"
    return str(int(value)) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _scanned_by_sqlite(plan: Sequence[str]) -> frozenset[str]:
    lines = [line.split() for line in plan]
    return frozenset(
        words[1] for words in lines if words[0] == "SCAN" and words[1] in _BIG and not _PARTIAL.intersection(words)
    )
