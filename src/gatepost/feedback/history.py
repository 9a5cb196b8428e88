"""What came back about one message, as it is shown. Changes nothing."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from gatepost.feedback.tables import feedback

MAX_SHOWN = 100


@dataclass(frozen=True)
class FactRow:
    """One fact. Instants are milliseconds since the epoch; `applied_at` is None while its message is not settled.

    `at` is by the source's word, `received_at` by ours.
    """

    at: int
    received_at: int
    source: str
    kind: str
    bounce: str | None
    status: str | None
    detail: str | None
    applied_at: int | None


_OF_MESSAGE = (
    select(*(feedback.c[name] for name in FactRow.__dataclass_fields__))
    .where(feedback.c.message == bindparam("of_message"))
    # By when it came, which is the order of the ids as well: along those PostgreSQL would look through all there is.
    .order_by(feedback.c.received_at.desc(), feedback.c.id.desc())
    .limit(MAX_SHOWN)
)


def about(connection: Connection, message: uuid.UUID) -> tuple[FactRow, ...]:
    """Return what came back about a message, newest last: the last MAX_SHOWN facts."""
    rows = connection.execute(_OF_MESSAGE, {"of_message": message}).all()
    return tuple(FactRow(*row) for row in reversed(rows))
