"""Change the address: it counts when the new one is proved; the old one is told, and can undo it."""

from gatepost.accounts.account import Account
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Current


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

    Where the new address has an account already, nothing goes to it, and the answer is the same.

    Raises:
        WrongPassword, RateLimited: see `prove_password`.
        InvalidInput: it is no address, or the one the account has.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError


async def confirm_address(gate: Gate, *, token: object, request_id: str, client: Client | None = None) -> Account:
    """Redeem the link sent to the new address: it is the account's from now on.

    Raises:
        BadToken: every bad token alike; also where the address has an account by now.
        RateLimited, TryLater.
    """
    raise NotImplementedError


async def undo_address_change(gate: Gate, *, token: object, request_id: str, client: Client | None = None) -> Account:
    """Redeem the link sent to the old address: it is the account's again, and whoever knew the password is out.

    All sessions end, every token is void, the password counts no more, and a reset message goes to the old address.

    Raises:
        BadToken: every bad token alike.
        RateLimited, TryLater.
    """
    raise NotImplementedError
