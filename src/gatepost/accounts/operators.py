"""What an operator may do to an account: disable and enable it, end its sessions. Never choose a password."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from gatepost.accounts.account import COLUMNS, AccountRow, as_account, take_by_id
from gatepost.accounts.deletion import shut
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Session, end_all, open_sessions
from gatepost.accounts.tables import accounts, sessions
from gatepost.audit.trail import Signature, record
from gatepost.errors import NoSuchAccount, NoSuchSession
from gatepost.events import AccountActedOn, SignedOut
from gatepost.mail.address import parse_address


class AccountAction(StrEnum):
    """One thing an operator may do to an account."""

    DISABLE = "disable"
    ENABLE = "enable"
    END_SESSIONS = "end_sessions"


@dataclass(frozen=True)
class WrittenTo:
    """An account whose owner an operator had written to: which message it is, and why it does not go out, or None."""

    account: AccountRow
    message: uuid.UUID
    withheld: str | None


_FIND = select(*COLUMNS).where(accounts.c.address_key == bindparam("of_key"))
_SET_DISABLED = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_account"))
    .values(disabled_at=bindparam("since"))
    .returning(*COLUMNS)
)
_EXISTS = select(exists().where(accounts.c.id == bindparam("of_id")))
_END_ONE = delete(sessions).where(
    sessions.c.id == bindparam("of_session"), sessions.c.account_id == bindparam("of_account")
)


async def act_on_account(
    gate: Gate, action: AccountAction, account_id: uuid.UUID, by: Signature, *, session_id: uuid.UUID | None = None
) -> AccountRow:
    """Do it and write down who did it, in one transaction. Doing it twice does no harm.

    Args:
        gate: the parts.
        action: what to do. DISABLE also ends every session, voids every token and cancels what waits to be mailed.
        account_id: to whom.
        by: who acts and why.
        session_id: with END_SESSIONS only this one.

    Raises:
        NoSuchAccount, NoSuchSession: there is none with this id.
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = gate.clock.now_ms()

    def work(tx: Connection) -> tuple[AccountRow, int]:
        before = take_by_id(tx, account_id)
        if before is None:
            raise NoSuchAccount(f"there is no account with the id {account_id}")
        after, ended = _do(tx, action, before, session_id, now_ms)
        write_down(tx, str(action), before, after, by, now_ms)
        return after, ended

    account, ended = await gate.database.write(work)
    of = str(account_id)
    gate.events.emit(AccountActedOn(actor=by.actor, action=str(action), account_id=of, request_id=by.request_id))
    if ended:
        gate.events.emit(SignedOut(request_id=by.request_id, account_id=of, reason="operator", count=ended))
    return account


def write_down(
    tx: Connection,
    action: str,
    before: AccountRow,
    after: AccountRow,
    by: Signature,
    now_ms: int,
    *,
    result: uuid.UUID | None = None,
) -> None:
    """Write into the audit log what was done to an account, in the transaction of the deed.

    No address stands there, not even masked: the log is never erased, and the account is.

    Args:
        tx: the transaction.
        action: what was done.
        before: the account as it was.
        after: the account as it is.
        by: who did it, and why.
        now_ms: wall time in milliseconds.
        result: the message that came of it.
    """
    deed = by.deed(action, now_ms, before=_state(before), after=_state(after), result=result)
    record(tx, after.id, deed)


def acted_on(action: str, written: WrittenTo, by: Signature) -> AccountActedOn:
    """Make the event of what was done to an account whose owner is written to."""
    return AccountActedOn(
        actor=by.actor,
        action=action,
        account_id=str(written.account.id),
        request_id=by.request_id,
        messages=(str(written.message),) if written.withheld is None else (),
    )


async def find_account(gate: Gate, email: str) -> AccountRow | None:
    """The account with this address, for support; None where there is none.

    Raises:
        InvalidInput: it is no address.
        TryLater: nobody knows.
    """
    key = parse_address(email).key
    row = await gate.database.read(
        lambda connection: connection.execute(_FIND, {"of_key": key}).mappings().one_or_none()
    )
    return None if row is None else as_account(row)


async def sessions_of(gate: Gate, account_id: uuid.UUID) -> list[Session]:
    """The sessions of an account that have not ended, the one used last first.

    Raises:
        NoSuchAccount: there is none with this id.
    """
    now_ms = gate.clock.now_ms()

    def query(connection: Connection) -> list[Session]:
        if not connection.scalar(_EXISTS, {"of_id": account_id}):
            raise NoSuchAccount(f"there is no account with the id {account_id}")
        return open_sessions(connection, gate, account_id, now_ms)

    return await gate.database.read(query)


def _do(
    tx: Connection, action: AccountAction, account: AccountRow, session_id: uuid.UUID | None, now_ms: int
) -> tuple[AccountRow, int]:
    """Returns the account as it is then, and how many sessions ended."""
    if action is AccountAction.DISABLE:
        ended = shut(tx, account.id, "disabled", now_ms)
        return _set_disabled(tx, account, account.disabled_at or now_ms), ended
    if action is AccountAction.ENABLE:
        return _set_disabled(tx, account, None), 0
    if session_id is None:
        return account, end_all(tx, account.id)
    if not tx.execute(_END_ONE, {"of_session": session_id, "of_account": account.id}).rowcount:
        raise NoSuchSession("the account has no session with this id")
    return account, 1


def _set_disabled(tx: Connection, account: AccountRow, since: int | None) -> AccountRow:
    row = tx.execute(_SET_DISABLED, {"of_account": account.id, "since": since}).mappings().one()
    return as_account(row)


def _state(account: AccountRow) -> str:
    """How it stands, in one word: what an operator does shows in it, whatever its owner did."""
    if account.disabled_at is not None:
        return "disabled"
    return "active" if account.deleted_at is None else "deleted"
