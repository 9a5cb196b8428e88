"""One look at the outbox: what a worker may attempt now, and what is settled without a try."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from gatepost.delivery.alone import Turn
from gatepost.delivery.bounces import Bounces
from gatepost.delivery.outcome_events import attempt_event
from gatepost.events import AddressSuppressed, MessageEvent
from gatepost.outbox.claim import Claimed, Skip, allow_copies, claim, claim_suspect, suspect_is_due
from gatepost.outbox.claim_lanes import Passed, Passing, claim_passing
from gatepost.outbox.lifecycle import State
from gatepost.outbox.queue_hold import is_held
from gatepost.outbox.settle import Verdict, settle

# Renews the tokens of claimed messages and makes their links, in the claim's transaction: an answer for each.
Prepare = Callable[[Connection, Sequence[Claimed], int], Sequence[Mapping[str, str] | Skip]]


@dataclass(frozen=True)
class Round:
    """What one claim brought: messages to attempt, and messages that were settled without a try.

    `suppressed` is what the end of some of these led to.
    """

    ready: list[tuple[Claimed, Mapping[str, str]]]
    settled: list[MessageEvent]
    suppressed: list[AddressSuppressed] = field(default_factory=list)
    more: bool = False  # perhaps something else could have been claimed
    walks: Sequence[tuple[Passing, Passed, float]] = ()  # with the seconds each took
    held: bool = False  # the queue is: nothing was claimed because of it
    suspect: bool = False  # a message that is tried alone was due: it is this, or nothing was claimed because of it

    @property
    def size(self) -> int:
        return len(self.ready) + len(self.settled)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A work that claims and prepares up to `free` messages; for the arguments see `claim`.

    Args:
        bounces: hears of what expires.
        copies: also make those due again that the server may have taken, and ask whether the queue is held.
        turn: whose turn it is; not NOBODY's.
        passing: where some lanes are full, what may be claimed all the same and how many of it, in this order.
    """

    prepare: Prepare
    bounces: Bounces
    owner: str
    free: int
    now_ms: int
    while_alive: bool
    copies: bool
    turn: Turn = Turn.OTHERS
    passing: Sequence[tuple[Passing, int]] = ()

    def __call__(self, tx: Connection) -> Round:
        if self.copies:
            if is_held(tx):
                return Round([], [], held=True)
            allow_copies(tx, self.now_ms)
        if self.turn is Turn.ASK and suspect_is_due(tx, self.now_ms):
            return Round([], [], more=True, suspect=True)
        if self.turn is Turn.SUSPECT:
            suspects = claim_suspect(tx, owner=self.owner, now_ms=self.now_ms, while_alive=self.while_alive)
            if suspects:
                return self._prepared(tx, suspects, Round([], [], more=True, suspect=True))
        if self.passing:
            return self._past_full_lanes(tx)
        claimed = claim(tx, owner=self.owner, limit=self.free, now_ms=self.now_ms, while_alive=self.while_alive)
        return self._prepared(tx, claimed, Round([], [], more=len(claimed) == self.free))

    def _past_full_lanes(self, tx: Connection) -> Round:
        claimed: list[Claimed] = []
        walks: list[tuple[Passing, Passed, float]] = []
        for passing, most in self.passing:
            limit = min(most, self.free - len(claimed))
            if limit <= 0:
                break
            began = time.perf_counter()
            passed = claim_passing(
                tx, passing, owner=self.owner, limit=limit, now_ms=self.now_ms, while_alive=self.while_alive
            )
            walks.append((passing, passed, time.perf_counter() - began))
            claimed += passed.claimed
        more = len(walks) < len(self.passing) or not all(passed.ended for _, passed, _ in walks)
        return self._prepared(tx, claimed, Round([], [], more=more, walks=walks))

    def _prepared(self, tx: Connection, claimed: Sequence[Claimed], found: Round) -> Round:
        in_time = [one for one in claimed if one.expires_at > self.now_ms]
        over = [one for one in claimed if one.expires_at <= self.now_ms]
        for one in over:
            self._settle(tx, found, one, Verdict(state=State.EXPIRED, reason="expired", counted=False))
        found.suppressed.extend(self.bounces.expired(tx, over, self.now_ms))
        if in_time:
            for one, prepared in zip(in_time, self.prepare(tx, in_time, self.now_ms), strict=True):
                if isinstance(prepared, Skip):
                    verdict = Verdict(state=prepared.state, reason=prepared.reason, counted=False)
                    self._settle(tx, found, one, verdict)
                else:
                    found.ready.append((one, prepared))
        return found

    def _settle(self, tx: Connection, found: Round, one: Claimed, verdict: Verdict) -> None:
        settle(tx, one, verdict, None, self.now_ms)
        found.settled.append(attempt_event(one, verdict, None, self.now_ms))
