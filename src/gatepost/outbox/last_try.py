"""What a server said last of messages that are over without one having taken them."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from gatepost.outbox.settle import Try
from gatepost.outbox.tables import attempts, messages

_LAST = (
    select(attempts)
    .join(messages, messages.c.id == attempts.c.message)
    .where(messages.c.id.in_(bindparam("of_ids", expanding=True)), attempts.c.number == messages.c.attempts)
)


def last_tries(tx: Connection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Try]:
    """Return the last try that counted of each of these messages; one that was never tried is missing."""
    return {
        row.message: Try(
            outcome=row.outcome,
            phase=row.phase,
            reply_code=row.reply_code,
            enhanced_status=row.enhanced_status,
            reply_text=row.reply_text,
            server=row.server,
            started_at=row.started_at,
            duration_ms=row.duration_ms,
        )
        for row in tx.execute(_LAST, {"of_ids": list(ids)})
    }
