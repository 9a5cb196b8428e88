"""Everything that is known about one message, read at once: what the sentence and the timeline are made of."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.link_opens import Open, opens_of
from gatepost.audit.trail import Deed
from gatepost.feedback import history
from gatepost.feedback.history import FactRow
from gatepost.outbox.queue_hold import QueueHold, hold_of
from gatepost.outbox.search import AttemptRow, MessageRow, find
from gatepost.outbox.tables import messages


@dataclass(frozen=True, kw_only=True)
class Story:
    """One message and what happened to it.

    Args:
        message: the message.
        tries: every try, oldest first.
        facts: what came back, oldest first.
        opens: who opened its link, at most one of each kind.
        deeds: what operators did to it, oldest first.
        resent_as: the messages it was sent again as, oldest first.
        queue_hold: the whole queue is held; None: it is not.
    """

    message: MessageRow
    tries: tuple[AttemptRow, ...] = ()
    facts: tuple[FactRow, ...] = ()
    opens: tuple[Open, ...] = ()
    deeds: tuple[Deed, ...] = ()
    resent_as: tuple[uuid.UUID, ...] = ()
    queue_hold: QueueHold | None = None

    @property
    def last(self) -> AttemptRow | None:
        """The last try."""
        return self.tries[-1] if self.tries else None


_TOKEN_OF = select(messages.c.token_id).where(messages.c.id == bindparam("of_id"))


def read_story(connection: Connection, message_id: uuid.UUID) -> Story | None:
    """Read what is known about one message; None when there is none with this id."""
    found = find(connection, message_id)
    if found is None:
        return None
    token_id = connection.execute(_TOKEN_OF, {"of_id": message_id}).scalar()
    opens = opens_of(connection, token_id) if token_id is not None else []
    return Story(
        message=found.message,
        tries=found.attempts,
        facts=history.about(connection, message_id),
        # A message that was sent again has the same link: what was opened before there was this one is not its own.
        opens=tuple(one for one in opens if one.opened_at >= found.message.created_at),
        deeds=found.actions,
        resent_as=found.resent_as,
        queue_hold=hold_of(connection),
    )
