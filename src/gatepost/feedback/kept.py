"""Facts that came before their message was settled: applied once it is, and found again after a restart.

A provider may be quicker than the final reply of its own server; a worker may die between the two.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection, Row, Text, bindparam, literal_column, select, update

from gatepost.database.batch import among
from gatepost.errors import NotStarted, TryLater
from gatepost.events import (
    Event,
    Events,
    FeedbackReceived,
    MessageAccepted,
    MessageCancelled,
    MessageExpired,
    MessageFailed,
    MessageSuppressed,
    MessageUnknown,
)
from gatepost.feedback.apply import draw, move
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.match import Message, take
from gatepost.feedback.tables import IS_KEPT, feedback
from gatepost.feedback.taken import Outcome, Taken
from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.tables import messages
from gatepost.suppression.hiding import Hiding

APPLIED_AT_ONCE = 50
# For what no event tells of here: another process settled the message, or an operator did.
LOOK_EVERY_S = 60.0
LOOK_SOON_S = 5.0
MAX_WATCHED = 1000

_SETTLED = sorted(str(state) for state in frozenset(State) - UNACCEPTED)
_NOTHING = literal_column("''", Text)
_DUE = (
    select(feedback.c.id, feedback.c.message)
    .join(messages, messages.c.id == feedback.c.message)
    # Written so that no index can serve it: SQLite would begin with everything that is settled.
    .where(IS_KEPT, (messages.c.state + _NOTHING).in_(_SETTLED))
    .order_by(feedback.c.received_at)
    .limit(APPLIED_AT_ONCE)
)
_KEPT = select(feedback).where(IS_KEPT, among(feedback.c.id, "of_ids")).order_by(feedback.c.id)
_APPLIED = update(feedback).where(among(feedback.c.id, "of_ids")).values(applied_at=bindparam("at_ms"))
_ENDS = (MessageAccepted, MessageUnknown, MessageFailed, MessageExpired, MessageCancelled, MessageSuppressed)


def some_due(connection: Connection) -> bool:
    """Whether a fact is kept whose message is settled by now."""
    return connection.execute(_DUE.limit(1)).first() is not None


def apply_kept(tx: Connection, *, hiding: Hiding, now_ms: int) -> list[Taken]:
    """Apply up to APPLIED_AT_ONCE kept facts whose messages are settled by now; returns what became of them."""
    due = tx.execute(_DUE).all()
    found = take(tx, {row.message for row in due})
    # Only now that the messages are ours: another process may have applied some of them meanwhile.
    rows = tx.execute(_KEPT, {"of_ids": [row.id for row in due]}).all() if due else []
    settled = [row for row in rows if row.message in found and found[row.message].state not in UNACCEPTED]
    if settled:
        tx.execute(_APPLIED, {"of_ids": [row.id for row in settled], "at_ms": now_ms})
    for row in settled:
        move(tx, _fact(row), found[row.message], now_ms)
    settled.sort(key=lambda row: found[row.message].recipient_key)
    return [_applied(tx, row, found[row.message], hiding, now_ms) for row in settled]


def _applied(tx: Connection, row: Row[Any], message: Message, hiding: Hiding, now_ms: int) -> Taken:
    fact = _fact(row)
    came = draw(tx, fact, message, row.event, hiding=hiding, now_ms=now_ms)
    return Taken(
        fact=fact,
        outcome=Outcome.APPLIED,
        message=message.id,
        state=str(message.state),
        suppressed=came.suppressed,
        unusual=came.unusual,
        believed=came.hard and came.unusual is None,
    )


def _fact(row: Row[Any]) -> Fact:
    return Fact(
        source=row.source,
        event_id=bytes(row.event).hex(),
        kind=Kind(row.kind),
        at=row.at,
        bounce=None if row.bounce is None else Bounce(row.bounce),
        row_id=row.message,
        status=row.status,
        text=row.detail,
        proven=False,  # nobody remembers: so only what the message says of its recipient is believed
    )


class KeptWatch:
    """Applies kept facts as soon as this process hears that their message is settled, and looks now and then besides.

    Args:
        apply: applies what is due and tells of it; returns how many there were.
        events: by which it hears of facts that are kept and of messages that are settled.
    """

    def __init__(self, apply: Callable[[], Awaitable[int]], events: Events) -> None:
        self._apply = apply
        self._watched: set[str] = set()
        self._call = asyncio.Event()
        self._stopping = False
        events.subscribe(self._hear)

    def begin(self) -> None:
        """Let `run` go on until `end`; before each start, for event loops differ."""
        self._stopping, self._call = False, asyncio.Event()

    async def run(self) -> None:
        """Apply until `end`: at once, and whenever there is something to apply."""
        while not self._stopping:
            self._call.clear()
            with contextlib.suppress(TryLater, NotStarted):
                while await self._apply():
                    pass
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SOON_S if self._watched else LOOK_EVERY_S):
                    await self._call.wait()

    def end(self) -> None:
        """Let `run` return."""
        self._stopping = True
        self._call.set()

    def _hear(self, event: Event) -> None:
        if isinstance(event, FeedbackReceived) and event.message is not None:
            self._hear_of_fact(event.message, kept=event.outcome == Outcome.KEPT)
        elif self._watched and isinstance(event, _ENDS) and event.message in self._watched:
            self._call.set()

    def _hear_of_fact(self, message: str, *, kept: bool) -> None:
        if not kept:
            self._watched.discard(message)
        elif len(self._watched) < MAX_WATCHED:
            self._watched.add(message)
            self._call.set()  # it may have been settled between the commit and this event
