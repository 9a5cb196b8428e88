"""Correct the address of an account that nobody proved: support does it for whoever mistyped their own.

It opens nothing to anybody. The new address gets the message that a registration with it would have got, and only who
opens the link in it has the account; whoever is at the old one has nothing any more.
"""

import uuid

from sqlalchemy import Connection, bindparam, update
from sqlalchemy.exc import IntegrityError

from gatepost.accounts import caps, tokens, wanted_address
from gatepost.accounts.account import COLUMNS, AccountRow, as_account, take_by_id
from gatepost.accounts.gate import Gate
from gatepost.accounts.operators import WrittenTo, acted_on, write_down
from gatepost.accounts.tables import accounts
from gatepost.accounts.token_mail import promise
from gatepost.accounts.tokens import Purpose
from gatepost.audit.trail import Signature
from gatepost.errors import N_, ActionRefused, FieldError, InvalidInput, NoSuchAccount
from gatepost.mail.address import Address, parse_address
from gatepost.outbox.cancel import cancel_of_account
from gatepost.outbox.enqueue import Enqueued

CORRECT_ADDRESS = "correct_address"

VERIFIED_TEXT = N_(
    "Its owner has proved the address, so only the owner changes it: signed in, on the page of the account."
)
DISABLED_TEXT = N_("The account is disabled: enable it first.")
DELETED_TEXT = N_("The account is deleted.")
TAKEN_TEXT = N_("Another account has this address. Find that one: its owner verifies it, or starts a reset.")

_CORRECT = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_account"))
    .values(email=bindparam("new_email"), address_key=bindparam("new_key"))
    .returning(*COLUMNS)
)


async def correct_address(gate: Gate, account_id: uuid.UUID, email: str, by: Signature) -> WrittenTo:
    """Give an account that nobody proved another address, and promise a verification message to it.

    Links that were mailed are void, what waits to the old address is cancelled, and every registration that waits for
    the proof goes on waiting. The change is kept as every other one, so that both addresses go with the account.

    Args:
        gate: the parts.
        account_id: whose.
        email: the new address as typed.
        by: who corrects it, and why.

    Raises:
        NoSuchAccount: there is none with this id.
        InvalidInput: it is no address, or the one the account has.
        ActionRefused: the address was proved, another account has the new one, or this one is disabled or deleted.
        TryLater: nothing was done, or nobody knows.
    """
    address = parse_address(email)
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> WrittenTo:
        before = take_by_id(tx, account_id)
        if before is None:
            raise NoSuchAccount(f"there is no account with the id {account_id}")
        _check(before, address)
        after = _give(tx, account_id, address)
        # Before the tokens: what waits without one, as a welcome, has nothing to do at the old address either.
        cancel_of_account(tx, account_id, "superseded", now_ms)
        tokens.void(tx, account_id, tokens.EVERY, now_ms)
        _keep_change(tx, gate, before, address, now_ms)
        stored = _promise(tx, gate, after, by, now_ms)
        write_down(tx, CORRECT_ADDRESS, before, after, by, now_ms, result=stored.id)
        return WrittenTo(after, stored.id, stored.skipped)

    corrected = await gate.database.write(work)
    gate.events.emit(acted_on(CORRECT_ADDRESS, corrected, by))
    return corrected


def why_not(account: AccountRow) -> str | None:
    """Say why the address of this account is not corrected; None where it may be."""
    if account.deleted_at is not None:
        return DELETED_TEXT
    if account.disabled_at is not None:
        return DISABLED_TEXT
    return None if account.verified_at is None else VERIFIED_TEXT


def _check(account: AccountRow, address: Address) -> None:
    if (refusal := why_not(account)) is not None:
        raise ActionRefused(refusal)
    if account.address_key == address.key:
        raise InvalidInput([FieldError("email", "unchanged", N_("This is the address the account has already."))])


def _give(tx: Connection, account_id: uuid.UUID, address: Address) -> AccountRow:
    """Write the new address; the unique index decides whether it is free."""
    values = {"of_account": account_id, "new_email": address.text, "new_key": address.key}
    try:
        with tx.begin_nested():
            return as_account(tx.execute(_CORRECT, values).mappings().one())
    except IntegrityError:
        raise ActionRefused(TAKEN_TEXT) from None


def _keep_change(tx: Connection, gate: Gate, before: AccountRow, address: Address, now_ms: int) -> None:
    """Keep from which address to which, where it is found by an export and goes with the account.

    The audit log keeps neither: what stands there stays for ever. The two links of a change are born void.
    """

    def issue(purpose: Purpose, address_key: str) -> bytes:
        return tokens.issue(
            tx, gate.keys, purpose, account_id=before.id, address_key=address_key, now_ms=now_ms, void=True
        )

    confirm = issue(Purpose.ADDRESS_CHANGE, address.key)
    undo = issue(Purpose.ADDRESS_UNDO, before.address_key)
    wanted_address.store(tx, before, address, confirm_token=confirm, undo_token=undo, now_ms=now_ms)
    change = wanted_address.by_confirm_token(tx, confirm)
    if change is not None:
        wanted_address.close_confirmed(tx, change, now_ms)


def _promise(tx: Connection, gate: Gate, account: AccountRow, by: Signature, now_ms: int) -> Enqueued:
    template = str(Purpose.VERIFICATION)
    # None for the account: what it was written at its old address is no nuisance at the new one. Its mailbox is asked.
    asked = caps.ask(tx, gate, None, {template: None}, address_key=account.address_key, client=None, now_ms=now_ms)
    return promise(
        tx,
        gate,
        Purpose.VERIFICATION,
        account,
        address_key=account.address_key,
        skip=asked[template],
        now_ms=now_ms,
        request_id=by.request_id,
    )
