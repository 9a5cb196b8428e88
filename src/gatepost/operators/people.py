"""Who the operators are: add one, list them. Each change stands in the audit log, in its transaction."""

from sqlalchemy import Connection, exists, insert, select
from sqlalchemy.exc import IntegrityError

from gatepost.accounts.gate import Gate
from gatepost.audit.trail import Deed, Signature, record
from gatepost.database.columns import new_row_id
from gatepost.errors import OperatorNameTaken
from gatepost.events import OperatorChanged
from gatepost.operators.operator import COLUMNS, Operator, as_operator, clean_name
from gatepost.operators.role import Role
from gatepost.operators.tables import operators

_LIST = select(*COLUMNS).order_by(operators.c.name)
_ANY = select(exists().where(operators.c.disabled_at.is_(None)))


async def add_operator(gate: Gate, *, name: str, role: Role, password_hash: str, by: Signature) -> Operator:
    """Add an operator who may sign in from now on.

    Args:
        gate: the parts.
        name: see `clean_name`.
        role: what they may do.
        password_hash: of the password, as `Passwords.hash` makes it: no order and no socket carries the password.
        by: who adds them, and why.

    Raises:
        InvalidInput: it is no name.
        OperatorNameTaken: there is one of this name.
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = gate.clock.now_ms()
    operator = Operator(new_row_id(), clean_name(name), role, now_ms, None)

    def work(tx: Connection) -> None:
        row = {**vars(operator), "role": str(role), "password_hash": password_hash}
        try:
            with tx.begin_nested():
                tx.execute(insert(operators), row)
        except IntegrityError:
            raise OperatorNameTaken(f"there is an operator of the name {operator.name} already") from None
        record(tx, operator.id, _deed(now_ms, "add_operator", None, str(role), by))

    await gate.database.write(work)
    gate.events.emit(
        OperatorChanged(actor=by.actor, action="add", operator=operator.name, role=str(role), request_id=by.request_id)
    )
    return operator


def list_operators(connection: Connection) -> list[Operator]:
    """Every operator, by name."""
    return [as_operator(row) for row in connection.execute(_LIST).mappings()]


def anybody_operates(connection: Connection) -> bool:
    """Whether there is an operator who may sign in: until then the operators' pages do not exist."""
    return bool(connection.scalar(_ANY))


def _deed(now_ms: int, action: str, before: str | None, after: str | None, by: Signature) -> Deed:
    return Deed(
        at=now_ms,
        actor=by.actor,
        action=action,
        result=None,
        state_before=before,
        state_after=after,
        reason=by.reason,
        request_id=by.request_id,
    )
