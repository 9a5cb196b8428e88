"""Take out of the stored facts what names a person; what came back, and when, stays."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, update

from gatepost.database.batch import among
from gatepost.feedback.tables import feedback

_FORGET_DETAILS = (
    update(feedback).where(among(feedback.c.message, "of_messages"), feedback.c.detail.is_not(None)).values(detail=None)
)
_FORGET_STRANGERS = (
    update(feedback).where(among(feedback.c.recipient_key, "of_keys")).values(recipient_key=None, detail=None)
)


def forget_details(tx: Connection, message_ids: Sequence[uuid.UUID]) -> None:
    """Forget what servers and providers said about these messages: their words hold addresses."""
    tx.execute(_FORGET_DETAILS, {"of_messages": list(message_ids)})


def forget_recipient(tx: Connection, address_keys: Sequence[str]) -> int:
    """Forget whom facts about none of our messages were about; returns how many. Such a fact repeated is still known.

    It reads all that is kept: for the command line, not for a chore.
    """
    return tx.execute(_FORGET_STRANGERS, {"of_keys": list(address_keys)}).rowcount
