"""Delete old rows, in bounded batches."""

from sqlalchemy import Connection, delete, select

from gatepost.outbox.tables import HAS_NO_ACCOUNT, messages

NO_ACCOUNT_KEPT_S = 7 * 24 * 3600
BATCH = 500


def prune_no_account(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH rows about addresses without an account that are older than a week; returns how many."""
    old = (
        select(messages.c.id)
        .where(HAS_NO_ACCOUNT, messages.c.created_at < now_ms - NO_ACCOUNT_KEPT_S * 1000)
        .limit(BATCH)
    )
    return tx.execute(delete(messages).where(messages.c.id.in_(old))).rowcount
