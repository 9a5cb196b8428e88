"""What an account says of its owner: name and language."""

from collections.abc import Mapping

from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Current


async def change_profile(
    gate: Gate, current: Current, *, changes: Mapping[str, str | None], request_id: str
) -> Account:
    """Change what is in `changes`, which may hold "name" and "locale", and leave the rest.

    Raises:
        InvalidInput: with every wrong field.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError
