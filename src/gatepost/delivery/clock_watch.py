"""A wall clock that is set back strands nobody: what was due before is due after it."""

from functools import partial

from gatepost.delivery.attempt import Desk
from gatepost.outbox.set_back import MOVED_AT_ONCE, SET_BACK_MS, make_due, stranded

# Of another machine's clock, or one that was set while nothing ran, a worker hears nothing: it looks now and then.
LOOKED_EVERY_S = 60.0


class ClockWatch:
    """Compares the wall clock with the one that never runs backwards, once in every turn of a worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ahead_ms: float | None = None
        self._next_at = float("-inf")

    async def look(self) -> None:
        """Make due what a jump has stranded, at the start, after a jump, and now and then.

        Raises:
            TryLater: the database answers nothing, or takes no writes.
        """
        now_s, now_ms = self._desk.clock.monotonic(), self._desk.clock.now_ms()
        before_ms, self._ahead_ms = self._ahead_ms, now_ms - now_s * 1000
        if before_ms is not None and before_ms - self._ahead_ms > SET_BACK_MS:
            self._next_at = now_s
        if now_s < self._next_at:
            return
        ids = await self._desk.database.read(partial(stranded, now_ms=now_ms))
        if ids:
            await self._desk.database.write(partial(make_due, ids=ids, now_ms=now_ms))
        if len(ids) < MOVED_AT_ONCE:  # else there are more: in the next turn
            self._next_at = now_s + LOOKED_EVERY_S
