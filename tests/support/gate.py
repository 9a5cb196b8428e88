"""The account flows' parts as tests have them: the default policy and the cheapest hashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.accounts.passwords import Passwords
from gatepost.clock import Clock
from gatepost.events import Events
from gatepost.suppression.hiding import Hiding

SECRET = "a secret of the tests, long enough to be one"


@contextmanager
def cheap_gate(database: Any, clock: Clock, events: Events) -> Iterator[Gate]:
    """A gate whose hashing threads end with the block."""
    passwords = Passwords(memory_kib=8, time_cost=1, parallelism=1)
    yield Gate(
        database=database,
        passwords=passwords,
        keys=Keys([SECRET]),
        hiding=Hiding([SECRET]),
        clock=clock,
        events=events,
        message_id_domain="gatepost.example",
        reveal_accounts=False,
        welcome="at_registration",
        password_policy=PasswordPolicy(12, "Gatepost"),
        limited=True,
        sign_up_alarm_per_hour=1000,
        session_idle_s=7 * 24 * 3600,
        session_lifetime_s=30 * 24 * 3600,
        deleted_kept_days=14,
    )
    passwords.close()
