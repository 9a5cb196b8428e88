"""How much one client, one session and everybody together may ask for: GCRA, one upsert for each, in the database."""

from enum import StrEnum

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate


class Act(StrEnum):
    """What somebody asks for; each has its own allowance."""

    REGISTER = "register"
    SIGN_IN = "sign_in"
    REQUEST_VERIFICATION = "request_verification"
    REQUEST_RESET = "request_reset"
    REDEEM = "redeem"  # any mailed token
    PROVE_PASSWORD = "prove_password"  # noqa: S105  # a name


async def admit(gate: Gate, act: Act, client: Client | None, *, request_id: str, challenge: str | None = None) -> None:
    """Let one request of a client pass, or refuse it before it costs anything. None: a caller inside, never limited.

    Raises:
        RateLimited: the client has asked too often; it is told when the next request passes.
        ChallengeFailed: the product's own check said no.
        TryLater: nothing was done, or nobody knows.
    """
    raise NotImplementedError


async def admit_sign_in(
    gate: Gate, address_key: str, client: Client | None, *, request_id: str, challenge: str | None = None
) -> bool:
    """Let one try to sign in pass, as `admit`, and count it for the address as well, known or not.

    Returns:
        Whether the address has guesses left. If not, the password counts only from where its owner signed in before
        (`known_clients`), and the answer to everybody else is the one to a wrong password.

    Raises:
        RateLimited, ChallengeFailed, TryLater: as `admit`.
    """
    raise NotImplementedError
