"""Change the password while signed in: it takes the current one."""

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Current


async def prove_password(
    gate: Gate, current: Current, password: str, *, request_id: str, client: Client | None = None
) -> str:
    """Prove that the person at the keyboard knows the current password; returns its stored hash.

    The transaction that follows compares it with the account's row: of two changes at once the second one is refused.

    Raises:
        WrongPassword: it does not fit.
        RateLimited: this session tried too often.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError


async def change_password(
    gate: Gate,
    current: Current,
    *,
    current_password: str,
    password: str,
    request_id: str,
    client: Client | None = None,
) -> None:
    """Set a new password: every other session ends, every open token is void, the owner is told.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        InvalidInput: the new password does not pass.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError
