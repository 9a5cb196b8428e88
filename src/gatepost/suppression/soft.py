"""Messages that came back for a reason that may pass: counted by address, until they are too many."""

import functools
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.suppression.tables import soft_bounces

TOO_MANY = 5
WITHIN_S = 30 * 24 * 3600

_HOW_MANY = select(func.count()).where(
    soft_bounces.c.address_key == bindparam("of_key"), soft_bounces.c.at > bindparam("since")
)


def note_soft(tx: Connection, address_key: str, cause: bytes, now_ms: int) -> bool:
    """Count a message that came back. True: they are too many now, so the caller suppresses the address.

    Args:
        tx: the transaction that learned it.
        address_key: whose mailbox.
        cause: the message's id, or 16 bytes of a digest of the report; the same one counts once.
        now_ms: wall time in milliseconds.
    """
    row = {"address_key": address_key, "cause": cause, "at": now_ms}
    if tx.execute(_note(tx.dialect.name), row).first() is None:
        return False
    many: int = tx.execute(_HOW_MANY, {"of_key": address_key, "since": now_ms - WITHIN_S * 1000}).scalar_one()
    return many >= TOO_MANY


@functools.cache
def _note(dialect: str) -> ReturningInsert[Any]:
    statement = postgresql.insert(soft_bounces) if dialect == "postgresql" else sqlite.insert(soft_bounces)
    return statement.on_conflict_do_nothing(index_elements=["address_key", "cause"]).returning(soft_bounces.c.cause)
