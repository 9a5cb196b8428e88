"""Find the messages that facts are about, and take them until the transaction ends."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from gatepost.database.batch import among
from gatepost.feedback.fact import Fact
from gatepost.outbox.lifecycle import State
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.tables import messages


@dataclass
class Message:
    """A message that facts are about, as it is in this transaction: `state` moves with it."""

    id: uuid.UUID
    state: State
    recipient: str | None
    recipient_key: str
    security: bool

    @property
    def is_forgotten(self) -> bool:
        """Whether whom it was for, and whatever might tell, was forgotten."""
        return self.recipient_key == ANONYMISED

    @property
    def knows_recipient(self) -> bool:
        """Whether it still says whom it was for."""
        return self.recipient is not None and not self.is_forgotten


_BY_MESSAGE_ID = select(messages.c.id, messages.c.message_id).where(among(messages.c.message_id, "of_message_ids"))
# In the order in which everybody takes several. Not against those that only refer to it, as a row of `attempts` does.
_TAKE: Select[Any] = (
    select(*(messages.c[name] for name in Message.__dataclass_fields__))
    .where(among(messages.c.id, "of_ids"))
    .order_by(messages.c.id)
    .with_for_update(key_share=True)
)


def match(tx: Connection, facts: Sequence[Fact]) -> list[Message | None]:
    """Return the message of each fact, in their order; None where it is none of ours.

    The id counts before the Message-ID: it comes from a return path or a header field of ours. Of one message there is
    one object. From here to the end of the transaction nobody else moves them.
    """
    named = _ids_of(tx, facts)
    wanted = {fact.row_id for fact in facts if fact.row_id} | set(named.values())
    found = take(tx, wanted)
    return [_of(fact, named, found) for fact in facts]


def take(tx: Connection, ids: set[uuid.UUID]) -> dict[uuid.UUID, Message]:
    """Take messages by their ids; those that are not there are left out."""
    if not ids:
        return {}
    rows = tx.execute(_TAKE, {"of_ids": sorted(ids)})
    return {
        row.id: Message(row.id, State(row.state), row.recipient, row.recipient_key, bool(row.security)) for row in rows
    }


def _ids_of(tx: Connection, facts: Sequence[Fact]) -> dict[str, uuid.UUID]:
    wanted = {_stored(fact.message_id) for fact in facts if fact.message_id}
    if not wanted:
        return {}
    return {row.message_id: row.id for row in tx.execute(_BY_MESSAGE_ID, {"of_message_ids": sorted(wanted)})}


def _of(fact: Fact, named: Mapping[str, uuid.UUID], found: Mapping[uuid.UUID, Message]) -> Message | None:
    if fact.row_id is not None and fact.row_id in found:
        return found[fact.row_id]
    row_id = named.get(_stored(fact.message_id)) if fact.message_id else None
    return None if row_id is None else found.get(row_id)


def _stored(message_id: str) -> str:
    return f"<{message_id}>"
