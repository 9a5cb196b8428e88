"""Forget whom old messages were for; what became of them is kept."""

from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, select, update

from gatepost.audit.trail import forget_reasons
from gatepost.database.batch import among
from gatepost.outbox import bookmark
from gatepost.outbox.tables import attempts, messages

DAY_MS = 24 * 3600 * 1000
BATCH = 500
# In place of the recipient. A null there means that nobody has an account with the address, and is pruned.
ANONYMISED = "anonymised"

_BOOKMARK = "anonymised messages"
_NEXT = (
    select(messages.c.id, messages.c.created_at, messages.c.owner, messages.c.due_at)
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


def anonymise(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Take recipient, values, account and words of servers out of a batch of older messages; returns how many.

    It walks by the ids, which sort by time, and remembers in `bookmarks` how far it came. Before a message that a
    worker has, or will have, it stops: none has time left at that age (`MAX_EXPIRES_IN_S`), so it is settled soon. One
    that an operator holds has no time left either, and is forgotten as it stands.
    """
    after, ids = bookmark.come_to(tx, _BOOKMARK), []
    for row in tx.execute(_NEXT, {"after": after, "at_most": BATCH}):
        if row.created_at >= now_ms - kept_days * DAY_MS or row.owner is not None or row.due_at is not None:
            break
        ids.append(row.id)
    if ids:
        tx.execute(_FORGET, {"of_ids": ids})
        tx.execute(_FORGET_WORDS, {"of_ids": ids})
        forget_reasons(tx, ids)
        bookmark.move(tx, _BOOKMARK, ids[-1])
    return len(ids)
