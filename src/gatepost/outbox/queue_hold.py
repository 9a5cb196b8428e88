"""The whole queue held by an operator: while its one row is there, no message is claimed by anybody.

The row is read by every statement that claims, see NOT_HELD. Once `hold` has committed no claim commits any more: on
SQLite one transaction writes at a time; on PostgreSQL a claim takes the table's lock ROW SHARE before it looks, and
keeps it until its own commit, which is what `hold` waits for. What was claimed before is under way and ends as it
would have.
"""

import uuid
from dataclasses import dataclass
from typing import Protocol, TypeVar

from sqlalchemy import Connection, delete, exists, insert, literal, not_, select

from gatepost.audit.trail import Signature, record
from gatepost.clock import Clock, iso
from gatepost.database.columns import BELL
from gatepost.database.connection import Work
from gatepost.database.prepared import Prepared
from gatepost.errors import ActionRefused
from gatepost.events import Events, QueueHeld, QueueReleased
from gatepost.outbox.tables import queue_hold

T = TypeVar("T")

# What an operator did to the queue stands in the audit log under this id: it is no row's.
QUEUE = uuid.UUID(int=0)
NOT_HELD_TEXT = "The queue is not held. Nothing is to be released."


class Write(Protocol):
    """Runs a work in one durable transaction, and rings the worker after it."""

    async def __call__(self, work: Work[T], /) -> T: ...


@dataclass(frozen=True)
class QueueHold:
    """Since when the queue is held (milliseconds since the epoch), by whom and why."""

    at: int
    actor: str
    reason: str | None


# A lock of the table without one of a row, as long as there is none. It conflicts with that of `hold`, and with no
# backup's. PostgreSQL takes it before the statement's snapshot: whoever waited for it sees what was committed.
_ROW = select(literal(1)).select_from(queue_hold)
_HELD = _ROW.with_for_update(read=True, key_share=True)
# The condition on a claim.
NOT_HELD = not_(exists(_HELD))
# The same for who only asks: it takes no lock, and may be over in the next moment.
SEEMS_NOT_HELD = not_(exists(_ROW))
_LOCK_ON_POSTGRESQL = "LOCK TABLE queue_hold IN EXCLUSIVE MODE"
_RING_ON_POSTGRESQL = f"SELECT pg_notify('{BELL}', '')"
_IS_HELD = Prepared(_HELD)
_FIND = select(queue_hold.c.at, queue_hold.c.actor, queue_hold.c.reason)
_RELEASE = delete(queue_hold).returning(queue_hold.c.at)


def is_held(tx: Connection) -> bool:
    """Whether the queue is held; if not, it will not be before this transaction is over."""
    return _IS_HELD.run(tx, {}).first() is not None


def hold_of(connection: Connection) -> QueueHold | None:
    """Return since when, by whom and why the queue is held; None: it is not."""
    found = connection.execute(_FIND).one_or_none()
    return None if found is None else QueueHold(*found)


async def hold_queue(write: Write, clock: Clock, events: Events, by: Signature) -> QueueHold:
    """Hold the queue in a transaction of its own, write it down, and tell of it.

    Raises:
        ActionRefused: it is held already.
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = clock.now_ms()
    held = await write(lambda tx: hold(tx, by, now_ms))
    events.emit(QueueHeld(actor=by.actor, reason=by.reason, request_id=by.request_id))
    return held


async def release_queue(write: Write, clock: Clock, events: Events, by: Signature) -> float:
    """Release the queue in a transaction of its own, write it down, and tell of it; the workers are rung.

    Returns:
        How many seconds it was held.

    Raises:
        ActionRefused: it is not held.
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = clock.now_ms()
    held_s = await write(lambda tx: release(tx, by, now_ms))
    events.emit(QueueReleased(actor=by.actor, held_s=held_s, request_id=by.request_id))
    return held_s


def hold(tx: Connection, by: Signature, now_ms: int) -> QueueHold:
    """Do what `hold_queue` does, in a transaction at hand."""
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_LOCK_ON_POSTGRESQL)
    if (held := hold_of(tx)) is not None:
        raise ActionRefused(f"The queue is held already, since {iso(held.at)} by {held.actor}.")
    tx.execute(insert(queue_hold), {"id": 1, "at": now_ms, "actor": by.actor, "reason": by.reason})
    _record(tx, "hold_queue", by, now_ms, before="running", after="held")
    return QueueHold(now_ms, by.actor, by.reason)


def release(tx: Connection, by: Signature, now_ms: int) -> float:
    """Do what `release_queue` does, in a transaction at hand."""
    since: int | None = tx.execute(_RELEASE).scalar()
    if since is None:
        raise ActionRefused(NOT_HELD_TEXT)
    _record(tx, "release_queue", by, now_ms, before="held", after="running")
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_RING_ON_POSTGRESQL)  # the workers of every process
    return max(0, now_ms - since) / 1000


def _record(tx: Connection, action: str, by: Signature, now_ms: int, *, before: str, after: str) -> None:
    record(tx, QUEUE, by.deed(action, now_ms, before=before, after=after))
