"""Change the address: it counts when the new one is proved; the old one is told, and can undo it.

Whoever got hold of a session and the password can want another address, and cannot get rid of the way back: the notice
to the old address is promised in the same transaction, and its link outlives every other change of the account.
"""

from dataclasses import replace

from sqlalchemy import Connection

from gatepost.accounts import caps, messages, tokens, wanted_address
from gatepost.accounts.account import Account, AccountRow, public, take_by_token
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.limits import Act, admit
from gatepost.accounts.password_change import prove_password, write_proved
from gatepost.accounts.sessions import Current, end_all
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.database.connection import Work
from gatepost.errors import N_, BadToken, FieldError, InvalidInput
from gatepost.events import (
    AccountRestored,
    AccountsErased,
    AddressChanged,
    AddressChangeRequested,
    AddressChangeUndone,
    Event,
    SignedOut,
    TokenRefused,
)
from gatepost.mail.address import Address, mask_address, parse_address
from gatepost.outbox.enqueue import enqueue

# So many strangers an account may have written to in a day; who mistypes an address needs two or three.
MOST_A_DAY = 5
DAY_MS = 24 * 3600 * 1000


async def request_address_change(
    gate: Gate,
    current: Current,
    *,
    email: str,
    current_password: str,
    request_id: str,
    client: Client | None = None,
) -> None:
    """Promise a link to the new address and a notice with a way to undo it to the old one.

    Where somebody proved the new address already, nothing goes to it, and the answer is the same.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        InvalidInput: it is no address, or the one the account has.
        NotSignedIn: the session ended meanwhile.
        TryLater: nothing was done, or nobody knows.
    """
    address = parse_address(email)
    proved_hash = await prove_password(gate, current, current_password, request_id=request_id, client=client)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection, account: AccountRow) -> AddressChangeRequested:
        if address.key == account.address_key:
            text = N_("This is the address you have already.")
            raise InvalidInput([FieldError("email", "unchanged", text)])
        return _promise_links(tx, gate, account, address, request_id, client, now_ms)

    gate.events.emit(await write_proved(gate, current, proved_hash, work, request_id=request_id))


async def confirm_address(gate: Gate, *, token: object, request_id: str, client: Client | None = None) -> Account:
    """Redeem the link sent to the new address: it is the account's from now on, and everybody is signed out.

    Raises:
        BadToken: every bad token alike; also where the address has an account by now.
        RateLimited, TryLater.
    """
    await admit(gate, Act.REDEEM, client, request_id=request_id)
    try:
        return await _confirm(gate, token, request_id)
    except BadToken as error:
        gate.events.emit(TokenRefused(request_id=request_id, purpose=Purpose.ADDRESS_CHANGE, reason=str(error)))
        raise


async def undo_address_change(gate: Gate, *, token: object, request_id: str, client: Client | None = None) -> Account:
    """Redeem the link sent to the old address: it is the account's again, and whoever knew the password is out.

    All sessions end, every token is void that does not undo an earlier change, the password counts no more, and a
    reset message goes to the old address. An account that was deleted meanwhile is there again.

    Raises:
        BadToken: every bad token alike; also where somebody else proved the old address meanwhile.
        RateLimited, TryLater.
    """
    await admit(gate, Act.REDEEM, client, request_id=request_id)
    try:
        return await _undo(gate, token, request_id, client)
    except BadToken as error:
        gate.events.emit(TokenRefused(request_id=request_id, purpose=Purpose.ADDRESS_UNDO, reason=str(error)))
        raise


def _promise_links(
    tx: Connection,
    gate: Gate,
    account: AccountRow,
    address: Address,
    request_id: str,
    client: Client | None,
    now_ms: int,
) -> AddressChangeRequested:
    """Write two tokens, two messages and the wish, whoever has the new address: only one message may never go out."""
    taken = wanted_address.is_taken(tx, address.key)
    wanted = wanted_address.count_since(tx, account, now_ms - DAY_MS)
    skip = "address_taken" if taken else "cap" if wanted >= MOST_A_DAY else None
    withheld = caps.ask(
        tx, gate, None, {"address_change": skip}, address_key=address.key, client=client, now_ms=now_ms
    )["address_change"]
    tokens.void(tx, account.id, Purpose.ADDRESS_CHANGE, now_ms)  # only the newest link works

    def issue(purpose: Purpose, address_key: str, *, void: bool = False) -> bytes:
        return tokens.issue(
            tx, gate.keys, purpose, account_id=account.id, address_key=address_key, now_ms=now_ms, void=void
        )

    confirm = issue(Purpose.ADDRESS_CHANGE, address.key, void=withheld is not None)
    undo = issue(Purpose.ADDRESS_UNDO, account.address_key)
    wanted_address.store(tx, account, address, confirm_token=confirm, undo_token=undo, now_ms=now_ms)
    to_old = messages.addressee(gate.keys, account, account.address_key, request_id, client=client)
    # No name: with one of their own choice people could write to strangers.
    to_new = replace(to_old, recipient=address.text, recipient_key=address.key, name=None)
    link = messages.address_change(to_new, confirm)
    notice = messages.address_change_notice(to_old, undo, new_address=mask_address(address.text))
    stored = [
        enqueue(tx, link, now_ms=now_ms, domain=gate.message_id_domain, skip=withheld),
        enqueue(tx, notice, now_ms=now_ms, domain=gate.message_id_domain),
    ]
    return AddressChangeRequested(
        request_id=request_id,
        outcome=withheld or "queued",
        account_id=str(account.id),
        recipient=mask_address(address.text),
        messages=tuple(str(one.id) for one in stored if one.skipped is None),
    )


async def _confirm(gate: Gate, token: object, request_id: str) -> Account:
    presented = tokens.parse(token)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[AccountRow, list[Event]]:
        account = take_by_token(tx, presented.id)
        live = tokens.prove(tx, gate.keys, Purpose.ADDRESS_CHANGE, presented, now_ms)
        change = wanted_address.by_confirm_token(tx, live.id)
        if account is None or change is None:
            raise BadToken("not_found")
        if account.disabled_at is not None or account.deleted_at is not None:
            raise BadToken("disabled")
        if (account.address_key, live.address_key) != (change.old_key, change.new_key):
            raise BadToken("address_changed")
        changed, erased = wanted_address.give(tx, account, change.new_email, change.new_key, verified_at=now_ms)
        tokens.void(tx, account.id, tokens.ALL_BUT_UNDO, now_ms, spare=live.id)
        tokens.use(tx, live, now_ms)
        wanted_address.close_confirmed(tx, change, now_ms)
        ended = end_all(tx, account.id)
        recipient = mask_address(changed.email)
        told = AddressChanged(request_id=request_id, account_id=str(account.id), recipient=recipient)
        return changed, [*_erased(erased), told, *_signed_out(account, "address_changed", ended, request_id)]

    return await _done(gate, work)


async def _undo(gate: Gate, token: object, request_id: str, client: Client | None) -> Account:
    presented = tokens.parse(token)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[AccountRow, list[Event]]:
        account = take_by_token(tx, presented.id)
        live = tokens.prove(tx, gate.keys, Purpose.ADDRESS_UNDO, presented, now_ms)
        change = wanted_address.by_undo_token(tx, live.id)
        if account is None or change is None or live.address_key != change.old_key:
            raise BadToken("not_found")
        if account.disabled_at is not None:
            raise BadToken("disabled")
        back = {"verified_at": now_ms, "password_hash": None, "deleted_at": None}
        restored, erased = wanted_address.give(tx, account, change.old_email, change.old_key, **back)
        wanted_address.close_undone(tx, change, now_ms, spare=live.id)
        tokens.use(tx, live, now_ms)
        ended = end_all(tx, account.id)
        reset = _promise_reset(tx, gate, restored, request_id, client, now_ms)
        about = {"request_id": request_id, "account_id": str(account.id)}
        told: list[Event] = [AccountRestored(**about)] if account.deleted_at is not None else []
        told.append(AddressChangeUndone(**about, recipient=mask_address(restored.email), messages=(reset,)))
        return restored, [*_erased(erased), *told, *_signed_out(account, "address_undone", ended, request_id)]

    return await _done(gate, work)


def _promise_reset(
    tx: Connection, gate: Gate, account: AccountRow, request_id: str, client: Client | None, now_ms: int
) -> str:
    # Nobody but the owner of the old address can cause it, and only once: no cap is asked.
    stored = promise(
        tx,
        gate,
        Purpose.PASSWORD_RESET,
        account,
        address_key=account.address_key,
        skip=None,
        now_ms=now_ms,
        request_id=request_id,
        client=client,
    )
    return str(stored.id)


async def _done(gate: Gate, work: Work[tuple[AccountRow, list[Event]]]) -> Account:
    account, happened = await gate.database.write(work)
    for event in happened:
        gate.events.emit(event)
    return public(account)


def _erased(count: int) -> list[Event]:
    return [AccountsErased(reason="address_proved", count=count)] if count else []


def _signed_out(account: AccountRow, reason: str, count: int, request_id: str) -> list[Event]:
    if not count:
        return []
    return [SignedOut(request_id=request_id, account_id=str(account.id), reason=reason, count=count)]
