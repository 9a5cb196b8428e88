"""Everything support sees of one account, read at one moment. Changes nothing, and holds no secret."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from gatepost.accounts.account import COLUMNS, AccountRow, as_account
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Session, open_sessions
from gatepost.accounts.tables import accounts, address_changes, candidates
from gatepost.audit.trail import Deed, done_to
from gatepost.errors import NoSuchAccount
from gatepost.outbox import search
from gatepost.outbox.search import MessageRow
from gatepost.suppression.page import SuppressionRow, of_address

MOST_MESSAGES = 20
MOST_CHANGES = 20


@dataclass(frozen=True)
class ChangeRow:
    """One wish to have another address, or a correction. Instants are milliseconds since the epoch."""

    old_email: str
    new_email: str
    created_at: int
    confirmed_at: int | None
    undone_at: int | None


@dataclass(frozen=True)
class AccountSeen:
    """One account with what is about it, each list newest first.

    Args:
        account: the account.
        registrations: how many wait for the proof of its address.
        sessions: those that have not ended.
        messages: the newest to its address, at most MOST_MESSAGES.
        suppressions: of its address.
        changes: of its address, at most MOST_CHANGES.
        deeds: what operators did to it.
    """

    account: AccountRow
    registrations: int
    sessions: Sequence[Session]
    messages: Sequence[MessageRow]
    suppressions: Sequence[SuppressionRow]
    changes: Sequence[ChangeRow]
    deeds: Sequence[Deed]


_CHANGE = [address_changes.c[name] for name in ChangeRow.__dataclass_fields__]


def see(connection: Connection, account_id: uuid.UUID, *, gate: Gate, now_ms: int) -> AccountSeen:
    """Read one account.

    Args:
        connection: a reading connection.
        account_id: which.
        gate: knows how long sessions last, and how addresses are hidden.
        now_ms: wall time in milliseconds.

    Raises:
        NoSuchAccount: there is none with this id.
    """
    row = connection.execute(select(*COLUMNS).where(accounts.c.id == account_id)).mappings().one_or_none()
    if row is None:
        raise NoSuchAccount(f"there is no account with the id {account_id}")
    account = as_account(row)
    hidden = gate.keys.hidden_addresses(account.address_key)
    waiting = select(func.count()).where(candidates.c.account_id == account_id, candidates.c.closed_at.is_(None))
    changes = (
        select(*_CHANGE)
        .where(address_changes.c.account_id == account_id)
        .order_by(address_changes.c.created_at.desc())
        .limit(MOST_CHANGES)
    )
    return AccountSeen(
        account,
        connection.scalar(waiting) or 0,
        open_sessions(connection, gate, account_id, now_ms),
        search.page(connection, recipient_keys=[account.address_key, *hidden], limit=MOST_MESSAGES),
        of_address(connection, gate.hiding.forms(account.address_key)),
        [ChangeRow(*one) for one in connection.execute(changes)],
        done_to(connection, account_id)[::-1],
    )
