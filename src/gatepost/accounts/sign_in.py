"""Sign in: one answer and one cost for every cause of failure."""

from dataclasses import dataclass, field

from gatepost.accounts.account import Account
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import Session


@dataclass(frozen=True)
class SignedIn:
    """A new session and its token, which nobody can read again."""

    account: Account
    session: Session
    token: str = field(repr=False)


async def sign_in(
    gate: Gate,
    *,
    email: str,
    password: str,
    request_id: str,
    client: Client | None = None,
    challenge: str | None = None,
) -> SignedIn:
    """Begin a session.

    Raises:
        SignInFailed: for every cause alike; an address that waits for its proof gets another verification message.
        InvalidInput: the password is longer than any may be.
        RateLimited, ChallengeFailed: as in limits.py.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError
