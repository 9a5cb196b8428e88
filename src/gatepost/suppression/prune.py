"""Delete what has ended, in bounded batches."""

from sqlalchemy import Connection, bindparam, delete, select

from gatepost.database.batch import in_batch
from gatepost.suppression.soft import WITHIN_S
from gatepost.suppression.tables import EXPIRES, soft_bounces, suppressions

BATCH = 500

_ENDED = (
    select(suppressions.c.id)
    .where(EXPIRES, suppressions.c.expires_at <= bindparam("now_ms"))
    .order_by(suppressions.c.expires_at)  # by its index: PostgreSQL guesses that a third has ended, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(suppressions).where(in_batch(suppressions.c.id, _ENDED))
_OLD = (
    select(soft_bounces.c.address_key, soft_bounces.c.cause)
    .where(soft_bounces.c.at <= bindparam("until"))
    .order_by(soft_bounces.c.at)
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_FORGET = delete(soft_bounces).where(
    soft_bounces.c.address_key == bindparam("of_key"), soft_bounces.c.cause == bindparam("of_cause")
)


def prune_suppressions(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH suppressions that have ended; returns how many."""
    return tx.execute(_PRUNE, {"now_ms": now_ms, "at_most": BATCH}).rowcount


def prune_soft_bounces(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH soft bounces that are too old to count; returns how many."""
    old = tx.execute(_OLD, {"until": now_ms - WITHIN_S * 1000, "at_most": BATCH}).all()
    if old:
        tx.execute(_FORGET, [{"of_key": address_key, "of_cause": cause} for address_key, cause in old])
    return len(old)
