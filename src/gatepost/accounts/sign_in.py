"""Sign in: one answer and one cost for every cause of failure.

Whatever is wrong, one password is hashed, the same statements are run and the same rows are written: a token and a
message. They go out only where the address waits for its proof; for all others they are born useless.
"""

import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from gatepost import events
from gatepost.accounts import caps
from gatepost.accounts.account import COLUMNS, Account, as_account, public
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.known_clients import is_known, remember
from gatepost.accounts.limits import admit_sign_in, forget_guesses
from gatepost.accounts.passwords import password_problem
from gatepost.accounts.sessions import Session, begin_session, end_presented
from gatepost.accounts.tables import accounts
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.errors import HashingBusy, InvalidInput, SignInFailed
from gatepost.mail.address import mask_address, parse_address

_NOBODY = uuid.UUID(int=0)
_MALFORMED = "malformed"  # in place of a key: no address has it, for it has no @-sign


@dataclass(frozen=True)
class SignedIn:
    """A new session and its token, which nobody can read again."""

    account: Account
    session: Session
    token: str = field(repr=False)


@dataclass(frozen=True)
class _Seen:
    """What was read before the password was hashed: the account, and whether its owner was at this client before."""

    row: RowMapping | None
    known_client: bool

    @property
    def password_hash(self) -> str | None:
        phc: str | None = None if self.row is None else self.row["password_hash"]
        return phc


@dataclass(frozen=True)
class _Try:
    """One try to sign in, as far as it is known before the transaction that decides it."""

    key: str
    recipient: str
    client: Client | None
    request_id: str
    replaces: object
    guesses_left: bool
    seen: _Seen
    fits: bool
    better_hash: str | None = field(repr=False)
    now_ms: int


_FIND = select(*COLUMNS, accounts.c.password_hash).where(accounts.c.address_key == bindparam("of_key"))
_TAKE = _FIND.with_for_update(key_share=True)
_REHASH = update(accounts).where(accounts.c.id == bindparam("of_account")).values(password_hash=bindparam("better"))


async def sign_in(
    gate: Gate,
    *,
    email: str,
    password: str,
    request_id: str,
    client: Client | None = None,
    challenge: str | None = None,
    replaces: object = None,
) -> SignedIn:
    """Begin a session.

    Args:
        gate: the parts.
        email: as typed.
        password: as typed.
        request_id: for the logs.
        client: from where; None: a caller inside, never limited.
        challenge: for the product's own check of strangers.
        replaces: the token of the session the browser has so far; it ends when the new one begins.

    Raises:
        SignInFailed: for every cause alike; an address that waits for its proof gets another verification message.
        InvalidInput: the password is longer than any may be.
        RateLimited, ChallengeFailed: as in limits.py.
        TryLater: nothing was done, or nobody knows.
    """
    if (problem := password_problem(password, min_length=0)) is not None:
        raise InvalidInput([problem])
    key = _key_of(email)
    guesses_left = await admit_sign_in(gate, key, client, request_id=request_id, challenge=challenge)
    seen = await gate.database.read(lambda connection: _look(connection, gate, key, client))
    fits = await gate.passwords.verify(password, seen.password_hash)
    admitted = _refusal(seen.row, seen, fits=fits, guesses_left=guesses_left) is None
    better_hash = await _better_hash(gate, password, seen.password_hash) if admitted else None
    now_ms = gate.clock.now_ms()
    one = _Try(key, mask_address(email), client, request_id, replaces, guesses_left, seen, fits, better_hash, now_ms)
    result = await gate.database.write(lambda tx: _decide(tx, gate, one))
    if isinstance(result, events.SignInRefused):
        gate.events.emit(result)
        raise SignInFailed(result.reason)
    account_id = str(result.account.id)
    gate.events.emit(events.SignedIn(request_id=request_id, account_id=account_id, known_client=seen.known_client))
    return result


def _key_of(email: str) -> str:
    try:
        return parse_address(email).key
    except InvalidInput:
        return _MALFORMED


def _look(connection: Connection, gate: Gate, key: str, client: Client | None) -> _Seen:
    row = connection.execute(_FIND, {"of_key": key}).mappings().one_or_none()
    account_id = _NOBODY if row is None else row["id"]
    return _Seen(row, is_known(connection, gate.keys, account_id, client, gate.clock.now_ms()))


async def _better_hash(gate: Gate, password: str, phc: str | None) -> str | None:
    if phc is None or not gate.passwords.needs_rehash(phc):
        return None
    try:
        return await gate.passwords.hash(password)
    except HashingBusy:  # the old one serves until the next time
        return None


def _decide(tx: Connection, gate: Gate, one: _Try) -> SignedIn | events.SignInRefused:
    """Look once more, now that nobody else changes the account, and write what follows."""
    row = tx.execute(_TAKE, {"of_key": one.key}).mappings().one_or_none()
    reason = _refusal(row, one.seen, fits=one.fits, guesses_left=one.guesses_left)
    if row is None or reason is not None:
        reason = "malformed" if one.key == _MALFORMED else reason or "no_account"
        account_id = None if row is None else str(row["id"])
        sent = _refuse(tx, gate, one, row if reason == "not_verified" else None)
        return events.SignInRefused(
            request_id=one.request_id, reason=reason, account_id=account_id, recipient=one.recipient, messages=sent
        )
    session, token = begin_session(tx, gate, row["id"], one.client, one.now_ms)
    end_presented(tx, one.replaces)
    remember(tx, gate.keys, row["id"], one.client, one.now_ms)
    forget_guesses(tx, gate, one.key)
    if one.better_hash is not None:
        tx.execute(_REHASH, {"of_account": row["id"], "better": one.better_hash})
    return SignedIn(public(as_account(row)), session, token)


def _refusal(row: RowMapping | None, seen: _Seen, *, fits: bool, guesses_left: bool) -> str | None:
    """Why nobody may sign in, for operators alone; None: the owner may."""
    if row is None:
        return "no_account"
    if row["disabled_at"] is not None:
        return "disabled"
    if row["deleted_at"] is not None:
        return "deleted"
    if row["verified_at"] is None:
        return "not_verified"
    if not fits:
        return "wrong_password"
    if row["password_hash"] != seen.password_hash:
        return "changed_meanwhile"  # what fits is no longer the password
    return None if guesses_left or seen.known_client else "no_guesses_left"


def _refuse(tx: Connection, gate: Gate, one: _Try, waits: RowMapping | None) -> tuple[str, ...]:
    """Write the rows of a failure; `waits` is the account that waits for its proof, and gets another message."""
    account = None if waits is None else as_account(waits)
    skip = None if account else "sign_in_failed"
    wanted = {"verification": skip}
    asked = caps.ask(tx, gate, account, wanted, address_key=one.key, client=one.client, now_ms=one.now_ms)
    skip = asked["verification"]
    stored = promise(
        tx,
        gate,
        Purpose.VERIFICATION,
        account,
        address_key=one.key,
        skip=skip,
        now_ms=one.now_ms,
        request_id=one.request_id,
        client=one.client,
    )
    return () if skip else (str(stored.id),)
