"""Operators as the tests of their flows have them."""

from typing import Any

from gatepost.accounts.gate import Gate
from gatepost.audit.tables import audit
from gatepost.audit.trail import Signature
from gatepost.operators.crew import Crew
from gatepost.operators.operator import Operator
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator, find_operator
from gatepost.operators.sign_in import SignedInOperator, sign_in_operator
from gatepost.operators.tables import operators
from tests.support.issued_secrets import ISSUED

PASSWORD = "seven lanterns by the tide"
BY = Signature(actor="command line (uid 1000)", reason="the team grows", request_id=None)


def crew(gate: Gate, **options: Any) -> Crew:
    """What changes the operators of a gate."""
    return Crew(gate.database.write, gate.clock, gate.events, **options)


async def hired(gate: Gate, name: str = "mira", role: Role = Role.SUPPORT, password: str = PASSWORD) -> Operator:
    """An operator with a password."""
    ISSUED.note("password", password)
    return await crew(gate).add(name, role, await gate.passwords.hash(password), BY)


async def signed_in(gate: Gate, name: str = "mira", password: str = PASSWORD, **options: Any) -> SignedInOperator:
    """A session of theirs, without limits unless a client is given."""
    found = await sign_in_operator(gate, name=name, password=password, request_id="request-1", **options)
    ISSUED.note("session token", found.token)
    return found


async def current(gate: Gate, token: str) -> CurrentOperator:
    """Who is signed in with it."""
    return await find_operator(gate, token)


async def deeds(gate: Gate) -> list[dict[str, Any]]:
    """The rows of the audit log, oldest first."""
    query = audit.select().order_by(audit.c.id)
    rows = await gate.database.read(lambda connection: connection.execute(query).mappings().all())
    return [dict(row) for row in rows]


async def hash_of(gate: Gate, name: str) -> str:
    """The stored hash of a password."""
    query = operators.select().where(operators.c.name == name)
    row = await gate.database.read(lambda connection: connection.execute(query).mappings().one())
    return str(row["password_hash"])
