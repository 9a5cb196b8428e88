"""Messages that wait for a time which was now when it was written: the wall clock was set back since, or was ahead.

What is `queued` is always due at once, and nothing can have been made in the future: by that they are known.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, or_, select, update

from gatepost.database.batch import in_batch
from gatepost.mail.draft import Priority
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import IS_WAITING, IS_WAITING_TOGETHER, messages

# Less than this is the difference between the clocks of two machines, and not worth a write.
SET_BACK_MS = 2_000
MOVED_AT_ONCE = 500

_IS_STRANDED = or_(messages.c.state == str(State.QUEUED), messages.c.created_at > bindparam("soon_ms"))
_STRANDED = (
    select(messages.c.id)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority.in_([int(one) for one in Priority]),
        messages.c.due_at > bindparam("soon_ms"),
        _IS_STRANDED,
    )
    .limit(MOVED_AT_ONCE)
)
_THESE = (
    select(messages.c.id)
    .where(
        messages.c.id.in_(bindparam("of_ids", expanding=True)),
        IS_WAITING,
        messages.c.due_at > bindparam("soon_ms"),
    )
    .order_by(messages.c.id)
    .limit(MOVED_AT_ONCE)
)
_MOVE = update(messages).where(in_batch(messages.c.id, _THESE)).values(due_at=bindparam("now_ms"))


def stranded(connection: Connection, now_ms: int) -> list[uuid.UUID]:
    """Return at most MOVED_AT_ONCE messages that wait for a time which has been."""
    return list(connection.execute(_STRANDED, {"soon_ms": now_ms + SET_BACK_MS}).scalars())


def make_due(tx: Connection, ids: Sequence[uuid.UUID], now_ms: int) -> int:
    """Make those of them that still wait for it due now; returns how many."""
    given = {"of_ids": list(ids), "soon_ms": now_ms + SET_BACK_MS, "now_ms": now_ms}
    return tx.execute(_MOVE, given).rowcount
