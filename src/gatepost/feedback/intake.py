"""Take facts into the database: each one once, its message found, and what follows from it done, in one transaction."""

import functools
import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.database.columns import new_row_id
from gatepost.feedback.apply import NONE, Consequence, address_of, draw, move, named_address
from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Fact, Kind
from gatepost.feedback.match import Message, match
from gatepost.feedback.tables import feedback
from gatepost.feedback.taken import Outcome, Taken
from gatepost.outbox.lifecycle import UNACCEPTED
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.suppress import one_line

MAX_FACTS_AT_ONCE = 50
MAX_MESSAGE_ID_CHARACTERS = 998  # a line (RFC 5322, 2.1.1)

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
# PostgreSQL's text has no NUL, UTF-8 has no half of a character.
_UNSTORABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass
class _Case:
    """One fact on its way through the transaction."""

    place: int
    fact: Fact
    event: bytes
    message: Message | None
    outcome: Outcome = Outcome.REPEATED
    consequence: Consequence = NONE

    @property
    def order(self) -> tuple[str, bytes]:
        return (self.fact.source, self.event)

    @property
    def settled(self) -> bool:
        return self.message is None or self.message.state not in UNACCEPTED


def take_in(tx: Connection, facts: Sequence[Fact], *, hiding: Hiding, now_ms: int) -> list[Taken]:
    """Keep facts and do what follows from them; what is known already is left alone.

    Everything is taken in one order (messages, facts, addresses): two that take in the same at once wait for each
    other, and never in a circle.

    Args:
        tx: the transaction.
        facts: at most MAX_FACTS_AT_ONCE.
        hiding: finds suppressions of whoever was erased.
        now_ms: wall time in milliseconds.

    Returns:
        What became of each, in their order.
    """
    clean = [_clean(fact, now_ms) for fact in facts[:MAX_FACTS_AT_ONCE]]
    found = match(tx, clean)
    cases = [_Case(place, fact, digest(fact), found[place]) for place, fact in enumerate(clean)]
    for case in sorted(cases, key=lambda one: one.order):
        _keep(tx, case, now_ms)
    new = [case for case in cases if case.outcome in (Outcome.APPLIED, Outcome.UNMATCHED)]
    for case in new:
        if case.message is not None:
            move(tx, case.fact, case.message, now_ms)
    for case in sorted(new, key=_by_address):
        case.consequence = draw(tx, case.fact, case.message, case.event, hiding=hiding, now_ms=now_ms)
    return [_taken(case) for case in cases]


def digest(fact: Fact) -> bytes:
    """What the source's own id of a fact is kept as."""
    return hashlib.sha256(fact.event_id.encode("utf-8", "surrogatepass")).digest()[:16]


def _keep(tx: Connection, case: _Case, now_ms: int) -> None:
    fact, message = case.fact, case.message
    named = named_address(fact) if message is None else None
    row = {
        "id": new_row_id(),
        "source": fact.source,
        "event": case.event,
        "kind": str(fact.kind),
        "bounce": None if fact.bounce is None else str(fact.bounce),
        "message": None if message is None else message.id,
        "recipient_key": None if named is None else named.key,
        "status": fact.status,
        "detail": None if message is not None and message.is_forgotten else fact.text,
        "at": fact.at,
        "received_at": now_ms,
        "applied_at": now_ms if case.settled else None,
    }
    if tx.execute(_insert(tx.dialect.name), row).first() is None:
        return
    if message is None:
        case.outcome = Outcome.UNMATCHED
    else:
        case.outcome = Outcome.APPLIED if case.settled else Outcome.KEPT


@functools.cache
def _insert(dialect: str) -> ReturningInsert[Any]:
    statement = postgresql.insert(feedback) if dialect == "postgresql" else sqlite.insert(feedback)
    return statement.on_conflict_do_nothing(index_elements=["source", "event"]).returning(feedback.c.id)


def _by_address(case: _Case) -> tuple[str, str, bytes]:
    address = address_of(case.fact, case.message)
    return (address.key if address else "", *case.order)


def _taken(case: _Case) -> Taken:
    message: uuid.UUID | None = None if case.message is None else case.message.id
    state = None if case.message is None or case.outcome is Outcome.REPEATED else str(case.message.state)
    return Taken(
        fact=case.fact,
        outcome=case.outcome,
        message=message,
        state=state,
        suppressed=case.consequence.suppressed,
        unusual=case.consequence.unusual,
        believed=case.consequence.hard and case.consequence.unusual is None,
    )


def _clean(fact: Fact, now_ms: int) -> Fact:
    """The fact as it can be stored: whatever a source says, no text of it stops the others."""
    message_id = fact.message_id
    if message_id is not None and (len(message_id) > MAX_MESSAGE_ID_CHARACTERS or _UNSTORABLE.search(message_id)):
        message_id = None
    bounced = fact.kind is Kind.BOUNCED
    return replace(
        fact,
        bounce=(fact.bounce or bounce_of(fact.status)) if bounced else None,
        at=min(max(fact.at, 0), now_ms),
        message_id=message_id,
        status=fact.status if fact.status and _STATUS.fullmatch(fact.status) else None,
        text=one_line(fact.text),
    )
