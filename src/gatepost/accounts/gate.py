"""What every account flow needs, in one place; built once by the composition root."""

from dataclasses import dataclass
from typing import Literal

from gatepost.accounts.keys import Keys
from gatepost.accounts.passwords import Passwords
from gatepost.clock import Clock
from gatepost.database.connection import Database
from gatepost.events import Events

Welcome = Literal["at_registration", "at_verification", "off"]


@dataclass(frozen=True, kw_only=True)
class Gate:
    """The parts and the policy of the account flows.

    Args:
        message_id_domain: right-hand side of every Message-ID.
        reveal_accounts: whether a registration may say that an address is taken.
        welcome: when the welcome message goes out.
        password_min_length: in code points.
    """

    database: Database
    passwords: Passwords
    keys: Keys
    clock: Clock
    events: Events
    message_id_domain: str
    reveal_accounts: bool
    welcome: Welcome
    password_min_length: int
