"""The rows of a wish to have another address: stored, found again by its two links, closed; and who has an address."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.deletion import erase
from gatepost.accounts.tables import accounts, address_changes, tokens
from gatepost.accounts.tokens import Purpose
from gatepost.database.batch import in_batch
from gatepost.database.columns import new_row_id
from gatepost.errors import BadToken, TryLater
from gatepost.mail.address import Address
from gatepost.outbox.cancel import cancel_waiting

# Longer than any link to undo one can work: its message goes out within 7 days and the link works for 7 days then.
KEPT_S = 30 * 24 * 3600
PRUNE_BATCH = 500
# Somebody may register the address at each moment between two of these looks; three in a row are no coincidence.
MAX_LOOKS = 3


@dataclass(frozen=True)
class Change:
    """One wish to have another address, with the tokens that carry it out and undo it."""

    id: uuid.UUID
    account_id: uuid.UUID
    old_email: str
    old_key: str
    new_email: str
    new_key: str
    confirm_token: bytes
    undo_token: bytes
    created_at: int


_COLUMNS = [address_changes.c[name] for name in Change.__dataclass_fields__]
_INSERT = insert(address_changes)
_COUNT = select(func.count()).where(
    address_changes.c.account_id == bindparam("of_account"), address_changes.c.created_at > bindparam("since")
)
_OF_CONFIRM = select(*_COLUMNS).where(
    address_changes.c.confirm_token == bindparam("of_token"),
    address_changes.c.confirmed_at.is_(None),
    address_changes.c.undone_at.is_(None),
)
_OF_UNDO = select(*_COLUMNS).where(address_changes.c.undo_token == bindparam("of_token"))
_CONFIRM = (
    update(address_changes).where(address_changes.c.id == bindparam("of_id")).values(confirmed_at=bindparam("now_ms"))
)
# This one and whatever came after it: that was wanted by whoever had the account then.
_FROM_IT_ON = (
    address_changes.c.account_id == bindparam("of_account"),
    address_changes.c.created_at >= bindparam("since"),
)
_UNDO = (
    update(address_changes)
    .where(*_FROM_IT_ON, address_changes.c.undone_at.is_(None))
    .values(undone_at=bindparam("now_ms"))
)
_WORTHLESS = (
    tokens.c.account_id == bindparam("of_account"),
    tokens.c.id != bindparam("spared"),
    tokens.c.used_at.is_(None),
    tokens.c.voided_at.is_(None),
    or_(
        tokens.c.purpose != str(Purpose.ADDRESS_UNDO),
        tokens.c.id.in_(select(address_changes.c.undo_token).where(*_FROM_IT_ON)),
    ),
)
_FIND_WORTHLESS = select(tokens.c.id).where(*_WORTHLESS)
_VOID_WORTHLESS = update(tokens).where(*_WORTHLESS).values(voided_at=bindparam("now_ms"))
_HOLDER = select(accounts.c.id, accounts.c.verified_at).where(accounts.c.address_key == bindparam("of_key"))
_TAKE_HOLDER = _HOLDER.with_for_update()
_OLD = (
    select(address_changes.c.id)
    .where(address_changes.c.created_at < bindparam("kept_since"))
    .order_by(address_changes.c.created_at)
    .limit(bindparam("at_most"))
)
_PRUNE = delete(address_changes).where(in_batch(address_changes.c.id, _OLD))


def store(
    tx: Connection, account: AccountRow, wanted: Address, *, confirm_token: bytes, undo_token: bytes, now_ms: int
) -> None:
    """Write down the wish; the account keeps its own address."""
    row = Change(
        new_row_id(),
        account.id,
        account.email,
        account.address_key,
        wanted.text,
        wanted.key,
        confirm_token,
        undo_token,
        now_ms,
    )
    tx.execute(_INSERT, vars(row))


def count_since(tx: Connection, account: AccountRow, since_ms: int) -> int:
    """How many addresses the account has wanted since then."""
    return tx.scalar(_COUNT, {"of_account": account.id, "since": since_ms}) or 0


def by_confirm_token(tx: Connection, token_id: bytes) -> Change | None:
    """The open wish this token carries out."""
    return _one(tx, _OF_CONFIRM, token_id)


def by_undo_token(tx: Connection, token_id: bytes) -> Change | None:
    """The wish this token undoes, whatever became of it."""
    return _one(tx, _OF_UNDO, token_id)


def close_confirmed(tx: Connection, change: Change, now_ms: int) -> None:
    """Write that the new address was proved."""
    tx.execute(_CONFIRM, {"of_id": change.id, "now_ms": now_ms})


def close_undone(tx: Connection, change: Change, now_ms: int, *, spare: bytes) -> None:
    """Write that it was undone; void every token of the account but those that undo an earlier change.

    Of two changes in a row the second may be a thief's, to an address of his own, and so may the first: whoever undoes
    the second must not take from the first address its way to undo everything.

    Args:
        tx: the transaction; it has taken the account.
        change: the change.
        now_ms: wall time in milliseconds.
        spare: the token that is being used: `tokens.use` it afterwards.
    """
    which = {"of_account": change.account_id, "since": change.created_at}
    worthless = which | {"spared": spare}
    cancel_waiting(tx, _FIND_WORTHLESS, "superseded", now_ms, worthless)
    tx.execute(_VOID_WORTHLESS, worthless | {"now_ms": now_ms})
    tx.execute(_UNDO, which | {"now_ms": now_ms})


def is_taken(tx: Connection, address_key: str) -> bool:
    """Whether somebody proved this address. Takes nothing: two accounts may want each other's."""
    holder = tx.execute(_HOLDER, {"of_key": address_key}).one_or_none()
    return holder is not None and holder.verified_at is not None


def give(tx: Connection, account: AccountRow, email: str, address_key: str, **changes: Any) -> tuple[AccountRow, int]:
    """Make an address that was proved just now the account's; returns it, and how many accounts were erased for it.

    An account nobody proved does not keep its address from whoever proved it.

    Args:
        tx: the transaction; it has taken the account.
        account: the account.
        email: the address as typed.
        address_key: its key.
        changes: further columns.

    Raises:
        BadToken: somebody else proved the address before.
        TryLater: an account that nobody proved cannot be erased at this moment, or many of them came in between.
    """
    query = update(accounts).where(accounts.c.id == account.id).returning(*COLUMNS)
    query = query.values(email=email, address_key=address_key, **changes)
    erased = 0
    for _ in range(MAX_LOOKS):
        erased += _make_room(tx, account, address_key)
        try:
            with tx.begin_nested():
                return as_account(tx.execute(query).mappings().one()), erased
        except IntegrityError:
            continue  # since that look somebody got the address
    raise TryLater("somebody registers the address again and again")


def prune_address_changes(tx: Connection, now_ms: int, *, kept_s: int = KEPT_S) -> int:
    """Delete a batch of wishes whose links are dead for long; returns how many.

    `kept_s`: as long as messages say whom they were for. An account that is erased until then finds by its wishes the
    messages to addresses that it wanted, or once had.
    """
    return tx.execute(_PRUNE, {"kept_since": now_ms - kept_s * 1000, "at_most": PRUNE_BATCH}).rowcount


def _make_room(tx: Connection, account: AccountRow, address_key: str) -> int:
    if address_key == account.address_key or tx.execute(_HOLDER, {"of_key": address_key}).one_or_none() is None:
        return 0
    if is_taken(tx, address_key):
        raise BadToken("address_taken")
    # It may be proved at this moment. Whoever nobody proved is signed in nowhere, so it waits for no other account.
    holder = tx.execute(_TAKE_HOLDER, {"of_key": address_key}).one_or_none()
    if holder is None:
        return 0
    if holder.verified_at is not None:
        raise BadToken("address_taken")
    if not erase(tx, [holder.id]):
        raise TryLater("an account that nobody proved has the address, and a message to it is on its way")
    return 1


def _one(tx: Connection, query: Any, token_id: bytes) -> Change | None:
    row = tx.execute(query, {"of_token": token_id}).mappings().one_or_none()
    return None if row is None else Change(**row)
