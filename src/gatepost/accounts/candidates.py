"""Candidates: registrations of an address nobody has proved yet. Whoever proves it decides which one counts."""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from gatepost.accounts.tables import candidates
from gatepost.database.batch import in_batch

CLOSED_KEPT_S = 7 * 24 * 3600
PRUNE_BATCH = 500


@dataclass(frozen=True)
class Candidate:
    """A registration that waits for the proof of its address."""

    password_hash: str = field(repr=False)
    name: str | None
    locale: str


def waiting_candidates(tx: Connection, account_id: uuid.UUID) -> list[Candidate]:
    """The registrations that wait for the proof of this account's address, oldest first."""
    query = (
        select(candidates.c.password_hash, candidates.c.name, candidates.c.locale)
        .where(candidates.c.account_id == account_id, candidates.c.closed_at.is_(None))
        .order_by(candidates.c.id)
    )
    return [Candidate(row.password_hash, row.name, row.locale) for row in tx.execute(query)]


def prune_candidates(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH closed candidates older than a week; returns how many."""
    kept_since = now_ms - CLOSED_KEPT_S * 1000
    old = (
        select(candidates.c.id)
        .where(candidates.c.closed_at.is_not(None), candidates.c.closed_at < kept_since)
        .order_by(candidates.c.closed_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
        .limit(PRUNE_BATCH)
    )
    return tx.execute(delete(candidates).where(in_batch(candidates.c.id, old))).rowcount
