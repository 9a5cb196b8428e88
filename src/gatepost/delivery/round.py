"""One look at the outbox: what a worker may attempt now, and what is settled without a try."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gatepost.delivery.alone import Turn
from gatepost.delivery.outcome_events import attempt_event
from gatepost.events import MessageEvent
from gatepost.outbox.claim import Claimed, Skip, allow_copies, claim, claim_suspect, suspect_is_due
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict, settle

# Renews the tokens of claimed messages and makes their links, in the claim's transaction: an answer for each.
Prepare = Callable[[Connection, Sequence[Claimed], int], Sequence[Mapping[str, str] | Skip]]


@dataclass(frozen=True)
class Round:
    """What one claim brought: messages to attempt, and messages that were settled without a try."""

    ready: list[tuple[Claimed, Mapping[str, str]]]
    settled: list[MessageEvent]
    suspect: bool = False  # a message that is tried alone was due: it is this, or nothing was claimed because of it

    @property
    def size(self) -> int:
        return len(self.ready) + len(self.settled)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A work that claims and prepares up to `free` messages; for the arguments see `claim`.

    Args:
        copies: also make those due again that the server may have taken.
        turn: whose turn it is; not NOBODY's.
    """

    prepare: Prepare
    owner: str
    free: int
    now_ms: int
    while_alive: bool
    copies: bool
    turn: Turn = Turn.OTHERS

    def __call__(self, tx: Connection) -> Round:
        if self.copies:
            allow_copies(tx, self.now_ms)
        if self.turn is Turn.ASK and suspect_is_due(tx, self.now_ms):
            return Round([], [], suspect=True)
        if self.turn is Turn.SUSPECT:
            suspects = claim_suspect(tx, owner=self.owner, now_ms=self.now_ms, while_alive=self.while_alive)
            if suspects:
                return self._prepared(tx, suspects, Round([], [], suspect=True))
        claimed = claim(tx, owner=self.owner, limit=self.free, now_ms=self.now_ms, while_alive=self.while_alive)
        return self._prepared(tx, claimed, Round([], []))

    def _prepared(self, tx: Connection, claimed: Sequence[Claimed], found: Round) -> Round:
        in_time = [one for one in claimed if one.expires_at > self.now_ms]
        for one in claimed:
            if one.expires_at <= self.now_ms:
                self._settle(tx, found, one, Verdict(state=State.EXPIRED, reason="expired", counted=False))
        if in_time:
            for one, prepared in zip(in_time, self.prepare(tx, in_time, self.now_ms), strict=True):
                if isinstance(prepared, Skip):
                    verdict = Verdict(state=State.CANCELLED, reason=prepared.reason, counted=False)
                    self._settle(tx, found, one, verdict)
                else:
                    found.ready.append((one, prepared))
        return found

    def _settle(self, tx: Connection, found: Round, one: Claimed, verdict: Verdict) -> None:
        settle(tx, one, verdict, None, self.now_ms)
        found.settled.append(attempt_event(one, verdict, None, self.now_ms))
