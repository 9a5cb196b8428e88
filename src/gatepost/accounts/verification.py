"""Verify an address: the mailed link proves it, and decides which of the waiting registrations counts."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select, update

from gatepost.accounts import caps, messages, tokens
from gatepost.accounts.account import COLUMNS, Account, AccountRow, as_account, public, take_by_key, take_by_token
from gatepost.accounts.candidates import Candidate, waiting_candidates
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import Act, admit
from gatepost.accounts.tables import accounts, candidates
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.errors import BadToken, InvalidInput
from gatepost.events import AddressVerified, TokenRefused, VerificationRequested
from gatepost.mail.address import mask_address, parse_address
from gatepost.outbox.enqueue import enqueue

_KNOWN_OF = select(accounts.c.email, accounts.c.name).where(accounts.c.id == bindparam("of_account"))


@dataclass(frozen=True)
class ChoosePassword:
    """Several registrations wait for this address; whoever proved it chooses the password (the token is unused)."""


async def verify(
    gate: Gate, *, token: object, password: str | None, request_id: str, client: Client | None = None
) -> Account | ChoosePassword:
    """Redeem a verification token: the address is proved and the account has its password.

    With one registration waiting, its password counts. With several nobody knows which one the owner of the address
    made, so none counts: the answer is ChoosePassword until a call brings `password`.

    Raises:
        BadToken: every bad token alike.
        InvalidInput: the new password does not pass.
        RateLimited: see `admit`.
        TryLater: nothing was done, or nobody knows.
    """
    try:
        return await _verify(gate, token, password, request_id, client)
    except BadToken as error:
        gate.events.emit(TokenRefused(request_id=request_id, purpose=Purpose.VERIFICATION, reason=str(error)))
        raise


async def request_verification(
    gate: Gate, *, email: str, request_id: str, client: Client | None = None, challenge: str | None = None
) -> None:
    """Promise another verification message, if the address waits for one; nobody is told whether it does.

    Raises:
        InvalidInput: it is no address.
        RateLimited, ChallengeFailed: see `admit`.
        TryLater: nothing was done, or nobody knows.
    """
    address = parse_address(email)
    await admit(gate, Act.REQUEST_VERIFICATION, client, request_id=request_id, challenge=challenge)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> VerificationRequested:
        account = take_by_key(tx, address.key)
        wanted = {"verification": _why_not(account)}
        asked = caps.ask(tx, gate, account, wanted, address_key=address.key, client=client, now_ms=now_ms)
        skip = asked["verification"]
        stored = promise(
            tx,
            gate,
            Purpose.VERIFICATION,
            account,
            address_key=address.key,
            skip=skip,
            now_ms=now_ms,
            request_id=request_id,
            client=client,
        )
        return VerificationRequested(
            request_id=request_id,
            outcome=skip or "queued",
            account_id=str(account.id) if account else None,
            recipient=mask_address(address.text),
            messages=() if skip else (str(stored.id),),
        )

    gate.events.emit(await gate.database.write(work))


async def hash_new_password(gate: Gate, password: str, purpose: Purpose, presented: tokens.Presented) -> str:
    """Hash a password somebody chose with a mailed link; the link is proved first, so that a stranger's costs nothing.

    Raises:
        BadToken, InvalidInput, TryLater.
    """
    now_ms = gate.clock.now_ms()

    def whose(connection: Connection) -> tuple[str | None, ...]:
        live = tokens.prove(connection, gate.keys, purpose, presented, now_ms)
        row = connection.execute(_KNOWN_OF, {"of_account": live.account_id}).one_or_none()
        return () if row is None else (row.email, row.name)

    known = await gate.database.read(whose)
    if (problem := gate.password_policy.problem(password, known)) is not None:
        raise InvalidInput([problem])
    return await gate.passwords.hash(password)


def redeemable(
    tx: Connection, gate: Gate, purpose: Purpose, presented: tokens.Presented, now_ms: int
) -> tuple[tokens.Live, AccountRow]:
    """Take the account a token was mailed for, then prove the token: of many calls at once one goes on.

    Raises:
        BadToken: the token is bad, the account's address is no longer the one it was mailed to, or it is disabled.
    """
    account = take_by_token(tx, presented.id)
    live = tokens.prove(tx, gate.keys, purpose, presented, now_ms)
    if account is None or account.address_key != live.address_key:
        raise BadToken("address_changed")
    if account.disabled_at is not None:
        raise BadToken("disabled")
    return live, account


def accept_proof(
    tx: Connection,
    gate: Gate,
    account: AccountRow,
    password_hash: str,
    waited: list[Candidate],
    request_id: str,
    *,
    restores: bool = False,
) -> AccountRow:
    """Write that the address is proved and what the account's password is; nothing of the candidates remains.

    `restores`: a deleted account is there again.
    """
    now_ms = gate.clock.now_ms()
    changes: dict[str, object] = {"password_hash": password_hash} | ({"deleted_at": None} if restores else {})
    if account.verified_at is None:
        changes["verified_at"] = now_ms
        # A name only where all that waited agree on it: one of them may be a stranger's.
        names = {one.name for one in waited}
        changes["name"] = names.pop() if len(names) == 1 else None
    query = update(accounts).where(accounts.c.id == account.id).values(changes).returning(*COLUMNS)
    proved = as_account(tx.execute(query).mappings().one())
    tx.execute(delete(candidates).where(candidates.c.account_id == account.id))
    if account.verified_at is None and gate.welcome == "at_verification":
        to = messages.addressee(gate.keys, proved, proved.address_key, request_id)
        enqueue(tx, messages.welcome(to), now_ms=now_ms, domain=gate.message_id_domain)
    return proved


async def _verify(
    gate: Gate, token: object, password: str | None, request_id: str, client: Client | None
) -> Account | ChoosePassword:
    presented = tokens.parse(token)
    await admit(gate, Act.REDEEM, client, request_id=request_id)
    chosen = None if password is None else await hash_new_password(gate, password, Purpose.VERIFICATION, presented)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> AccountRow | None:
        live, account = redeemable(tx, gate, Purpose.VERIFICATION, presented, now_ms)
        waited = waiting_candidates(tx, account.id)
        password_hash = chosen or (waited[0].password_hash if len(waited) == 1 else None)
        if password_hash is None:
            return None
        tokens.void(tx, account.id, Purpose.VERIFICATION, now_ms, spare=live.id)
        tokens.use(tx, live, now_ms)
        return accept_proof(tx, gate, account, password_hash, waited, request_id)

    proved = await gate.database.write(work)
    if proved is None:
        return ChoosePassword()
    gate.events.emit(AddressVerified(request_id=request_id, account_id=str(proved.id)))
    return public(proved)


def _why_not(account: AccountRow | None) -> str | None:
    if account is None:
        return "no_account"
    if account.disabled_at is not None:
        return "disabled"
    return None if account.verified_at is None else "already_verified"
