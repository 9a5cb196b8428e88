"""Delete an account: at once for everybody, for good some days later. Nothing about it remains then."""

import uuid

from sqlalchemy import Connection

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Current


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


def erase(tx: Connection, account_ids: list[uuid.UUID]) -> int:
    """Delete accounts and everything about them: messages, attempts, tokens, sessions, candidates; returns how many.

    One that has a message in flight stays until that is settled.
    """
    raise NotImplementedError


def erase_deleted(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Erase a batch of accounts that were deleted longer ago than that; returns how many."""
    raise NotImplementedError


def erase_unverified(tx: Connection, now_ms: int, *, kept_days: int) -> int:
    """Erase a batch of accounts whose address nobody proved in that time; returns how many."""
    raise NotImplementedError
