"""Delete old rows, in bounded batches."""

import uuid
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from gatepost.audit.trail import forget_reasons
from gatepost.database.batch import among, in_batch
from gatepost.outbox import bookmark
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import HAS_NO_ACCOUNT, messages

DAY_MS = 24 * 3600 * 1000
NEVER_MEANT_KEPT_S = 7 * 24 * 3600
BATCH = 500
# With its attempts and what came back about it a message is several rows in a dozen indexes: fewer at a time.
MESSAGES_AT_ONCE = 200

_OLD = (
    select(messages.c.id)
    .where(HAS_NO_ACCOUNT, messages.c.created_at < bindparam("kept_since"))
    .order_by(messages.c.created_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(messages).where(in_batch(messages.c.id, _OLD))

_DELETE = delete(messages).where(among(messages.c.id, "of_ids"))
# In the order in which everybody takes several.
_TAKE = select(messages.c.id).where(among(messages.c.id, "of_ids")).order_by(messages.c.id).with_for_update()

_CANCELLED_BOOKMARK = "pruned cancelled messages"
_CANCELLED: Any = (
    select(messages.c.id, messages.c.created_at, messages.c.settled_at, messages.c.claim_number)
    .where(messages.c.state == str(State.CANCELLED), messages.c.id > bindparam("after"))
    .order_by(messages.c.id)
    .limit(bindparam("at_most"))
)

_BOOKMARK = "pruned messages"
_NEXT = (
    select(messages.c.id, messages.c.created_at, messages.c.owner, messages.c.due_at)
    .where(messages.c.id > bindparam("after"))
    .order_by(messages.c.id)
    .limit(bindparam("at_most"))
)


def prune_no_account(tx: Connection, now_ms: int) -> int:
    """Delete up to BATCH rows about addresses without an account that are older than a week; returns how many."""
    return tx.execute(_PRUNE, {"kept_since": now_ms - NEVER_MEANT_KEPT_S * 1000, "at_most": BATCH}).rowcount


def prune_born_cancelled(tx: Connection, now_ms: int) -> int:
    """Delete rows of accounts that were never to go out (`told_today`, …) once they are a week old; returns how many.

    A stranger can cause many. It walks along all that was cancelled; what was cancelled later, by an operator or
    because its link was void, is passed: that is kept as any message is.
    """
    after, ids = bookmark.come_to(tx, _CANCELLED_BOOKMARK), []
    last = after
    for row in tx.execute(_CANCELLED, {"after": after, "at_most": BATCH}):
        if row.created_at >= now_ms - NEVER_MEANT_KEPT_S * 1000:
            break
        if row.settled_at == row.created_at and row.claim_number == 0:
            ids.append(row.id)
        last = row.id
    if last == after:
        return 0
    bookmark.move(tx, _CANCELLED_BOOKMARK, last)
    return _delete(tx, ids) if ids else 0


def prune_messages(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Delete up to MESSAGES_AT_ONCE messages older than that, with their attempts and feedback; returns how many.

    It walks by the ids, which sort by time, and stops before a message that a worker has, or will have: at that age
    none has time left, so it is settled soon. One that an operator holds has no time left either, and goes.

    Args:
        tx: the transaction.
        now_ms: wall time in milliseconds.
        kept_days: more than any message has time for, see MAX_EXPIRES_IN_S.
    """
    after, ids = bookmark.come_to(tx, _BOOKMARK), []
    for row in tx.execute(_NEXT, {"after": after, "at_most": MESSAGES_AT_ONCE}):
        if row.created_at >= now_ms - kept_days * DAY_MS or row.owner is not None or row.due_at is not None:
            break
        ids.append(row.id)
    if not ids:
        return 0
    bookmark.move(tx, _BOOKMARK, ids[-1])
    return _delete(tx, ids)


def _delete(tx: Connection, ids: list[uuid.UUID]) -> int:
    tx.execute(_TAKE, {"of_ids": ids})
    forget_reasons(tx, ids)
    return tx.execute(_DELETE, {"of_ids": ids}).rowcount
