"""An operator looks at what a mail said: written into `audit` before it is shown, with who and why."""

import uuid
from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, select

from gatepost.audit.trail import Deed, Signature, record
from gatepost.errors import NoSuchMessage
from gatepost.outbox.tables import messages

REVEAL = "reveal"
# For so long the one row speaks for every look at the same mail.
REVEALED_FOR_S = 600

_STATE_OF = select(messages.c.state).where(messages.c.id == bindparam("of_id"))


def reveal(tx: Connection, message_id: uuid.UUID, by: Signature, now_ms: int) -> str:
    """Write down that an operator looks at a mail; returns the state its message is in.

    Args:
        tx: the transaction.
        message_id: the row's id.
        by: who looks and why.
        now_ms: wall time in milliseconds.

    Raises:
        NoSuchMessage: there is none with this id.
    """
    state: str | None = tx.execute(_STATE_OF, {"of_id": message_id}).scalar()
    if state is None:
        raise NoSuchMessage(f"there is no message with the id {message_id}")
    deed = by.deed(REVEAL, now_ms, before=state, after=state)
    record(tx, message_id, deed)
    return state


def is_revealed(deeds: Iterable[Deed], actor: str, now_ms: int) -> bool:
    """Whether this operator has said, within REVEALED_FOR_S, why they look at the mail these deeds were done to."""
    since = now_ms - REVEALED_FOR_S * 1000
    return any(one.action == REVEAL and one.actor == actor and since < one.at <= now_ms for one in deeds)
