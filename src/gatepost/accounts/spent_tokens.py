"""Tokens that are over: found by walking through all of them by their ids, a piece at a time, again and again.

No index holds when a token ends: it would be written with every mail, for rows that nobody else asks for.
"""

import uuid

from sqlalchemy import Connection, bindparam, delete, select

from gatepost.accounts.tables import tokens
from gatepost.database.batch import among, in_batch
from gatepost.outbox import bookmark

DAY_MS = 24 * 3600 * 1000
KEPT_DAYS = 30  # so long the log of a refused one says whether it was used, void or late
LOOKED_AT = 2_000

_BOOKMARK = "spent tokens"
_NEXT = (
    select(tokens.c.id, tokens.c.expires_at)
    .where(tokens.c.id > bindparam("after"))
    .order_by(tokens.c.id)
    .limit(bindparam("at_most"))
)
_DELETE = delete(tokens).where(in_batch(tokens.c.id, select(tokens.c.id).where(among(tokens.c.id, "of_ids"))))


def prune_spent_tokens(tx: Connection, now_ms: int) -> int:
    """Delete tokens among the next LOOKED_AT whose life ended KEPT_DAYS ago, used or not; returns how many."""
    after = bookmark.come_to(tx, _BOOKMARK)
    rows = tx.execute(_NEXT, {"after": after.bytes, "at_most": LOOKED_AT}).all()
    spent = [row.id for row in rows if row.expires_at < now_ms - KEPT_DAYS * DAY_MS]
    to_the_end = len(rows) < LOOKED_AT
    bookmark.move(tx, _BOOKMARK, bookmark.START if to_the_end else uuid.UUID(bytes=bytes(rows[-1].id)))
    return tx.execute(_DELETE, {"of_ids": spent}).rowcount if spent else 0
