"""Delete old rows, in bounded batches."""

from sqlalchemy import Connection, bindparam, delete, select

from gatepost.database.batch import in_batch
from gatepost.outbox.tables import HAS_NO_ACCOUNT, messages

NO_ACCOUNT_KEPT_S = 7 * 24 * 3600
BATCH = 500

_OLD = (
    select(messages.c.id)
    .where(HAS_NO_ACCOUNT, messages.c.created_at < bindparam("kept_since"))
    .order_by(messages.c.created_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(messages).where(in_batch(messages.c.id, _OLD))


def prune_no_account(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH rows about addresses without an account that are older than a week; returns how many."""
    return tx.execute(_PRUNE, {"kept_since": now_ms - NO_ACCOUNT_KEPT_S * 1000, "at_most": BATCH}).rowcount
