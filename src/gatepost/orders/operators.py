"""Add an operator, and change one. The password never comes here: the command line hashes it."""

import re
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.operators.crew import Crew
from gatepost.operators.operator import clean_name, shown
from gatepost.operators.role import Role
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import refusal, text_in, word_in

MAX_HASH_CHARACTERS = 512
_HASH = re.compile(r"\$argon2id\$[A-Za-z0-9$=,+/]{40,}")


async def add_operator(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Add an operator.

    Args:
        desk: what is worked with.
        values: `name`, `role` and `password_hash`.
        by: who adds them, and why.

    Returns:
        The operator; see `shown`.

    Raises:
        InvalidInput: a value cannot be used.
        OperatorNameTaken: there is one of this name.
    """
    role, hashed = word_in(values, "role", Role), _hash_in(values)
    return shown(await _crew(desk, values).add(text_in(values, "name"), role, hashed, by))


async def change_operator(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Change the operator `name`.

    Args:
        desk: what is worked with.
        values: `name`; `change`: role, password, disable, enable or end_sessions; with it `role` or `password_hash`;
            `even_the_last_owner`: true where no owner may be left.
        by: who does it, and why.

    Returns:
        The operator as they are now; see `shown`.

    Raises:
        NoSuchOperator: there is none of this name.
        LastOwner: no owner who may sign in would be left.
        InvalidInput: a value cannot be used.
    """
    crew, name = _crew(desk, values), clean_name(text_in(values, "name"))
    match text_in(values, "change"):
        case "role":
            operator = await crew.set_role(name, word_in(values, "role", Role), by)
        case "password":
            operator = await crew.set_password(name, _hash_in(values), by)
        case "disable":
            operator = await crew.disable(name, by)
        case "enable":
            operator = await crew.enable(name, by)
        case "end_sessions":
            operator = await crew.end_sessions(name, by)
        case _:
            raise refusal("change", "Must be one of role, password, disable, enable, end_sessions.")
    return shown(operator)


def _crew(desk: OrderDesk, values: Values) -> Crew:
    return Crew(desk.write, desk.clock, desk.events, keeps_an_owner=values.get("even_the_last_owner") is not True)


def _hash_in(values: Values) -> str:
    hashed = text_in(values, "password_hash")
    if len(hashed) > MAX_HASH_CHARACTERS or not _HASH.fullmatch(hashed):
        raise refusal("password_hash", "Must be a hash of argon2id.")
    return hashed
