"""One outbox with everything that may happen to its messages: tries, deaths, operators, copies, pruning, and facts.

Facts come at any moment, twice and in any order. Whatever happened: only legal moves (the database refuses every
other), and an end that the facts alone decide.
"""

import asyncio
import contextlib
import itertools
import uuid
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection, delete, select

from gatepost.audit.trail import Signature
from gatepost.database.connection import Database, Work
from gatepost.errors import ActionRefused
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.intake import take_in
from gatepost.feedback.kept import apply_kept
from gatepost.feedback.tables import feedback
from gatepost.feedback.taken import Outcome
from gatepost.outbox.actions import Action
from gatepost.outbox.claim import Claimed, allow_copies, claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.give_back import recover
from gatepost.outbox.late import settle_late
from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.operate import act
from gatepost.outbox.prune import prune_messages
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import bookmarks, messages
from gatepost.outbox.unknown import perhaps_taken
from gatepost.suppression.tables import soft_bounces, suppressions
from tests.support.feedback import HIDING
from tests.support.outbox import NOW_MS, draft

ADDRESSES = ("ada@example.com", "bob@example.com")
BY = Signature(actor="admin token")
SAID = [
    (Kind.DELIVERED, None),
    (Kind.DELAYED, None),
    (Kind.COMPLAINED, None),
    (Kind.UNSUBSCRIBED, None),
    *((Kind.BOUNCED, bounce) for bounce in Bounce),
]
ENDS = ("accepted", "deferred", "failed", "unknown", "expired", "queued")
MAX_MESSAGES = 8  # fewer than it takes until nobody is believed
DAY_MS = 24 * 3600 * 1000
_numbers = itertools.count()


class Outbox:
    """The database, as plain calls."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self._runner = runner
        self._database = database

    def write(self, work: Work[Any]) -> Any:
        """Run a work in a transaction of its own."""
        return self._runner.run(self._database.write(work))

    def empty(self) -> None:
        """As it was at the start."""
        tables = (feedback, messages, bookmarks, suppressions, soft_bounces)
        self.write(lambda tx: [tx.execute(delete(table)).rowcount for table in tables])

    def states(self) -> dict[uuid.UUID, State]:
        """How far each message got."""
        query = select(messages.c.id, messages.c.state)
        return self.write(lambda tx: {row.id: State(row.state) for row in tx.execute(query)})  # type: ignore[no-any-return]

    def suppressed(self) -> set[tuple[str, str, str]]:
        """Address, reason and scope of every suppression."""
        query = select(suppressions.c.address_key, suppressions.c.reason, suppressions.c.scope)
        return self.write(lambda tx: {tuple(row) for row in tx.execute(query)})  # type: ignore[no-any-return]

    def kept(self) -> set[uuid.UUID]:
        """The messages for which facts are kept."""
        query = select(feedback.c.message).where(feedback.c.applied_at.is_(None))
        return self.write(lambda tx: set(tx.execute(query).scalars()))  # type: ignore[no-any-return]


@dataclass
class Sent:
    """What was promised, and what came back about it."""

    address: str
    security: bool
    facts: list[Fact] = field(default_factory=list)
    applied: int = 0  # so many of the facts

    @property
    def counted(self) -> list[Fact]:
        return self.facts[: self.applied]


def expected(sent: dict[uuid.UUID, Sent]) -> set[tuple[str, str, str]]:
    """The suppressions that facts lead to, whatever their order."""
    found: dict[tuple[str, str], str] = {}
    soft: dict[str, set[uuid.UUID]] = {}
    for row_id, one in sent.items():
        for told in one.counted:
            if told.kind is Kind.COMPLAINED:
                scope = "all" if one.security else found.get((one.address, "complaint"), "all_but_security")
                found[one.address, "complaint"] = scope
            elif told.kind is Kind.UNSUBSCRIBED:
                found[one.address, "unsubscribed"] = "all_but_security"
            elif told.bounce is Bounce.HARD:
                found[one.address, "hard_bounce"] = "all"
            elif told.bounce is Bounce.SOFT:
                soft.setdefault(one.address, set()).add(row_id)
    found |= {(address, "soft_bounces"): "all" for address, of in soft.items() if len(of) >= 5}
    return {(*key, scope) for key, scope in found.items()}


class Story(RuleBasedStateMachine):
    """One outbox, its workers, an operator, and a provider that tells what it likes."""

    outbox: Outbox

    def __init__(self) -> None:
        super().__init__()
        self.outbox.empty()
        self.now_ms = NOW_MS
        self.sent: dict[uuid.UUID, Sent] = {}
        self.gone: dict[uuid.UUID, Sent] = {}
        self.ours: list[Claimed] = []
        self.lost: list[Claimed] = []
        self.told: list[Fact] = []
        self.before: dict[uuid.UUID, State] = {}

    # ---- what a product and its workers do --------------------------------------------------------------------

    @precondition(lambda self: len(self.sent) + len(self.gone) < MAX_MESSAGES)
    @rule(address=st.sampled_from(ADDRESSES), security=st.booleans(), twice=st.booleans())
    def promise(self, address: str, security: bool, twice: bool) -> None:
        template = "verification" if twice else "welcome"
        wanted = draft(template=template, recipient=address, recipient_key=address, security=security)
        row_id = self.outbox.write(lambda tx: enqueue(tx, wanted, now_ms=self.now_ms, domain="gatepost.example").id)
        self.sent[row_id] = Sent(address, security)

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        def work(tx: Connection) -> list[Claimed]:
            allow_copies(tx, self.now_ms)
            return claim(tx, owner="a worker", limit=limit, now_ms=self.now_ms, while_alive=False)

        self.ours += self.outbox.write(work)

    @precondition(lambda self: self.ours)
    @rule(which=st.integers(0, 99), end=st.sampled_from(ENDS))
    def settle(self, which: int, end: str) -> None:
        claimed = self.ours.pop(which % len(self.ours))
        verdict, now_ms = self._verdict(claimed, end), self.now_ms
        if end not in ("expired", "queued"):
            assert self.outbox.write(lambda tx: mark_committing(tx, claimed))
        tried = Try(outcome=end, started_at=now_ms)
        assert self.outbox.write(lambda tx: settle(tx, claimed, verdict, tried, now_ms))

    @precondition(lambda self: self.ours)
    @rule(marked=st.booleans())
    def die(self, marked: bool) -> None:
        """Every worker is gone, at one of two moments; what they had is recovered."""
        for one in self.ours if marked else ():
            self.outbox.write(lambda tx, one=one: mark_committing(tx, one))  # type: ignore[misc]
        self.lost, self.ours = self.lost + self.ours, []
        self.outbox.write(lambda tx: recover(tx, self.now_ms))

    @precondition(lambda self: self.lost)
    @rule(end=st.sampled_from(("accepted", "deferred")))
    def come_late(self, end: str) -> None:
        """One that was held for dead knows better, or thinks so."""
        claimed = self.lost.pop()
        tried = Try(outcome=end, started_at=self.now_ms)
        verdict = self._verdict(claimed, end)
        self.outbox.write(lambda tx: settle(tx, claimed, verdict, tried, self.now_ms))
        self.outbox.write(lambda tx: settle_late(tx, claimed, verdict, tried, self.now_ms))

    @rule(minutes=st.sampled_from((1, 20)))
    def wait(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 99), action=st.sampled_from((Action.HOLD, Action.RELEASE, Action.CANCEL)))
    def operate(self, which: int, action: Action) -> None:
        row_id = sorted(self.sent)[which % len(self.sent)]
        with contextlib.suppress(ActionRefused):
            self.outbox.write(lambda tx: act(tx, action, row_id, BY, self.now_ms))

    @rule()
    def prune(self) -> None:
        """A month has passed for what is settled, and it is gone with all that was said about it."""
        later_ms = self.now_ms + 40 * DAY_MS
        while self.outbox.write(lambda tx: prune_messages(tx, later_ms, kept_days=31)):
            pass
        there = self.outbox.states()
        for row_id in self.sent.keys() - there.keys():
            self.gone[row_id] = self.sent.pop(row_id)
        self.lost = [one for one in self.lost if one.id in there]

    # ---- what comes back --------------------------------------------------------------------------------------

    @precondition(lambda self: self.sent or self.gone)
    @rule(facts=st.lists(st.tuples(st.integers(0, 99), st.sampled_from(SAID)), min_size=1, max_size=4))
    def tell(self, facts: list[tuple[int, tuple[Kind, Bounce | None]]]) -> None:
        """New facts, of messages that are there or are gone, in one post."""
        ids = sorted(self.sent.keys() | self.gone.keys())
        self._take([_fact(ids[which % len(ids)], *said) for which, said in facts])

    @precondition(lambda self: self.told)
    @rule(which=st.integers(0, 99))
    def tell_again(self, which: int) -> None:
        """The same post once more: nothing changes."""
        told = self.told[which % len(self.told)]
        before = (self.outbox.states(), self.outbox.suppressed())
        (taken,) = self.outbox.write(lambda tx: take_in(tx, [told], hiding=HIDING, now_ms=self.now_ms))
        if told.row_id in self.sent:
            assert Outcome.REPEATED is taken.outcome
        else:  # it went with its message: new again, about no message of ours
            assert taken.outcome in (Outcome.REPEATED, Outcome.UNMATCHED)
        assert before == (self.outbox.states(), self.outbox.suppressed())

    @rule()
    def apply(self) -> None:
        while applied := self.outbox.write(lambda tx: apply_kept(tx, hiding=HIDING, now_ms=self.now_ms)):
            for one in applied:
                self.sent[one.message].applied += 1

    # ---- what must hold ---------------------------------------------------------------------------------------

    @invariant()
    def nothing_leads_back(self) -> None:
        """Each state was reached from the one before, and what came back is only said where somebody told it."""
        states = self.outbox.states()
        for row_id, after in states.items():
            if self.before.get(row_id) is State.BOUNCED:
                assert after is State.BOUNCED
            if self.before.get(row_id) is State.DELIVERED:
                assert after in (State.DELIVERED, State.BOUNCED)
            kinds = {one.kind for one in self.sent[row_id].facts}
            assert (after is not State.DELIVERED) or Kind.DELIVERED in kinds
            assert (after is not State.BOUNCED) or Kind.BOUNCED in kinds
        self.before = states

    @invariant()
    def what_was_applied_is_all_that_counts(self) -> None:
        assert expected(self.gone | self.sent) == self.outbox.suppressed()

    def teardown(self) -> None:
        """Everything is settled and applied: now the facts alone decide."""
        self.outbox.write(lambda tx: recover(tx, self.now_ms))
        for row_id, state in self.outbox.states().items():
            if state in UNACCEPTED:
                self.outbox.write(lambda tx, row_id=row_id: act(tx, Action.CANCEL, row_id, BY, self.now_ms))  # type: ignore[misc]
        self.apply()
        assert set() == self.outbox.kept()
        self.nothing_leads_back()
        self.what_was_applied_is_all_that_counts()
        for row_id, state in self.outbox.states().items():
            told = self.sent[row_id]
            assert len(told.facts) == told.applied
            kinds = {one.kind for one in told.facts}
            if state in (State.ACCEPTED, State.UNKNOWN):
                assert not kinds & {Kind.DELIVERED, Kind.BOUNCED}
            if state is State.DELIVERED:
                assert Kind.BOUNCED not in kinds

    def _take(self, facts: list[Fact]) -> None:
        taken = self.outbox.write(lambda tx: take_in(tx, facts, hiding=HIDING, now_ms=self.now_ms))
        self.told += facts
        for one in taken:
            if one.message is None:
                assert Outcome.UNMATCHED is one.outcome
                continue
            sent = self.sent[one.message]
            if one.outcome is Outcome.APPLIED:  # before those that are kept, if there are any
                sent.facts.insert(sent.applied, one.fact)
                sent.applied += 1
            else:
                assert Outcome.KEPT is one.outcome
                sent.facts.append(one.fact)

    def _verdict(self, claimed: Claimed, end: str) -> Verdict:
        if end == "unknown":
            return perhaps_taken(claimed.if_unknown, claimed.unknowns, self.now_ms, "no_final_reply")
        due_at = self.now_ms + 60_000 if end in ("deferred", "queued") else None
        reason = None if end == "accepted" else end
        return Verdict(state=State(end), reason=reason, due_at=due_at, counted=end not in ("queued", "expired"))


def _fact(row_id: uuid.UUID, kind: Kind, bounce: Bounce | None) -> Fact:
    event_id = f"event {next(_numbers)}"
    return Fact(source="ses", event_id=event_id, kind=kind, at=NOW_MS, bounce=bounce, row_id=row_id)
