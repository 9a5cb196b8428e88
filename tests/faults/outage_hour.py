"""One hour without a mail server, on a scaled clock, in the real product: what waits, and how it goes out afterwards.

The hour runs fast; everything that is measured (the recovery, the draining) runs at the machine's own speed.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from itertools import pairwise

from tests.support.mail_process import MailProcess, Received
from tests.support.product import Product
from tests.support.scaled_time import scaled_loop
from tests.support.tables import Tables

HOUR_S = 3600.0
SPEED = 240.0
STEPS = 60  # the hour's registrations come in so many portions
PORTION = 250  # messages, over which a rate is taken

_ROWS = "SELECT message_id, priority, created_at, state, attempts, claim_number FROM messages"
_TRIED = "SELECT count(*) FROM attempts"


@dataclass
class Hour:
    """What one hour without a server came to."""

    waiting: int = 0
    delivered: int = 0
    copies: int = 0
    states: dict[str, int] = field(default_factory=dict)
    counted_attempts: int = 0  # beside the one that was accepted, over all messages
    tries_in_outage: int = 0
    probes: int = 0
    first_s: float = 0.0
    healthy_per_s: list[float] = field(default_factory=list)
    drained_per_s: float = 0.0
    late: int = 0  # messages of the second priority that went before the last of the first
    displaced: int = 0  # the largest distance of a message from its place by age
    events: dict[str, int] = field(default_factory=dict)

    @property
    def drain_ratio(self) -> float:
        """The rate after the outage, by the rate of a backlog that never met one."""
        return self.drained_per_s / (sum(self.healthy_per_s) / len(self.healthy_per_s))


class OutageHour:
    """Drains a backlog, then one that an outage made, then one without again.

    Args:
        folder: for SQLite.
        mail: the server.
        tables: of the database, for what the product does not say.
        database_url: where.
        waiting: messages that wait at the end of the outage.
        speed: of the hour.
    """

    def __init__(
        self, mail: MailProcess, tables: Tables, database_url: str, *, waiting: int, speed: float = SPEED
    ) -> None:
        self._mail = mail
        self._tables = tables
        self._url = database_url
        self._waiting = waiting
        self._speed = speed
        self.found = Hour(waiting=waiting)

    async def run(self) -> Hour:
        """Measure; nothing is asserted here."""
        await self._healthy("before", self._waiting // 2)
        await self._outage()
        await self._healthy("after", self._waiting // 2)
        return self.found

    async def _healthy(self, label: str, count: int) -> None:
        """The rate at which a backlog goes out that waited for the start of the service."""
        self._mail.go_away()
        product = Product(self._url, self._mail.port)
        async with product.running():
            await product.register(label, count // 2)
        self._mail.come_back()
        before = self._mail.count()
        product = Product(self._url, self._mail.port)
        async with product.running():
            await product.accepted(count)
        self.found.healthy_per_s.append(rate(self._mail.received(before)))

    async def _outage(self) -> None:
        product, found = Product(self._url, self._mail.port), self.found
        before = self._mail.count()
        async with product.running():
            self._mail.go_away()
            tried = await self._tries()
            connections = self._mail.connections_total()
            await self._hour(product)
            found.tries_in_outage = await self._tries() - tried
            found.events = dict(product.heard)
            back_at = time.monotonic()
            self._mail.come_back()
            await product.accepted(self._waiting)
            found.probes = self._mail.connections_total() - connections
        received = self._mail.received(before)
        found.first_s = received[0].accepted_at - back_at
        found.drained_per_s = rate(received)
        await self._look(received)

    async def _hour(self, product: Product) -> None:
        loop = scaled_loop()
        ends_at = loop.time() + HOUR_S
        for step in range(STEPS):
            # At the machine's own speed: hashing a password takes what it takes, and may not take longer than 30 s.
            await product.register(f"hour-{step}", self._portion(step))
            loop.speed = self._speed
            await asyncio.sleep(max(0.0, ends_at - HOUR_S * (1 - (step + 1) / STEPS) - loop.time()))
            loop.speed = 1.0

    def _portion(self, step: int) -> int:
        people = self._waiting // 2
        return people * (step + 1) // STEPS - people * step // STEPS

    async def _tries(self) -> int:
        ((count,),) = (await asyncio.to_thread(self._tables.read, _TRIED))[0]
        return int(count)

    async def _look(self, received: list[Received]) -> None:
        found = self.found
        rows = {row[0]: row[1:] for row in (await asyncio.to_thread(self._tables.read, _ROWS))[0]}
        found.delivered = len({one.message_id for one in received})
        found.copies = len(received) - found.delivered
        for _, _, state, attempts, _ in rows.values():
            found.states[state] = found.states.get(state, 0) + 1
            found.counted_attempts += attempts - 1
        order = [rows[one.message_id][:2] for one in received]
        last_urgent = max((place for place, (priority, _) in enumerate(order) if priority == 0), default=0)
        found.late = sum(priority > 0 for priority, _ in order[:last_urgent])
        for wanted in (0, 1):
            ages = [created_at for priority, created_at in order if priority == wanted]
            found.displaced = max(found.displaced, displacement(ages))


def rate(received: list[Received]) -> float:
    """Messages a second: the median over portions, so that what else the machine does for a while counts less."""
    size = max(1, min(PORTION, len(received) // 3))
    instants = [one.accepted_at for one in received[::size]]
    return size / statistics.median(later - earlier for earlier, later in pairwise(instants))


def displacement(ages: list[int]) -> int:
    """How far the furthest is from its place among those sorted by age; of equal ages none is out of place."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for place, age in enumerate(sorted(ages)):
        first.setdefault(age, place)
        last[age] = place
    return max((max(first[age] - place, place - last[age], 0) for place, age in enumerate(ages)), default=0)
