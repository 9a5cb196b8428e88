"""What a work may not do, and how it is noticed: the same on every database.

A work that swallowed a database error would be committed by SQLite and silently rolled back by PostgreSQL; a work
that commits would make the works before it in its group durable although their callers may yet be told otherwise.
"""

from types import CoroutineType, GeneratorType
from typing import Any, NoReturn, TypeVar

from sqlalchemy import Connection, Engine, Result, event
from sqlalchemy.engine import ExceptionContext

from gatepost.database.connection import Work

T = TypeVar("T")

_RUNNING = "gatepost.work_running"
_SWALLOWED = "gatepost.work_swallowed"
_TRACEPARENT = "gatepost.traceparent"
_ENDINGS = ("commit", "rollback", "close", "invalidate", "detach")
# Values that would still want the connection when the transaction is over, or whose code never ran.
_NOT_A_VALUE = (Result, CoroutineType, GeneratorType)


class WorkRefused(RuntimeError):
    """A bug in a work: it broke the contract of `write`, and nothing of it was kept."""


def watch(engine: Engine) -> None:
    """Notice, on every connection of `engine`, swallowed errors and commits from within a work."""
    event.listen(engine, "handle_error", _on_error)
    event.listen(engine, "commit", _on_commit)


def checked(work: Work[T], tx: Connection) -> T:
    """Run `work(tx)` and return its value.

    Raises:
        WorkRefused: it swallowed a database error outside `tx.begin_nested()`, or returned no plain value.
        Exception: whatever `work` raised.
    """
    marks = tx.info
    marks[_SWALLOWED] = None
    marks[_RUNNING] = True
    try:
        value = work(tx)
    finally:
        marks[_RUNNING] = False
    if (swallowed := marks[_SWALLOWED]) is not None:
        raise WorkRefused("a work went on after a database error: catch it around tx.begin_nested()") from swallowed
    return plain(value)


def is_running(tx: Connection) -> bool:
    """Say whether `tx` is the connection of a work that runs now, and not one of somebody else's."""
    return bool(tx.info.get(_RUNNING))


def traced(work: Work[T], traceparent: str) -> Work[T]:
    """Make a work that knows which span caused it, wherever it runs: no context reaches a writer's thread."""

    def run(tx: Connection) -> T:
        tx.info[_TRACEPARENT] = traceparent
        try:
            return work(tx)
        finally:
            del tx.info[_TRACEPARENT]

    return run


def traceparent_of(tx: Connection) -> str | None:
    """Name the span that caused the work that runs in `tx`; None where nobody traces."""
    found: str | None = tx.info.get(_TRACEPARENT)
    return found


def plain(value: T) -> T:
    """Return `value` unless it is a cursor, a coroutine or a generator."""
    if isinstance(value, _NOT_A_VALUE):
        if isinstance(value, CoroutineType):
            value.close()
        raise WorkRefused(
            f"a plain function must return plain values, not {type(value).__name__}: fetch the rows in it"
        )
    return value


def refuse_endings(connection: Connection) -> None:
    """Make commit, rollback and close of `connection` raise; its owner ends transactions by the transaction object."""
    for name in _ENDINGS:
        setattr(connection, name, _refuse)


def allow_endings(connection: Connection) -> None:
    """Undo `refuse_endings`."""
    for name in _ENDINGS:
        connection.__dict__.pop(name, None)


def _refuse(*args: Any, **kwargs: Any) -> NoReturn:
    raise WorkRefused("a work may not commit, roll back or close: its caller's transaction does that")


def _on_commit(connection: Connection) -> None:
    if connection.info.get(_RUNNING):  # tx.get_transaction().commit(), past the refused methods
        _refuse()


def _on_error(context: ExceptionContext) -> None:
    connection = context.connection
    if connection is None or connection.closed or connection.invalidated:
        return
    if connection.info.get(_RUNNING) and connection.get_nested_transaction() is None:
        connection.info[_SWALLOWED] = context.sqlalchemy_exception or context.original_exception
