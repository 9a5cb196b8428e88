"""Change the password while signed in: it takes the current one."""

import unicodedata
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, bindparam, select, update

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import AccountRow
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import admit_session
from gatepost.accounts.passwords import MAX_PASSWORD_CHARACTERS
from gatepost.accounts.profile import take_signed_in
from gatepost.accounts.sessions import Current, end_all
from gatepost.accounts.tables import accounts
from gatepost.errors import N_, FieldError, InvalidInput, WrongPassword
from gatepost.events import CurrentPasswordRefused, PasswordChanged, SignedOut
from gatepost.outbox.enqueue import Enqueued, enqueue

T = TypeVar("T")

_PASSWORD_OF = select(accounts.c.password_hash).where(accounts.c.id == bindparam("of_account"))
_SET_PASSWORD = (
    update(accounts).where(accounts.c.id == bindparam("of_account")).values(password_hash=bindparam("hashed"))
)


async def prove_password(
    gate: Gate, current: Current, password: str, *, request_id: str, client: Client | None = None
) -> str:
    """Prove that the person at the keyboard knows the current password; returns its stored hash.

    `write_proved` compares it with the account's row: of two changes at once the second one is refused.

    Raises:
        WrongPassword: it does not fit.
        RateLimited: this session tried too often.
        TryLater: nothing was done, or nobody knows.
    """
    await admit_session(gate, current.session_id, request_id=request_id)
    stored = await gate.database.read(lambda connection: _password_of(connection, current))
    # Longer than any that could be set: hashing it would only cost.
    fits = len(password) <= MAX_PASSWORD_CHARACTERS and await gate.passwords.verify(password, stored)
    if stored is None or not fits:
        _tell_refused(gate, current, request_id)
        raise WrongPassword("the current password does not fit")
    return stored


async def write_proved(
    gate: Gate, current: Current, password_hash: str, work: Callable[[Connection, AccountRow], T], *, request_id: str
) -> T:
    """Run `work(tx, account)` in one transaction, as long as what was proved still holds in it.

    Args:
        gate: the parts.
        current: who asks; the session must not have ended meanwhile.
        password_hash: what `prove_password` returned; it must still be the account's.
        work: what the password was asked for; nobody else changes the account until it is done.
        request_id: the request.

    Raises:
        WrongPassword: the password was changed meanwhile.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """

    def proved(tx: Connection) -> T:
        account = take_signed_in(tx, current)
        if _password_of(tx, current) != password_hash:
            raise WrongPassword("the password was changed meanwhile")
        return work(tx, account)

    try:
        return await gate.database.write(proved)
    except WrongPassword:
        _tell_refused(gate, current, request_id)
        raise


async def change_password(
    gate: Gate,
    current: Current,
    *,
    current_password: str,
    password: str,
    request_id: str,
    client: Client | None = None,
) -> None:
    """Set a new password: every other session ends, every open token is void, the owner is told.

    Only the old address's way to undo a change of address stays: see tokens.ALL_BUT_UNDO.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        InvalidInput: the new password does not pass, or is the current one.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """
    known = (current.account.email, current.account.name)
    if (problem := gate.password_policy.problem(password, known)) is not None:
        raise InvalidInput([problem])
    proved_hash = await prove_password(gate, current, current_password, request_id=request_id, client=client)
    _check_it_differs(password, current_password)  # now that the current one is known to whoever asks
    hashed = await gate.passwords.hash(password)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection, account: AccountRow) -> tuple[int, Enqueued]:
        tx.execute(_SET_PASSWORD, {"of_account": account.id, "hashed": hashed})
        tokens.void(tx, account.id, tokens.ALL_BUT_UNDO, now_ms)
        ended = end_all(tx, account.id, spare=current.session_id)
        to = messages.addressee(gate.keys, account, account.address_key, request_id, client=client)
        return ended, enqueue(tx, messages.password_changed(to), now_ms=now_ms, domain=gate.message_id_domain)

    ended, notice = await write_proved(gate, current, proved_hash, work, request_id=request_id)
    account_id = str(current.account.id)
    gate.events.emit(PasswordChanged(request_id=request_id, account_id=account_id, messages=(str(notice.id),)))
    if ended:
        gate.events.emit(
            SignedOut(request_id=request_id, account_id=account_id, reason="password_changed", count=ended)
        )


def _check_it_differs(password: str, current_password: str) -> None:
    if unicodedata.normalize("NFC", password) == unicodedata.normalize("NFC", current_password):
        text = N_("This is your current password. Choose another one.")
        raise InvalidInput([FieldError("password", "unchanged", text)])


def _password_of(connection: Connection, current: Current) -> str | None:
    hashed: str | None = connection.scalar(_PASSWORD_OF, {"of_account": current.account.id})
    return hashed


def _tell_refused(gate: Gate, current: Current, request_id: str) -> None:
    gate.events.emit(CurrentPasswordRefused(request_id=request_id, account_id=str(current.account.id)))
