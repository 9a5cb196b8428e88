"""The whole product in this process, on a scaled event loop: for what takes hours in the world, seconds in a test."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from gatepost.accounts.registration import register
from gatepost.app import Gatepost
from gatepost.events import Event, Events, MessageAccepted
from gatepost.settings import Settings
from tests.support.issued_secrets import ISSUED
from tests.support.scaled_time import ScaledClock, scaled_loop

SLOTS = 16
DOMAINS = 40
CLIENTS = 8
PASSWORD = "a sentence nobody else would write"
TIMEOUT_S = 180.0
_POLL_S = 0.02


class Product:
    """Gatepost on one database, against a server on this machine; it needs a running `ScaledLoop`.

    Args:
        database_url: where.
        port: of the mail server.
        settings: others than the usual ones, by their names.

    Attributes:
        heard: how often each kind of event was emitted, by its name.
    """

    def __init__(self, database_url: str, port: int, **settings: Any) -> None:
        self.heard: Counter[str] = Counter()
        events = Events()
        events.subscribe(self._hear)
        self.clock = ScaledClock(scaled_loop())
        chosen = {
            "database_url": database_url,
            "smtp_url": f"smtp://127.0.0.1:{port}",
            "secret_keys": "the key of the fault tests 0123456789",
            "argon2_memory_kib": 8,
            "argon2_time_cost": 1,
            "worker_slots": SLOTS,
        }
        ISSUED.note_settings(chosen | settings)
        ISSUED.note("password", PASSWORD)
        self.gatepost = Gatepost(Settings(**chosen | settings), events=events, clock=self.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Product"]:
        """Run it; stop it at the end."""
        await self.gatepost.start()
        try:
            yield self
        finally:
            await self.gatepost.stop()

    async def register(self, label: str, count: int) -> None:
        """Promise `count` accounts a verification and a welcome each, over many domains, a few at a time."""
        numbers = iter(range(count))

        async def client() -> None:
            for number in numbers:
                await register(
                    self.gatepost.gate,
                    email=f"{label}-{number:06}@domain-{number % DOMAINS}.example",
                    password=PASSWORD,
                    name="Mira",
                    locale=None,
                    request_id=None,
                )

        await asyncio.gather(*(client() for _ in range(CLIENTS)))

    def _hear(self, event: Event) -> None:
        self.heard[type(event).__name__] += 1

    async def accepted(self, count: int, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until so many messages are durably accepted, at most so many of the machine's seconds."""
        await until(lambda: self.heard[MessageAccepted.__name__] >= count, timeout_s)


async def until(true: Callable[[], bool], timeout_s: float) -> None:
    """Wait for something that no event tells of, at most so many of the machine's seconds."""
    give_up_at = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {timeout_s:g} s")
        await asyncio.sleep(_POLL_S)
