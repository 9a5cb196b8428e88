"""Sign in as an operator: one answer and one cost for every cause of failure."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import admit_sign_in, forget_guesses
from gatepost.errors import InvalidInput, OperatorSignInFailed
from gatepost.events import OperatorSignedIn, OperatorSignInRefused
from gatepost.operators.operator import COLUMNS, Operator, as_operator, clean_name
from gatepost.operators.sessions import begin_operator_session
from gatepost.operators.tables import operators

_FIND = select(*COLUMNS, operators.c.password_hash).where(operators.c.name == bindparam("of_name"))


@dataclass(frozen=True)
class SignedInOperator:
    """A new session's token, which nobody can read again."""

    operator: Operator
    token: str = field(repr=False)


async def sign_in_operator(
    gate: Gate, *, name: str, password: str, request_id: str, client: Client | None = None
) -> SignedInOperator:
    """Begin a session of an operator.

    Args:
        gate: the parts.
        name: as typed.
        password: as typed.
        request_id: for the log.
        client: from where; None: a caller inside, never limited.

    Raises:
        OperatorSignInFailed: for every cause alike.
        RateLimited: too many tries.
        TryLater: nothing was done, or nobody knows.
    """
    key = _key_of(name)
    # With a space no address has it: an account of the same name has guesses of its own.
    guesses_left = await admit_sign_in(gate, f"operator {key}", client, request_id=request_id)
    row = await gate.database.read(
        lambda connection: connection.execute(_FIND, {"of_name": key}).mappings().one_or_none()
    )
    fits = await gate.passwords.verify(password, None if row is None else row["password_hash"])
    reason = None
    if row is None:
        reason = "no_operator"
    elif not fits:
        reason = "wrong_password"
    elif row["disabled_at"] is not None:
        reason = "disabled"
    elif not guesses_left:
        reason = "too_many_guesses"
    if row is None or reason is not None:
        network = client.network if client else ""
        gate.events.emit(OperatorSignInRefused(request_id=request_id, reason=reason or "no_operator", network=network))
        raise OperatorSignInFailed(reason)
    operator = as_operator(row)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> str:
        forget_guesses(tx, gate, f"operator {key}")
        return begin_operator_session(tx, gate, operator.id, client, now_ms)

    token = await gate.database.write(work)
    gate.events.emit(OperatorSignedIn(request_id=request_id, operator=operator.name, role=str(operator.role)))
    return SignedInOperator(operator, token)


def _key_of(name: str) -> str:
    try:
        return clean_name(name)
    except InvalidInput:
        return ""
