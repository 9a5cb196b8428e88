"""Delete facts about none of our messages, in bounded batches; the others go with their message."""

from sqlalchemy import Connection, bindparam, delete, select

from gatepost.database.batch import in_batch
from gatepost.feedback.tables import IS_UNMATCHED, feedback

# Longer than any source posts the same one again.
UNMATCHED_KEPT_S = 30 * 24 * 3600
BATCH = 500

_OLD = (
    select(feedback.c.id)
    .where(IS_UNMATCHED, feedback.c.received_at < bindparam("kept_since"))
    .order_by(feedback.c.received_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(feedback).where(in_batch(feedback.c.id, _OLD))


def prune_unmatched(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH facts about none of our messages that are older than UNMATCHED_KEPT_S; returns how many."""
    return tx.execute(_PRUNE, {"kept_since": now_ms - UNMATCHED_KEPT_S * 1000, "at_most": BATCH}).rowcount
