"""What a worker claims at this moment: how many, and whose turn it is."""

from gatepost.delivery.alone import Alone, Turn
from gatepost.delivery.attempt import Desk
from gatepost.delivery.round import Look, Prepare, Round

COPIES_EVERY_S = 1.0


class Claiming:
    """Makes the looks of one worker, one at a time, and takes note of what each brought.

    Args:
        desk: what every attempt needs.
        prepare: see `Look`.
        owner: who claims.
    """

    def __init__(self, desk: Desk, prepare: Prepare, owner: str) -> None:
        self._desk = desk
        self._prepare = prepare
        self._owner = owner
        self._alone = Alone()
        self._copies_at = float("-inf")

    def next(self, free: int, *, idle: bool) -> Look | None:
        """Say what to claim now; None for nothing.

        Args:
            free: how many more the worker can take.
            idle: whether nothing of it is in flight or without a durable result.
        """
        free = min(free, self._desk.transport.room())
        if free <= 0:
            return None
        now_s = self._desk.clock.monotonic()
        turn = self._alone.turn(now_s, idle=idle)
        if turn is Turn.NOBODY:
            return None
        return Look(
            prepare=self._prepare,
            owner=self._owner,
            free=free,
            now_ms=self._desk.clock.now_ms(),
            while_alive=self._desk.database.shared,
            # Their delays are counted in half minutes: looking for them in every claim would cost more than the claim.
            copies=now_s >= self._copies_at,
            turn=turn,
        )

    def answered(self, look: Look, found: Round) -> bool:
        """Take note of what a look brought. True: there may be more."""
        now_s = self._desk.clock.monotonic()
        if look.copies:
            self._copies_at = now_s + COPIES_EVERY_S
        self._alone.answered(look.turn, found.suspect, now_s)
        return found.suspect or found.size == look.free
