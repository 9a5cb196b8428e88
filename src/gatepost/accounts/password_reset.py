"""Reset a password: the mailed link proves the address and sets the password."""

from sqlalchemy import Connection

from gatepost.accounts import messages, tokens
from gatepost.accounts.account import AccountRow, take_by_key
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.throttle import waiting
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.accounts.verification import accept_proof, hash_new_password, redeemable, waiting_candidates
from gatepost.errors import BadToken
from gatepost.events import AddressVerified, PasswordResetRequested, PasswordWasReset, TokenRefused
from gatepost.mail.address import mask_address, parse_address
from gatepost.outbox.enqueue import Enqueued, enqueue


async def request_reset(
    gate: Gate, *, email: str, request_id: str, client: Client | None = None, challenge: str | None = None
) -> None:
    """Promise a reset message, if there is an account; nobody is told whether there is.

    Raises:
        InvalidInput: it is no address.
        TryLater: nothing was done, or nobody knows.
    """
    address = parse_address(email)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> PasswordResetRequested:
        account = take_by_key(tx, address.key)
        skip = "no_account" if account is None else waiting(tx, account.id, "password_reset", now_ms).reason
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
    """Redeem a reset token: the new password counts, every other open token is void, the owner is told.

    Raises:
        BadToken: every bad token alike.
        InvalidInput: the new password does not pass.
        TryLater: nothing was done, or nobody knows.
    """
    try:
        await _reset(gate, token, password, request_id)
    except BadToken as error:
        gate.events.emit(TokenRefused(request_id=request_id, purpose=Purpose.PASSWORD_RESET, reason=str(error)))
        raise


async def _reset(gate: Gate, token: object, password: str, request_id: str) -> None:
    presented = tokens.parse(token)
    password_hash = await hash_new_password(gate, password, Purpose.PASSWORD_RESET, presented)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[AccountRow, AccountRow, Enqueued]:
        live, before = redeemable(tx, gate, Purpose.PASSWORD_RESET, presented, now_ms)
        tokens.void(tx, before.id, tokens.ALL_BUT_UNDO, now_ms, spare=live.id)
        tokens.use(tx, live, now_ms)
        # The link came by mail, so it proves the address as well.
        after = accept_proof(tx, gate, before, password_hash, waiting_candidates(tx, before.id), request_id)
        to = messages.addressee(gate.keys, after, after.address_key, request_id)
        notice = enqueue(tx, messages.password_changed(to), now_ms=now_ms, domain=gate.message_id_domain)
        return before, after, notice

    before, after, notice = await gate.database.write(work)
    if before.verified_at is None:
        gate.events.emit(AddressVerified(request_id=request_id, account_id=str(after.id)))
    told = PasswordWasReset(request_id=request_id, account_id=str(after.id), messages=(str(notice.id),))
    gate.events.emit(told)
