"""Each try of each message, put together from the moves the database wrote down and what the mail server received.

The mail server's instants fall into the tries' spans: so it is known in which try a copy was received, how far that try
had come by then, and whose it was. It tells apart what a count of copies cannot: a copy that a kill explains, and one
that happened beside it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from gatepost.testing import AcceptedMessage, SubmissionServer
from tests.support.tables import Tables
from tests.support.witness import Move

# A row's instant may be older than what happened before it: SQLite cuts it off behind the millisecond.
INSTANT_ERROR_S = 0.002
# So many deaths in `sending` put a message under suspicion, and so many more alone in flight have it held.
SUSPECTED_AT, MORE_ALONE = 2, 3
HELD_AT = SUSPECTED_AT + MORE_ALONE
_IDS = "SELECT id, message_id, if_unknown FROM messages"
_DIED = "SELECT message, claim_number FROM attempts WHERE outcome = 'worker_died'"
_HELD = "SELECT id, deaths FROM messages WHERE state = 'held' AND reason = 'kills_process'"


@dataclass
class Try:
    """One claim of one message.

    Attributes:
        owner: whose; a name of one life of one process.
        marked: whether the mark `committing` was durable.
        began_at, ended_at: from the claim to the move out of flight, in seconds by the database's clock.
        died: its process was found dead, and the message taken out of its hands.
        received: how often the mail server took the message meanwhile.
    """

    owner: str
    claim: int
    began_at: float
    marked: bool = False
    ended_at: float = float("inf")
    ended_as: str = ""
    died: bool = False
    received: int = 0


@dataclass
class Kill:
    """What was found of one process that died."""

    sending: int = 0
    committing: int = 0
    copies: int = 0


@dataclass
class Findings:
    """What the tries of a run came to; `wrong` must be empty."""

    kills: dict[str, Kill] = field(default_factory=dict)
    received_before_the_mark: int = 0
    never_twice_received_again: int = 0
    held: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def most_committing(self) -> int:
        """At one kill."""
        return max((kill.committing for kill in self.kills.values()), default=0)

    @property
    def most_copies(self) -> int:
        """Of one kill."""
        return max((kill.copies for kill in self.kills.values()), default=0)


@dataclass(frozen=True)
class Messages:
    """What the tries are compared with."""

    message_ids: Mapping[bytes, str]
    never_twice: frozenset[bytes]
    died: frozenset[tuple[bytes, int]]
    held: Mapping[bytes, int]

    @classmethod
    def of(cls, tables: Tables) -> "Messages":
        """Read them; after everything came to rest."""
        messages, died, held = tables.read(_IDS, _DIED, _HELD)
        return cls(
            message_ids={row_id: message_id for row_id, message_id, _ in messages},
            never_twice=frozenset(row_id for row_id, _, policy in messages if policy == "never_twice"),
            died=frozenset((row_id, claim) for row_id, claim in died),
            held=dict(held),
        )


class Receipts:
    """When a mail server took each message, by the machine's wall clock: the one the database on it goes by.

    Args:
        mail: it tells of every message from now on.
    """

    def __init__(self, mail: SubmissionServer) -> None:
        self.instants: dict[str, list[float]] = defaultdict(list)
        mail.on_accepted = self._write_down

    def _write_down(self, message: AcceptedMessage) -> None:
        self.instants[message.message_id].append(time.time())


def look_at_tries(moves: Sequence[Move], messages: Messages, instants: Mapping[str, Sequence[float]]) -> Findings:
    """Compare every try with what was received while it lasted.

    Args:
        moves: all moves, in their order.
        messages: the rows behind them.
        instants: when each Message-ID was received.
    """
    findings = Findings()
    tries = tries_of(moves)
    for row_id, mine in tries.items():
        for one in mine:
            one.died = (row_id, one.claim) in messages.died
        if unexplained := _lay_receipts(mine, instants.get(messages.message_ids[row_id], ())):
            findings.wrong.append(f"{messages.message_ids[row_id]} was received {unexplained} times outside every try")
        findings.wrong += [f"{messages.message_ids[row_id]}: {sentence}" for sentence in _wrong(mine)]
        copies = sum(one.received for one in mine) - 1
        if row_id in messages.never_twice and copies > 0:
            findings.never_twice_received_again += copies
            findings.wrong.append(f"{messages.message_ids[row_id]} was received twice, and must never be")
        _enter(findings, mine)
    findings.held = len(messages.held)
    findings.wrong += _wrongly_held(tries, messages)
    findings.wrong += [
        f"{owner}: {kill.copies} copies, and only {kill.committing} messages were `committing` when it died"
        for owner, kill in findings.kills.items()
        if kill.copies > kill.committing
    ]
    return findings


def tries_of(moves: Sequence[Move]) -> dict[bytes, list[Try]]:
    """The tries of each message, in their order; messages that were never claimed have none."""
    tries: dict[bytes, list[Try]] = defaultdict(list)
    for move in moves:
        if move.after == "sending":
            tries[move.message].append(Try(move.owner_after or "", move.claim, move.at))
        elif move.after == "committing":
            tries[move.message][-1].marked = True
        elif move.owner_before is not None:
            tries[move.message][-1].ended_at = move.at
            tries[move.message][-1].ended_as = move.after
    return tries


def _lay_receipts(tries: Sequence[Try], instants: Sequence[float]) -> int:
    """Count each receipt in the try that lasted at its instant; returns how many fall into none."""
    unexplained = 0
    for at in instants:
        lasting = [one for one in tries if one.began_at <= at <= one.ended_at + INSTANT_ERROR_S]
        if lasting:
            lasting[-1].received += 1
        else:
            unexplained += 1
    return unexplained


def _wrong(tries: Sequence[Try]) -> Iterator[str]:
    for one in tries:
        if one.received and not one.marked:
            yield f"received in a try that was never marked: {one}"
        if one.received > 1:
            yield f"received more than once in one try: {one}"
        if one.ended_as == "accepted" and one.received != 1:
            yield f"accepted, and received {one.received} times: {one}"


def _enter(findings: Findings, tries: Sequence[Try]) -> None:
    """Enter one message's tries under the kills that ended them; a copy is the fault of the try before it."""
    for number, one in enumerate(tries):
        if not one.died:
            continue
        kill = findings.kills.setdefault(one.owner, Kill())
        if one.marked:
            kill.committing += 1
        else:
            kill.sending += 1
            findings.received_before_the_mark += one.received
        if any(later.received for later in tries[number + 1 :]):
            kill.copies += one.received


def _wrongly_held(tries: Mapping[bytes, Sequence[Try]], messages: Messages) -> Iterator[str]:
    """A message is held for killing its process after deaths that its tries show, the last of them alone in flight."""
    together = Counter(one.owner for mine in tries.values() for one in mine if one.died)
    for row_id, deaths in messages.held.items():
        before_the_mark = [one for one in tries.get(row_id, ()) if one.died and not one.marked]
        alone = [one for one in before_the_mark[SUSPECTED_AT:] if together[one.owner] == 1]
        if deaths != HELD_AT or len(alone) < MORE_ALONE:
            yield f"{messages.message_ids[row_id]} is held after {deaths} deaths; alone in flight: {len(alone)}"
