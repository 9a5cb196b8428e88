"""Forget whom old messages were for; what became of them is kept."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, select, update

from gatepost.audit.trail import forget_reasons
from gatepost.database.batch import among
from gatepost.mail.draft import MAX_EXPIRES_IN_S
from gatepost.outbox import bookmark
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import attempts, messages

DAY_MS = 24 * 3600 * 1000
BATCH = 500
# Of those that were passed, so many are looked at in one go: hardly any of them is left.
LOOKED_AT = 10_000
# At that age no message has time left, whatever its draft said.
ALL_OVER_DAYS = MAX_EXPIRES_IN_S * 1000 // DAY_MS + 1
# In place of the recipient. A null there means that nobody has an account with the address, and is pruned.
ANONYMISED = "anonymised"

# Forgets what else stands somewhere about these messages.
AlsoForget = Callable[[Connection, Sequence[uuid.UUID]], None]

_BOOKMARK = "anonymised messages"
_LATE_BOOKMARK = "anonymised late messages"
_FIRST = uuid.UUID(int=1)  # before every row, and not START
_NEXT = (
    select(
        messages.c.id,
        messages.c.created_at,
        messages.c.owner,
        messages.c.due_at,
        messages.c.state,
        messages.c.expires_at,
        messages.c.recipient_key,
    )
    .where(messages.c.id > bindparam("after"))
    .order_by(messages.c.id)
    .limit(bindparam("at_most"))
)
_FORGET: Any = (
    update(messages)
    .where(among(messages.c.id, "of_ids"))
    .values(
        recipient=case((messages.c.recipient.is_(None), None), else_=literal(ANONYMISED)),
        recipient_key=ANONYMISED,
        recipient_domain=None,
        template_values="{}",
        account_id=None,
        token_id=None,
        request_id=None,
        client=None,
    )
)
_FORGET_WORDS = update(attempts).where(among(attempts.c.message, "of_ids")).values(reply_text=None)


def anonymise(tx: Connection, now_ms: int, *, kept_days: int, also: Sequence[AlsoForget] = ()) -> int:
    """Take recipient, values, account and words of servers out of a batch of older messages; returns how many.

    It walks by the ids, which sort by time, and remembers in `bookmarks` how far it came. A message that may still go
    out needs its recipient. From ALL_OVER_DAYS on none has time left, and the walk stops before one that is to be
    settled any moment. A shorter time passes what is not over, and a second walk comes ALL_OVER_DAYS later for it.

    Args:
        tx: the transaction.
        now_ms: wall time in milliseconds.
        kept_days: how long a message says whom it was for, at least 1.
        also: what else forgets them, in the same transaction.
    """
    ids = _walk(tx, now_ms, kept_days, passes=kept_days < ALL_OVER_DAYS) or _walk_late(tx, now_ms)
    if ids:
        tx.execute(_FORGET, {"of_ids": ids})
        tx.execute(_FORGET_WORDS, {"of_ids": ids})
        forget_reasons(tx, ids)
        for forget in also:
            forget(tx, ids)
    return len(ids)


def _is_over(row: Any, now_ms: int | None) -> bool:
    # None where no message has time left: else one that is held may be released until its end.
    idle = row.owner is None and row.due_at is None
    return idle and (row.state != State.HELD or now_ms is None or row.expires_at <= now_ms)


def _walk(tx: Connection, now_ms: int, kept_days: int, *, passes: bool) -> list[uuid.UUID]:
    after, ids = bookmark.come_to(tx, _BOOKMARK), []
    if passes and bookmark.come_to(tx, _LATE_BOOKMARK) == bookmark.START:
        bookmark.move(tx, _LATE_BOOKMARK, max(after, _FIRST))  # until here none was passed
    last = after
    for row in tx.execute(_NEXT, {"after": after, "at_most": BATCH}):
        over = _is_over(row, now_ms if passes else None)
        if row.created_at >= now_ms - kept_days * DAY_MS or not (over or passes):
            break
        if over:
            ids.append(row.id)
        last = row.id
    if last != after:
        bookmark.move(tx, _BOOKMARK, last)
    return ids


def _walk_late(tx: Connection, now_ms: int) -> list[uuid.UUID]:
    after = bookmark.come_to(tx, _LATE_BOOKMARK)
    ids: list[uuid.UUID] = []
    if after == bookmark.START:
        return ids  # none was ever passed
    last = after
    for row in tx.execute(_NEXT, {"after": after, "at_most": LOOKED_AT}):
        young = row.created_at >= now_ms - ALL_OVER_DAYS * DAY_MS
        if young or not _is_over(row, None) or len(ids) == BATCH:
            break
        if row.recipient_key != ANONYMISED:
            ids.append(row.id)
        last = row.id
    if last != after:
        bookmark.move(tx, _LATE_BOOKMARK, last)
    return ids
