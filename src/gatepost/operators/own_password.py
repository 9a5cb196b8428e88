"""An operator changes their own password: it takes the current one. On the pages nobody sets another's."""

import unicodedata

from sqlalchemy import Connection, bindparam, exists, select, update

from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import admit_session
from gatepost.accounts.passwords import MAX_PASSWORD_CHARACTERS
from gatepost.audit.trail import Deed, record
from gatepost.errors import N_, FieldError, InvalidInput, NotSignedIn, WrongPassword
from gatepost.events import OperatorChanged, OperatorPasswordRefused
from gatepost.operators.crew import end_sessions
from gatepost.operators.sessions import CurrentOperator
from gatepost.operators.tables import operator_sessions, operators

ACTION = "operator_password"

_HASH_OF = select(operators.c.password_hash).where(operators.c.id == bindparam("of_operator"))
_TAKE = _HASH_OF.where(operators.c.disabled_at.is_(None)).with_for_update()
_LIVES = select(exists().where(operator_sessions.c.id == bindparam("of_session")))
_SET = update(operators).where(operators.c.id == bindparam("of_operator")).values(password_hash=bindparam("hashed"))


async def change_own_password(
    gate: Gate, current: CurrentOperator, *, current_password: str, password: str, request_id: str
) -> None:
    """Set a new password: every other session of the operator ends.

    Args:
        gate: the parts.
        current: who asks.
        current_password: as typed.
        password: the new one, as typed.
        request_id: the request.

    Raises:
        WrongPassword: the current one does not fit, or was changed meanwhile.
        InvalidInput: the new one does not pass, or is the current one.
        RateLimited: this session tried too often.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """
    if (problem := gate.password_policy.problem(password, (current.operator.name,))) is not None:
        raise InvalidInput([problem])
    proved = await _prove(gate, current, current_password, request_id)
    if unicodedata.normalize("NFC", password) == unicodedata.normalize("NFC", current_password):
        text = N_("This is your current password. Choose another one.")
        raise InvalidInput([FieldError("password", "unchanged", text)])
    hashed = await gate.passwords.hash(password)
    now_ms = gate.clock.now_ms()
    me = current.operator

    def work(tx: Connection) -> bool:
        still = tx.scalar(_TAKE, {"of_operator": me.id})
        if still is None or not tx.scalar(_LIVES, {"of_session": current.session_id}):
            raise NotSignedIn("the session ended meanwhile")
        if still != proved:
            return False
        tx.execute(_SET, {"of_operator": me.id, "hashed": hashed})
        end_sessions(tx, me.id, spare=current.session_id)
        record(tx, me.id, _deed(now_ms, me.actor, request_id))
        return True

    if not await gate.database.write(work):
        raise _refused(gate, current, request_id)
    gate.events.emit(
        OperatorChanged(actor=me.actor, action="password", operator=me.name, role=str(me.role), request_id=request_id)
    )


async def _prove(gate: Gate, current: CurrentOperator, password: str, request_id: str) -> str:
    """Compare the current password; returns its stored hash."""
    await admit_session(gate, current.session_id, request_id=request_id)
    of = {"of_operator": current.operator.id}
    stored: str | None = await gate.database.read(lambda connection: connection.scalar(_HASH_OF, of))
    fits = len(password) <= MAX_PASSWORD_CHARACTERS and await gate.passwords.verify(password, stored)
    if stored is None or not fits:
        raise _refused(gate, current, request_id)
    return stored


def _refused(gate: Gate, current: CurrentOperator, request_id: str) -> WrongPassword:
    gate.events.emit(OperatorPasswordRefused(request_id=request_id, operator=current.operator.name))
    return WrongPassword("the current password does not fit")


def _deed(now_ms: int, actor: str, request_id: str) -> Deed:
    return Deed(
        at=now_ms,
        actor=actor,
        action=ACTION,
        result=None,
        state_before=None,
        state_after=None,
        reason=None,
        request_id=request_id,
    )
