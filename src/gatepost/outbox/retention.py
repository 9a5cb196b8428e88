"""Forget whom old messages were for; what became of them is kept."""

from sqlalchemy import Connection


def anonymise(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Take recipient, values, account and words of servers out of a batch of older messages; returns how many.

    It walks by the ids, which sort by time, and remembers in `bookmarks` how far it came.
    """
    raise NotImplementedError
