"""Reset a password: the mailed link proves the address and sets the password."""

from dataclasses import dataclass

from sqlalchemy import Connection

from gatepost.accounts import caps, messages, tokens
from gatepost.accounts.account import AccountRow, take_by_key
from gatepost.accounts.candidates import waiting_candidates
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.known_clients import remember
from gatepost.accounts.limits import Act, admit, forget_guesses
from gatepost.accounts.sessions import end_all
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.accounts.verification import accept_proof, hash_new_password, redeemable
from gatepost.audit.trail import Signature
from gatepost.errors import BadToken
from gatepost.events import (
    AccountRestored,
    AddressVerified,
    PasswordResetRequested,
    PasswordWasReset,
    SignedOut,
    TokenRefused,
)
from gatepost.mail.address import mask_address, parse_address
from gatepost.outbox.enqueue import Enqueued, enqueue
from gatepost.suppression.lift import Lifted, lift_bounces

# Who lifts a suppression where a link that came by mail was used; and as the source of the event.
BY_RESET = "password reset"
SOURCE = "password_reset"


@dataclass(frozen=True)
class _Done:
    """What a reset found and wrote. `ended`: how many sessions; `lifted`: what its arrival disproved."""

    before: AccountRow
    after: AccountRow
    notice: Enqueued
    ended: int
    lifted: tuple[Lifted, ...]


async def request_reset(
    gate: Gate, *, email: str, request_id: str, client: Client | None = None, challenge: str | None = None
) -> None:
    """Promise a reset message, if there is an account; nobody is told whether there is.

    Raises:
        InvalidInput: it is no address.
        RateLimited, ChallengeFailed: see `admit`.
        TryLater: nothing was done, or nobody knows.
    """
    address = parse_address(email)
    await admit(gate, Act.REQUEST_RESET, client, request_id=request_id, challenge=challenge)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> PasswordResetRequested:
        account = take_by_key(tx, address.key)
        wanted = {"password_reset": _why_not(account)}
        asked = caps.ask(tx, gate, account, wanted, address_key=address.key, client=client, now_ms=now_ms)
        skip = asked["password_reset"]
        # Only the newest link works. In every branch, so that each costs the same: where none goes out, of nobody.
        tokens.void(tx, account.id if account and skip is None else None, Purpose.PASSWORD_RESET, now_ms)
        stored = promise(
            tx,
            gate,
            Purpose.PASSWORD_RESET,
            account,
            address_key=address.key,
            skip=skip,
            now_ms=now_ms,
            request_id=request_id,
            client=client,
        )
        return PasswordResetRequested(
            request_id=request_id,
            outcome=skip or "queued",
            account_id=str(account.id) if account else None,
            recipient=mask_address(address.text),
            messages=() if skip else (str(stored.id),),
        )

    gate.events.emit(await gate.database.write(work))


async def reset_password(
    gate: Gate, *, token: object, password: str, request_id: str, client: Client | None = None
) -> None:
    """Redeem a reset token: the new password counts, everything that was open is void, and the owner is told.

    Every session ends, every other token is void, and a deleted account is there again. The client is one the owner
    was at, and the address has all its guesses: nobody's guesses shut its owner out any more. The link came by mail, so
    the mailbox works: suppressions for bounces are lifted.

    Raises:
        BadToken: every bad token alike.
        InvalidInput: the new password does not pass.
        RateLimited: see `admit`.
        TryLater: nothing was done, or nobody knows.
    """
    try:
        done = await _reset(gate, token, password, request_id, client)
    except BadToken as error:
        gate.events.emit(TokenRefused(request_id=request_id, purpose=Purpose.PASSWORD_RESET, reason=str(error)))
        raise
    _tell(gate, done, request_id)


async def _reset(gate: Gate, token: object, password: str, request_id: str, client: Client | None) -> _Done:
    presented = tokens.parse(token)
    await admit(gate, Act.REDEEM, client, request_id=request_id)
    password_hash = await hash_new_password(gate, password, Purpose.PASSWORD_RESET, presented)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> _Done:
        live, before = redeemable(tx, gate, Purpose.PASSWORD_RESET, presented, now_ms)
        tokens.void(tx, before.id, tokens.ALL_BUT_UNDO, now_ms, spare=live.id)
        # The link came by mail, so the mailbox works. Before the token is taken: a claim takes them in this order.
        by = Signature(actor=BY_RESET, request_id=request_id)
        lifted = lift_bounces(tx, gate.hiding, live.address_key, by=by, now_ms=now_ms)
        tokens.use(tx, live, now_ms)
        # And it proves the address as well.
        waited = waiting_candidates(tx, before.id)
        after = accept_proof(tx, gate, before, password_hash, waited, request_id, restores=True)
        ended = end_all(tx, after.id)
        remember(tx, gate.keys, after.id, client, now_ms)
        forget_guesses(tx, gate, after.address_key)
        to = messages.addressee(gate.keys, after, after.address_key, request_id, client=client)
        notice = enqueue(tx, messages.password_changed(to), now_ms=now_ms, domain=gate.message_id_domain)
        return _Done(before, after, notice, ended, lifted)

    return await gate.database.write(work)


def _tell(gate: Gate, done: _Done, request_id: str) -> None:
    account_id = str(done.after.id)
    if done.before.verified_at is None:
        gate.events.emit(AddressVerified(request_id=request_id, account_id=account_id))
    if done.before.deleted_at is not None:
        gate.events.emit(AccountRestored(request_id=request_id, account_id=account_id))
    told = (str(done.notice.id),)
    gate.events.emit(PasswordWasReset(request_id=request_id, account_id=account_id, messages=told))
    for one in done.lifted:
        gate.events.emit(one.event(SOURCE, request_id))
    if done.ended:
        gate.events.emit(
            SignedOut(request_id=request_id, account_id=account_id, reason="password_reset", count=done.ended)
        )


def _why_not(account: AccountRow | None) -> str | None:
    if account is None:
        return "no_account"
    return None if account.disabled_at is None else "disabled"
