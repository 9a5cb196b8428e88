"""Who the operators are: list them, find one, and whether there is any. Crew changes them."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, func, select

from gatepost.errors import NoSuchOperator
from gatepost.operators.operator import COLUMNS, Operator, as_operator
from gatepost.operators.tables import operator_sessions as sessions
from gatepost.operators.tables import operators


@dataclass(frozen=True)
class Listed:
    """An operator, and what is known of where they are signed in. `seen_at`: None where no session is left."""

    operator: Operator
    sessions: int
    seen_at: int | None


_LIST = (
    select(*COLUMNS, func.count(sessions.c.id).label("sessions"), func.max(sessions.c.seen_at).label("seen_at"))
    .join_from(
        operators,
        sessions,
        (sessions.c.operator_id == operators.c.id)
        & (sessions.c.expires_at > bindparam("now_ms"))
        & (sessions.c.seen_at > bindparam("idle_since")),
        isouter=True,
    )
    .group_by(*COLUMNS)
    .order_by(operators.c.name)
)
_FIND = select(*COLUMNS).where(operators.c.name == bindparam("of_name"))
_ANY = select(exists().where(operators.c.disabled_at.is_(None)))


def list_operators(connection: Connection, now_ms: int, session_idle_s: float) -> list[Listed]:
    """Every operator, by name; sessions that nobody used for `session_idle_s` are over."""
    values = {"now_ms": now_ms, "idle_since": now_ms - round(session_idle_s * 1000)}
    rows = connection.execute(_LIST, values).mappings()
    return [Listed(as_operator(row), row["sessions"], row["seen_at"]) for row in rows]


def find_named(connection: Connection, name: str) -> Operator:
    """The operator of this name, written as it is stored.

    Raises:
        NoSuchOperator: there is none.
    """
    row = connection.execute(_FIND, {"of_name": name}).mappings().one_or_none()
    if row is None:
        raise NoSuchOperator("there is no operator of this name")
    return as_operator(row)


def anybody_operates(connection: Connection) -> bool:
    """Whether there is an operator who may sign in: until then the operators' pages do not exist."""
    return bool(connection.scalar(_ANY))
