"""What an operator may do to an account: disable and enable it, end its sessions. Never choose a password."""

import uuid
from enum import StrEnum

from gatepost.accounts.account import AccountRow
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Session
from gatepost.audit.trail import Signature


class AccountAction(StrEnum):
    """One thing an operator may do to an account."""

    DISABLE = "disable"
    ENABLE = "enable"
    END_SESSIONS = "end_sessions"


async def act_on_account(
    gate: Gate, action: AccountAction, account_id: uuid.UUID, by: Signature, *, session_id: uuid.UUID | None = None
) -> AccountRow:
    """Do it and write down who did it, in one transaction. Doing it twice does no harm.

    Args:
        gate: the parts.
        action: what to do.
        account_id: to whom.
        by: who acts and why.
        session_id: with END_SESSIONS only this one.

    Raises:
        NoSuchAccount, NoSuchSession: there is none with this id.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError


async def find_account(gate: Gate, email: str) -> AccountRow | None:
    """The account with this address, for support; None where there is none."""
    raise NotImplementedError


async def sessions_of(gate: Gate, account_id: uuid.UUID) -> list[Session]:
    """The sessions of an account that have not ended.

    Raises:
        NoSuchAccount: there is none with this id.
    """
    raise NotImplementedError
