"""Messages that went out, and what comes back about them, as the tests of feedback write and read them."""

import itertools
import uuid
from typing import Any

from sqlalchemy import select, update

from gatepost.database.connection import Database
from gatepost.events import Events
from gatepost.feedback.desk import FeedbackDesk
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.intake import take_in
from gatepost.feedback.kept import apply_kept
from gatepost.feedback.tables import feedback
from gatepost.feedback.taken import Taken
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.tables import soft_bounces, suppressions
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all

HIDING = Hiding(["0123456789abcdef0123456789abcdef"])
LATER_MS = NOW_MS + 60_000
_numbers = itertools.count(1)

# How a message comes to be settled: what its only try led to.
ENDS = {
    State.ACCEPTED: Verdict(state=State.ACCEPTED),
    State.UNKNOWN: Verdict(state=State.UNKNOWN, reason="no_final_reply", perhaps_taken=True),
    State.FAILED: Verdict(state=State.FAILED, reason="refused"),
    State.DEFERRED: Verdict(state=State.DEFERRED, reason="transient", due_at=NOW_MS + 3_600_000),
    State.EXPIRED: Verdict(state=State.EXPIRED, reason="expired", counted=False),
    State.CANCELLED: Verdict(state=State.CANCELLED, reason="superseded", counted=False),
    State.SUPPRESSED: Verdict(state=State.SUPPRESSED, reason="complaint", counted=False),
    State.HELD: Verdict(state=State.HELD, reason="cannot_compose", counted=False),
}


def fact(kind: Kind = Kind.DELIVERED, **changes: Any) -> Fact:
    """A fact that nobody told before."""
    bounce = Bounce.OTHER if kind is Kind.BOUNCED else None
    fields: dict[str, Any] = {
        "source": "ses",
        "event_id": f"event {next(_numbers)}",
        "kind": kind,
        "at": NOW_MS,
        "bounce": bounce,
    }
    return Fact(**(fields | changes))


async def sent(database: Database, state: State = State.ACCEPTED, **changes: Any) -> uuid.UUID:
    """A message that was tried once, and what that led to."""
    (row_id,) = await enqueue_all(database, draft(**changes))
    if state is not State.QUEUED:
        await end(database, row_id, state)
    return row_id


async def end(database: Database, row_id: uuid.UUID, state: State) -> None:
    """Claim a message that waits, and settle it; `sending` and `committing` stop half-way."""
    (claimed,) = [one for one in await claim_as(database, limit=100, now_ms=LATER_MS) if one.id == row_id]
    if state is State.SENDING:
        return
    assert state in (State.HELD, State.CANCELLED, State.EXPIRED, State.SUPPRESSED) or await database.write(
        lambda tx: mark_committing(tx, claimed)
    )
    if state is State.COMMITTING:
        return
    tried = Try(outcome=str(state), started_at=NOW_MS)
    assert await database.write(lambda tx: settle(tx, claimed, ENDS[state], tried, NOW_MS))


async def take(database: Database, *facts: Fact, now_ms: int = LATER_MS) -> list[Taken]:
    """Take facts in one transaction."""
    return await database.write(lambda tx: take_in(tx, facts, hiding=HIDING, now_ms=now_ms))


async def apply(database: Database, now_ms: int = LATER_MS) -> list[Taken]:
    """Apply what was kept."""
    return await database.write(lambda tx: apply_kept(tx, hiding=HIDING, now_ms=now_ms))


async def rows(database: Database) -> list[Any]:
    """Every fact, the first one first."""
    query = select(feedback).order_by(feedback.c.id)
    return list(await database.read(lambda connection: connection.execute(query).all()))


async def suppressed(database: Database) -> set[tuple[str, str, str]]:
    """Every suppression: address key, reason and scope."""
    query = select(suppressions.c.address_key, suppressions.c.reason, suppressions.c.scope)
    found = await database.read(lambda connection: connection.execute(query).all())
    return {(row.address_key, row.reason, row.scope) for row in found}


async def soft_causes(database: Database) -> set[tuple[str, bytes]]:
    """Every soft bounce that was counted."""
    query = select(soft_bounces.c.address_key, soft_bounces.c.cause)
    found = await database.read(lambda connection: connection.execute(query).all())
    return {(row.address_key, bytes(row.cause)) for row in found}


async def change(database: Database, row_id: uuid.UUID, **values: Any) -> None:
    """Write to a message's row past everybody."""
    await database.write(
        lambda tx: tx.execute(update(messages).where(messages.c.id == row_id).values(**values)).rowcount
    )


def desk_on(database: Database, clock: Any, events: Events | None = None) -> FeedbackDesk:
    """The desk of one process."""
    return FeedbackDesk(database.write, clock, events or Events(), HIDING)
