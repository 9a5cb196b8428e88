"""The generic cell rate algorithm: so much at once, and then one every so often. One row and one upsert for each key.

The row holds the instant until which everything asked for so far is spent (the theoretical arrival time): an instant
that lies behind is a full allowance, and so is no row. Processes share the rows, so a limit survives a restart.
"""

import functools
import hmac
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, delete, func, or_, select
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import limits
from gatepost.database.batch import in_batch
from gatepost.database.upsert import insert_or

KEY_BYTES = 16
PRUNE_BATCH = 500
# Clocks of several machines differ by less; a row further ahead was written before a clock was set back.
CLOCKS_APART_MS = 60_000


@dataclass(frozen=True)
class Allowance:
    """What one key may ask for.

    Args:
        burst: so many at once.
        every_s: and one more in so many seconds.
    """

    burst: int
    every_s: float

    @property
    def each_ms(self) -> int:
        """What one costs, in milliseconds."""
        return max(1, round(self.every_s * 1000))

    @property
    def window_ms(self) -> int:
        """How far ahead the instant may lie; so long after the last request everything is there again."""
        return self.burst * self.each_ms


_READ = select(limits.c.spent_until).where(limits.c.key == bindparam("of_key"))
_FORGET = delete(limits).where(limits.c.key == bindparam("of_key"))
_SPENT = (
    select(limits.c.key)
    .where(limits.c.spent_until <= bindparam("now_ms"))
    .order_by(limits.c.spent_until)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(limits).where(in_batch(limits.c.key, _SPENT))


def limit_key(keys: Keys, kind: str, subject: str) -> bytes:
    """The row's key: a keyed hash, so that no address of a person or a machine stands in the table.

    With another first secret every allowance is new.
    """
    return hmac.digest(keys.signing("limits"), f"{kind}\0{subject}".encode(), "sha256")[:KEY_BYTES]


def spend(tx: Connection, key: bytes, allowance: Allowance, now_ms: int, *, times: int = 1) -> int:
    """Spend some of an allowance, if there is enough of it; of many at once no two spend the same.

    Args:
        tx: the transaction.
        key: of `limit_key`.
        allowance: how much there is.
        now_ms: wall time in milliseconds.
        times: so many at once, at most the allowance's burst.

    Returns:
        0: it was spent. Else nothing was, and there will be enough in so many milliseconds.
    """
    if spends(tx, key, allowance, now_ms, times=times):
        return 0
    spent = tx.execute(_READ, {"of_key": key}).scalar_one()
    return max(1, int(spent) + times * allowance.each_ms - now_ms - allowance.window_ms)


def spends(tx: Connection, key: bytes, allowance: Allowance, now_ms: int, *, times: int = 1) -> bool:
    """As `spend`, for whoever need not know when there will be enough: one statement, whatever comes of it."""
    cost, full = times * allowance.each_ms, now_ms + allowance.window_ms
    values = {"key": key, "spent_until": now_ms + cost, "now_ms": now_ms, "cost": cost, "full": full}
    spent = tx.execute(_spend(tx.dialect.name), values).scalar_one_or_none()
    return spent is not None and spent <= full


def is_spent(connection: Connection, key: bytes, allowance: Allowance, now_ms: int) -> bool:
    """Whether nothing is left of an allowance at this moment. Reads only."""
    spent = connection.execute(_READ, {"of_key": key}).scalar_one_or_none()
    return spent is not None and spent + allowance.each_ms > now_ms + allowance.window_ms


def forget(tx: Connection, key: bytes) -> None:
    """Give a key its whole allowance again."""
    tx.execute(_FORGET, {"of_key": key})


def prune_limits(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH rows of which nothing is spent any more; returns how many."""
    return tx.execute(_PRUNE, {"now_ms": now_ms, "at_most": PRUNE_BATCH}).rowcount


@functools.cache
def _spend(dialect: str) -> ReturningInsert[Any]:
    """Make the statement once for each database: no row comes back where there is not enough.

    A row that is further ahead than any clock explains was written before the clock was set back, and would refuse
    for as long as that was: it is brought back to a spent allowance, which the instant returned tells apart.
    """
    now, cost, full = (bindparam(name, type_=BigInteger) for name in ("now_ms", "cost", "full"))
    spent = limits.c.spent_until
    then = _later(dialect, spent, now) + cost
    astray = spent > full + CLOCKS_APART_MS
    update = {"spent_until": case((astray, full + 1), else_=then)}
    return insert_or(dialect, limits, "key", update, only_where=or_(then <= full, astray)).returning(spent)


def _later(dialect: str, one: ColumnElement[int], other: ColumnElement[int]) -> ColumnElement[int]:
    # Of two values MAX is a plain function on SQLite; PostgreSQL calls it GREATEST.
    return func.greatest(one, other) if dialect == "postgresql" else func.max(one, other)
