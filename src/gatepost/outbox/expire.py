"""Messages whose end comes while they wait and nobody can claim them, because no server can be used.

Found by walking along what is due, a bounded piece at a time; an index for it would cost every message something, and
is needed in an outage only.
"""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from gatepost.database.batch import in_batch
from gatepost.mail.draft import Priority
from gatepost.outbox.claim import CLAIM_COLUMNS, Claimed, as_claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import IS_WAITING, IS_WAITING_ALONE, IS_WAITING_TOGETHER, messages

WALKED_AT_ONCE = 2_000
EXPIRED_AT_ONCE = 500

_IS_OVER = messages.c.expires_at <= bindparam("now_ms")
# What is not due yet has not reached its end either: nothing is due later than that.
_IS_DUE = messages.c.due_at <= bindparam("now_ms")
_ALONG = (
    select(messages.c.id, messages.c.due_at, messages.c.expires_at)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority == bindparam("of_priority"),
        messages.c.due_at >= bindparam("from_due_at"),
        _IS_DUE,
    )
    .order_by(messages.c.due_at)
    .limit(WALKED_AT_ONCE)
    .offset(bindparam("passed"))
)
_ALONE = select(messages.c.id).where(IS_WAITING_ALONE, _IS_DUE, _IS_OVER).limit(WALKED_AT_ONCE)
_THESE = (
    select(messages.c.id)
    .where(messages.c.id.in_(bindparam("of_ids", expanding=True)), IS_WAITING, _IS_OVER)
    .order_by(messages.c.id)
    .limit(EXPIRED_AT_ONCE)
)
_EXPIRE = (
    update(messages)
    .where(in_batch(messages.c.id, _THESE))
    .values(state=str(State.EXPIRED), reason="expired", due_at=None, settled_at=bindparam("now_ms"))
    .returning(*CLAIM_COLUMNS)
)


class Place(NamedTuple):
    """Where the walk goes on: of those with this priority and instant, so many were passed."""

    priority: Priority
    due_at: int
    passed: int


START = Place(min(Priority), 0, 0)


def overdue(connection: Connection, place: Place, now_ms: int) -> tuple[list[uuid.UUID], Place]:
    """Walk on from `place` past at most WALKED_AT_ONCE messages; return whose end has come, and where to go on.

    START is returned when the walk has come to its end.
    """
    found: list[uuid.UUID] = []
    if place == START:
        found += connection.execute(_ALONE, {"now_ms": now_ms}).scalars()
    along = {"of_priority": int(place.priority), "from_due_at": place.due_at, "passed": place.passed, "now_ms": now_ms}
    rows = connection.execute(_ALONG, along).all()
    found += [row_id for row_id, _, expires_at in rows if expires_at <= now_ms]
    if len(rows) == WALKED_AT_ONCE:
        last = rows[-1].due_at
        passed = sum(1 for row in rows if row.due_at == last)
        return found, Place(place.priority, last, passed + (place.passed if last == place.due_at else 0))
    later = [one for one in Priority if one > place.priority]
    return found, Place(min(later), 0, 0) if later else START


def expire(tx: Connection, ids: Sequence[uuid.UUID], now_ms: int) -> list[Claimed]:
    """Move those of at most EXPIRED_AT_ONCE messages to `expired` that wait and whose end has come; return them."""
    return [as_claimed(row) for row in tx.execute(_EXPIRE, {"of_ids": list(ids), "now_ms": now_ms})]
