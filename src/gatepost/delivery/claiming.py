"""What a worker claims at this moment: how many, whose turn it is, and past which lanes."""

from collections.abc import Sequence

from gatepost.delivery.alone import Alone, Turn
from gatepost.delivery.attempt import Attempt, Desk
from gatepost.delivery.lanes import Allowed, Lanes
from gatepost.delivery.round import Look, Prepare, Round
from gatepost.delivery.walks import Walks
from gatepost.outbox.claim_lanes import Passing

COPIES_EVERY_S = 1.0


class Claiming:
    """Makes the looks of one worker, one at a time, and takes note of what each brought.

    Args:
        desk: what every attempt needs.
        prepare: see `Look`.
        owner: who claims.
        slots: how many messages are under way at most.
    """

    def __init__(self, desk: Desk, prepare: Prepare, owner: str, slots: int) -> None:
        self._desk = desk
        self._prepare = prepare
        self._owner = owner
        self._slots = slots
        self._lanes = Lanes(slots)
        self._walks = Walks()
        self._alone = Alone()
        self._copies_at = float("-inf")
        self._held = False  # when it was asked last
        self._narrow_first = False
        self._bells = 0
        self._bells_before = 0  # the look under way
        self._left: frozenset[str] = frozenset()  # passed over by a claim that found nothing more

    @property
    def bounded(self) -> bool:
        """Whether something may be due that cannot be claimed now."""
        return self._held or self._desk.transport.room() < self._slots or bool(self._left)

    @property
    def reopened(self) -> bool:
        """Whether a lane that the last claim passed over has a free slot again."""
        return self._lanes.opened(self._left)

    def rung(self) -> None:
        """Something may have become due."""
        self._bells += 1

    def begun(self, attempt: Attempt) -> None:
        """A try takes its slot."""
        self._lanes.begun(attempt.claimed.recipient_domain)

    def ended(self, attempt: Attempt) -> None:
        """It leaves it."""
        self._lanes.ended(attempt.claimed.recipient_domain, attempt.reply)

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
        allowed = self._lanes.allowed()
        if turn is Turn.OTHERS and self._in_vain(allowed, now_s):
            self._left = allowed.passed_over - allowed.narrow
            return None
        self._bells_before = self._bells
        passing = self._passing(allowed, now_s)
        return Look(
            prepare=self._prepare,
            bounces=self._desk.bounces,
            owner=self._owner,
            free=free if passing else min(free, allowed.hand),
            now_ms=self._desk.clock.now_ms(),
            while_alive=self._desk.database.shared,
            # Their delays are counted in half minutes: looking for them in every claim would cost more than the claim.
            copies=now_s >= self._copies_at,
            turn=turn,
            passing=passing,
        )

    def answered(self, look: Look, found: Round) -> bool:
        """Take note of what a look brought. True: there may be more."""
        now_s = self._desk.clock.monotonic()
        if look.copies:
            self._copies_at = now_s + COPIES_EVERY_S
            self._held = found.held
        self._alone.answered(look.turn, found.suspect, now_s)
        self._left = frozenset()
        for passing, passed, took_s in found.walks:
            self._walks.walked((passing.domains, passing.only), passed, took_s, self._bells_before)
            if not found.more:
                self._left = self._left - passing.domains if passing.only else self._left | passing.domains
        return found.more

    def _in_vain(self, allowed: Allowed, now_s: float) -> bool:
        if not allowed.passed_over:
            return False
        return self._walks.in_vain((allowed.passed_over, False), now_s, self._bells) and (
            not allowed.narrow or self._walks.in_vain((allowed.narrow, True), now_s, self._bells)
        )

    def _passing(self, allowed: Allowed, now_s: float) -> Sequence[tuple[Passing, int]]:
        if not allowed.passed_over:
            return ()
        others = allowed.passed_over, False
        passing = [(Passing(*others, self._walks.since(others, now_s)), allowed.hand)]
        if allowed.narrow:
            narrow = allowed.narrow, True
            passing.append((Passing(*narrow, self._walks.since(narrow, now_s)), 1))
            # In turns, because whoever comes first may take the last slot.
            self._narrow_first = not self._narrow_first
        return passing[::-1] if self._narrow_first else passing
