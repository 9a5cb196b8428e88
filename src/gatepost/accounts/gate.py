"""What every account flow needs, in one place; built once by the composition root."""

from dataclasses import dataclass
from typing import Literal

from gatepost.accounts.challenge import Challenge
from gatepost.accounts.keys import Keys
from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.accounts.passwords import Passwords
from gatepost.clock import Clock
from gatepost.database.connection import Database
from gatepost.events import Events
from gatepost.suppression.hiding import Hiding

Welcome = Literal["at_registration", "at_verification", "off"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The parts and the policy of the account flows.

    Args:
        hiding: finds the suppressions of an address.
        message_id_domain: right-hand side of every Message-ID.
        reveal_accounts: whether a registration may say that an address is taken.
        welcome: when the welcome message goes out.
        password_policy: what a new password must not be.
        limited: whether strangers are limited at all (RATE_LIMITS).
        sign_up_alarm_per_hour: so many sign-ups an hour are unusual.
        session_idle_s: how long a session lasts without a request.
        session_lifetime_s: how long at most.
        deleted_kept_days: for how long a deleted account can be restored.
        challenge: the product's own check of strangers; None: there is none.
    """

    database: Database
    passwords: Passwords
    keys: Keys
    hiding: Hiding
    clock: Clock
    events: Events
    message_id_domain: str
    reveal_accounts: bool
    welcome: Welcome
    password_policy: PasswordPolicy
    limited: bool
    sign_up_alarm_per_hour: int
    session_idle_s: float
    session_lifetime_s: float
    deleted_kept_days: int
    challenge: Challenge | None = None
