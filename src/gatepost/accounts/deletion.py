"""Delete an account: at once for everybody, for good some days later. Nothing about it remains then."""

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from gatepost.accounts.account import COLUMNS, as_account
from gatepost.accounts.client import Client
from gatepost.accounts.erasing import Reach, erase_one
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.sessions import Current
from gatepost.accounts.tables import accounts

_TAKE = select(*COLUMNS).where(accounts.c.id == bindparam("of_account")).with_for_update()
_NOW = Reach(waiting=True, of_others=False)


async def delete_account(
    gate: Gate, current: Current, *, current_password: str, request_id: str, client: Client | None = None
) -> None:
    """Delete the account: sessions end, tokens are void, what waits is cancelled, the owner is told.

    Until it is erased a reset restores it.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError


def erase(tx: Connection, account_ids: Sequence[uuid.UUID]) -> int:
    """Delete accounts nobody proved and everything about them, at once; returns how many.

    What other accounts caused to be written to their addresses stays. So does what a worker has in hand at this moment
    (and of one account whatever is more than a stranger should have caused): old messages are anonymised.
    """
    count = 0
    for account_id in account_ids:
        row = tx.execute(_TAKE, {"of_account": account_id}).mappings().one_or_none()
        if row is not None:
            count += erase_one(tx, as_account(row), _NOW, wholly=False)
    return count


def erase_deleted(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys) -> int:
    """Erase a batch of accounts that were deleted longer ago than that; returns how many."""
    raise NotImplementedError


def erase_unverified(tx: Connection, now_ms: int, *, kept_days: int, keys: Keys) -> int:
    """Erase a batch of accounts whose address nobody proved in that time; returns how many."""
    raise NotImplementedError
