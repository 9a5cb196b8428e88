"""What became of messages lately, for whoever develops: those that have not arrived, and the story of one that has.

Reads only. What it costs does not grow with the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow, MessageDetail, MessageRow, find, page
from gatepost.outbox.tables import attempts, messages

ARRIVED = frozenset({State.ACCEPTED, State.DELIVERED})
# Decided without a try, whatever was tried before.
STOPPED = frozenset({State.CANCELLED, State.EXPIRED, State.HELD, State.SUPPRESSED})
_LAST_TRY = (
    select(*(attempts.c[name] for name in AttemptRow.__dataclass_fields__))
    .where(attempts.c.message == bindparam("of_id"))
    .order_by(attempts.c.claim_number.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Underway:
    """A message that has not arrived, and its last try; None when there was none, or it was stopped."""

    message: MessageRow
    last: AttemptRow | None


def not_arrived(connection: Connection, limit: int) -> Sequence[MessageRow]:
    """Return the newest messages that no server has taken for certain, newest first.

    Args:
        connection: a reading connection.
        limit: how many.
    """
    # One short look along the index of the state for each: one look for all would walk through what arrived.
    found = [row for state in State if state not in ARRIVED for row in page(connection, state=state, limit=limit)]
    return sorted(found, key=lambda row: row.id, reverse=True)[:limit]


def not_arrived_and_why(connection: Connection, limit: int) -> Sequence[Underway]:
    """Return what `not_arrived` does, with the last try of each."""
    return [Underway(row, _last_try(connection, row)) for row in not_arrived(connection, limit)]


def _last_try(connection: Connection, row: MessageRow) -> AttemptRow | None:
    if row.state in STOPPED:
        return None
    # Each by itself: for a list of messages PostgreSQL reads through all tries there are, as long as they are few.
    found = connection.execute(_LAST_TRY, {"of_id": row.id}).one_or_none()
    return None if found is None else AttemptRow(**found._mapping)


def story_of(connection: Connection, message_id: str) -> MessageDetail | None:
    """Return the message with this Message-ID (RFC 5322, with its angle brackets) and its tries, or None."""
    found = connection.execute(select(messages.c.id).where(messages.c.message_id == message_id)).scalar()
    return None if found is None else find(connection, found)
