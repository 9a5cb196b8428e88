"""Everything support sees of one account, read at one moment. Changes nothing, and holds no secret."""

import uuid
from collections.abc import Callable, Sequence
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
class Known:
    """What must be known to read an account.

    Args:
        hidden_addresses: the keyed hashes under which messages to an address key stand while nobody has an account.
        suppressed_as: everything an address key may stand as in a suppression.
        session_idle_s: how long a session lasts without a request.
    """

    hidden_addresses: Callable[[str], Sequence[str]]
    suppressed_as: Callable[[str], Sequence[str]]
    session_idle_s: float

    @classmethod
    def of(cls, gate: Gate) -> "Known":
        """What the flows know."""
        return cls(gate.keys.hidden_addresses, gate.hiding.forms, gate.session_idle_s)


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


def see(connection: Connection, account_id: uuid.UUID, *, known: Known, now_ms: int) -> AccountSeen:
    """Read one account.

    Args:
        connection: a reading connection.
        account_id: which.
        known: how addresses are hidden, and how long sessions last.
        now_ms: wall time in milliseconds.

    Raises:
        NoSuchAccount: there is none with this id.
    """
    row = connection.execute(select(*COLUMNS).where(accounts.c.id == account_id)).mappings().one_or_none()
    if row is None:
        raise NoSuchAccount(f"there is no account with the id {account_id}")
    account = as_account(row)
    recipient_keys = [account.address_key, *known.hidden_addresses(account.address_key)]
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
        open_sessions(connection, known, account_id, now_ms),
        search.page(connection, recipient_keys=recipient_keys, limit=MOST_MESSAGES),
        of_address(connection, known.suppressed_as(account.address_key)),
        [ChangeRow(*one) for one in connection.execute(changes)],
        done_to(connection, account_id)[::-1],
    )
