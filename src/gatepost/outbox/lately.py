"""What became of messages lately, for whoever develops: those that have not arrived, and the story of one that has.

Reads only. What it costs does not grow with the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow, MessageDetail, MessageRow, find, page
from gatepost.outbox.tables import attempts, messages

ARRIVED = frozenset({State.ACCEPTED, State.DELIVERED})
_TRY = [attempts.c[name] for name in AttemptRow.__dataclass_fields__]


@dataclass(frozen=True)
class Underway:
    """A message that has not arrived, and its last try; None when there was none."""

    message: MessageRow
    last: AttemptRow | None


def not_arrived(connection: Connection, limit: int) -> Sequence[Underway]:
    """Return the newest messages that no server has taken for certain, newest first.

    Args:
        connection: a reading connection.
        limit: how many.
    """
    # One short look along the index of the state for each: one look for all would walk through what arrived.
    found = [row for state in State if state not in ARRIVED for row in page(connection, state=state, limit=limit)]
    newest = sorted(found, key=lambda row: row.id, reverse=True)[:limit]
    query = select(attempts.c.message, *_TRY).where(attempts.c.message.in_([row.id for row in newest]))
    last = {
        row.message: AttemptRow(**{name: row._mapping[name] for name in AttemptRow.__dataclass_fields__})
        for row in connection.execute(query.order_by(attempts.c.claim_number))
    }
    return [Underway(row, last.get(row.id)) for row in newest]


def story_of(connection: Connection, message_id: str) -> MessageDetail | None:
    """Return the message with this Message-ID (RFC 5322, with its angle brackets) and its tries, or None."""
    found = connection.execute(select(messages.c.id).where(messages.c.message_id == message_id)).scalar()
    return None if found is None else find(connection, found)
