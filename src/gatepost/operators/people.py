"""Who the operators are: list them, find one, and whether there is any. Crew changes them."""

from sqlalchemy import Connection, bindparam, exists, select

from gatepost.errors import NoSuchOperator
from gatepost.operators.operator import COLUMNS, Operator, as_operator
from gatepost.operators.tables import operators

_LIST = select(*COLUMNS).order_by(operators.c.name)
_FIND = select(*COLUMNS).where(operators.c.name == bindparam("of_name"))
_ANY = select(exists().where(operators.c.disabled_at.is_(None)))


def list_operators(connection: Connection) -> list[Operator]:
    """Every operator, by name."""
    return [as_operator(row) for row in connection.execute(_LIST).mappings()]


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
