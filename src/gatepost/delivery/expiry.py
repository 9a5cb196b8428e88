"""The end of messages that nobody can claim: they become `expired` all the same, piece by piece."""

import uuid
from collections.abc import Sequence
from functools import partial

from sqlalchemy import Connection

from gatepost.delivery.attempt import Desk
from gatepost.delivery.outcome_events import attempt_event
from gatepost.events import Event
from gatepost.outbox.expire import EXPIRED_AT_ONCE, START, expire, overdue
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict

# Between two pieces of one walk, and between two walks. A message's life is counted in hours.
PIECE_EVERY_S = 1.0
WALK_EVERY_S = 10.0

_EXPIRED = Verdict(state=State.EXPIRED, reason="expired", counted=False)


class Expiry:
    """Walks along what is due, again and again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._place = START
        self._next_at = float("-inf")

    async def go_on(self) -> None:
        """Walk one piece, if it is time.

        Raises:
            TryLater: the database answers nothing, or takes no writes.
        """
        now_s, now_ms = self._desk.clock.monotonic(), self._desk.clock.now_ms()
        if now_s < self._next_at:
            return
        ids, place = await self._desk.database.read(partial(overdue, place=self._place, now_ms=now_ms))
        for first in range(0, len(ids), EXPIRED_AT_ONCE):
            some = ids[first : first + EXPIRED_AT_ONCE]
            for event in await self._desk.database.write(partial(self._expire, ids=some, now_ms=now_ms)):
                self._desk.events.emit(event)
        self._place = place
        self._next_at = now_s + (WALK_EVERY_S if place == START else PIECE_EVERY_S)

    def _expire(self, tx: Connection, ids: Sequence[uuid.UUID], now_ms: int) -> Sequence[Event]:
        expired = expire(tx, ids, now_ms)
        suppressed = self._desk.bounces.expired(tx, expired, now_ms)
        return [*(attempt_event(one, _EXPIRED, None, now_ms) for one in expired), *suppressed]
