"""Sign in as an operator: one answer and one cost for every cause of failure."""

from contextlib import suppress
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import admit_sign_in, forget_guesses
from gatepost.accounts.passwords import MAX_PASSWORD_CHARACTERS
from gatepost.errors import InvalidInput, OperatorSignInFailed, TryLater
from gatepost.events import OperatorSignedIn, OperatorSignInRefused
from gatepost.operators.known_browser import browser_of, mark_of
from gatepost.operators.operator import COLUMNS, Operator, as_operator, clean_name
from gatepost.operators.sessions import begin_operator_session
from gatepost.operators.tables import operators

_FIND = select(*COLUMNS, operators.c.password_hash).where(operators.c.name == bindparam("of_name"))
# Shared: of two sign-ins at once neither waits, and whoever disables the operator or changes the password does.
_TAKE = _FIND.with_for_update(read=True)
_REHASH = (
    update(operators)
    .where(operators.c.id == bindparam("of_operator"), operators.c.password_hash == bindparam("worse"))
    .values(password_hash=bindparam("better"))
)


@dataclass(frozen=True)
class SignedInOperator:
    """A new session's token, which nobody can read again, and the mark by which the browser is known next time."""

    operator: Operator
    token: str = field(repr=False)
    browser: str = field(repr=False)


async def sign_in_operator(
    gate: Gate,
    *,
    name: str,
    password: str,
    request_id: str,
    client: Client | None = None,
    browser: str | None = None,
) -> SignedInOperator:
    """Begin a session of an operator.

    Args:
        gate: the parts.
        name: as typed.
        password: as typed.
        request_id: for the log.
        client: from where; None: a caller inside, never limited.
        browser: the mark the browser brought, if any; see known_browser.py.

    Raises:
        OperatorSignInFailed: for every cause alike.
        RateLimited: too many tries of the client.
        TryLater: nothing was done, or nobody knows.
    """
    key = _key_of(name)
    counted_for = _counted_for(gate, key, browser)
    guesses_left = await admit_sign_in(gate, counted_for, client, request_id=request_id)
    row = await gate.database.read(lambda connection: _row(connection, key))
    # Longer than any that could be set: hashing it would only cost, whosever name stands beside it.
    short = len(password) <= MAX_PASSWORD_CHARACTERS
    fits = short and await gate.passwords.verify(password, None if row is None else row["password_hash"])
    reason = _why_no_session(row, fits=fits, guesses_left=guesses_left)
    if row is not None and reason is None:
        token = await _begin(gate, row, counted_for, client)
        if token is not None:
            await _hash_better(gate, row, password)
            operator = as_operator(row)
            gate.events.emit(OperatorSignedIn(request_id=request_id, operator=operator.name, role=str(operator.role)))
            return SignedInOperator(operator, token, mark_of(gate.keys, key, browser, gate.clock.now_ms()))
        reason = "changed_meanwhile"
    network = client.network if client else ""
    gate.events.emit(OperatorSignInRefused(request_id=request_id, reason=reason or "", network=network))
    raise OperatorSignInFailed(reason)


def _why_no_session(row: RowMapping | None, *, fits: bool, guesses_left: bool) -> str | None:
    """Why nobody may sign in, for the log alone."""
    if row is None:
        return "no_operator"
    if not fits:
        return "wrong_password"
    if row["disabled_at"] is not None:
        return "disabled"
    return None if guesses_left else "too_many_guesses"


async def _begin(gate: Gate, seen: RowMapping, counted_for: str, client: Client | None) -> str | None:
    """Store the session, if what was seen before the password was hashed still holds; else None."""
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> str | None:
        row = tx.execute(_TAKE, {"of_name": seen["name"]}).mappings().one_or_none()
        if row is None or row["disabled_at"] is not None or row["password_hash"] != seen["password_hash"]:
            return None
        forget_guesses(tx, gate, counted_for)
        return begin_operator_session(tx, gate, row["id"], client, now_ms)

    return await gate.database.write(work)


async def _hash_better(gate: Gate, row: RowMapping, password: str) -> None:
    """Bring a hash of older parameters to those of today; where that cannot be done now, the next time will do."""
    if not gate.passwords.needs_rehash(row["password_hash"]):
        return
    with suppress(TryLater):
        better = await gate.passwords.hash(password)
        values = {"of_operator": row["id"], "worse": row["password_hash"], "better": better}
        await gate.database.write(lambda tx: tx.execute(_REHASH, values).rowcount)


def _row(connection: Connection, name: str) -> RowMapping | None:
    return connection.execute(_FIND, {"of_name": name}).mappings().one_or_none()


def _key_of(name: str) -> str:
    try:
        return clean_name(name)
    except InvalidInput:
        return ""


def _counted_for(gate: Gate, key: str, browser: str | None) -> str:
    """Whose guesses a try counts among; with a space no address has it, so that accounts have guesses of their own."""
    known = browser_of(gate.keys, key, browser, gate.clock.now_ms())
    return f"operator {key}" if known is None else f"operator {key} {known}"
