"""A worker over a real database and a real SMTP server, and what it did."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from gatepost.clock import Clock, SystemClock
from gatepost.database.connection import Database
from gatepost.delivery.attempt import Desk
from gatepost.delivery.bounces import Bounces
from gatepost.delivery.chores import Chore
from gatepost.delivery.ring import Ring
from gatepost.delivery.round import Prepare
from gatepost.delivery.worker import Worker
from gatepost.events import Event, Events
from gatepost.mail.draft import Draft
from gatepost.outbox.claim import Claimed
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.search import MessageDetail, find
from gatepost.signals import StopSign
from gatepost.suppression.guard import Guard
from gatepost.testing import Call, Step, SubmissionServer
from gatepost.transport.server import Server
from gatepost.transport.smtp import SmtpTransport
from gatepost.transport.transport import Envelope, Transport
from tests.support.outbox import enlisted
from tests.support.suppressing import HIDING

DEADLINE_S = 20.0
NEVER_S = 3600.0
SHORT_S = 0.05


def smtp_to(
    port: int, *, connections: int = 8, attempt_timeout_s: float = 10, final_reply_timeout_s: float = 10
) -> Any:
    """The SMTP transport to a server on loopback."""
    return SmtpTransport(
        [Server(host="127.0.0.1", port=port, tls="none")],
        connections=connections,
        attempt_timeout_s=attempt_timeout_s,
        final_reply_timeout_s=final_reply_timeout_s,
    )


def compose_plainly(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
    """The shortest message there is: composing has tests of its own."""
    content = (
        f"Message-ID: {claimed.message_id}\r\nFrom: <a@gatepost.example>\r\nTo: <{claimed.recipient}>\r\n"
        f"Subject: {claimed.template}\r\nDate: Mon, 23 Nov 2026 05:00:00 +0000\r\n\r\n{values.get('link', '')}\r\n"
    )
    return Envelope("bounce@gatepost.example", claimed.recipient, content.encode())


def reached(server: SubmissionServer, step: Step) -> asyncio.Event:
    """An event that is set when a dialogue gets there; ask before the server is told to hang there."""
    there = asyncio.Event()
    server.at(step, Call(there.set))
    return there


async def wait(event: asyncio.Event) -> None:
    """Wait for an event that must come."""
    async with asyncio.timeout(DEADLINE_S):
        await event.wait()


async def beats(database: Database, owner: str, count: int) -> None:
    """Wait until a worker has beaten so many times more."""
    seen = {(await enlisted(database))[owner]}
    async with asyncio.timeout(DEADLINE_S):
        while len(seen) <= count:
            seen.add((await enlisted(database))[owner])


class Delivery:
    """One worker and everything it touches."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        clock: Clock,
        *,
        slots: int = 8,
        prepare: Prepare | None = None,
        chores: Sequence[Chore] = (),
        compose: Callable[[Claimed, Mapping[str, str], int], Envelope] = compose_plainly,
        owner: str = "test",
        **worker: Any,
    ) -> None:
        self.database = database
        self.clock = clock
        self.owner = owner
        self.ring = Ring()
        self.events = Events()
        self.heard: list[Event] = []
        self._changed = asyncio.Event()
        self.events.subscribe(self._hear)
        self.guard = Guard()
        bounces = Bounces(HIDING, self.guard, self.events, transport.name)
        self.desk = Desk(database, transport, compose, clock, self.events, bounces)
        self.worker = Worker(
            self.desk,
            self.ring,
            prepare=prepare or (lambda tx, claimed, now_ms: [{} for _ in claimed]),
            owner=owner,
            slots=slots,
            chores=chores,
            **worker,
        )

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        self._changed.set()

    def of(self, kind: type[Event]) -> list[Any]:
        """Every event of one kind so far."""
        return [event for event in self.heard if isinstance(event, kind)]

    async def wait_for(self, kind: type[Event], count: int = 1) -> list[Any]:
        """Wait until as many events of one kind were heard."""
        async with asyncio.timeout(DEADLINE_S):
            while len(found := self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return found

    async def at_rest(self, come: Callable[[], bool]) -> None:
        """Wait for something that no event tells of, and then for everything that it set going."""
        async with asyncio.timeout(DEADLINE_S):
            while not come():
                await self.database.read(lambda connection: None)
        for _ in range(10):
            await self.database.write(lambda tx: None)

    async def enqueue(self, count: int = 1, **changes: Any) -> list[uuid.UUID]:
        """Promise messages and ring the bell, as an endpoint does."""
        fields: dict[str, Any] = {
            "template": "welcome",
            "locale": "en",
            "recipient": "mira@example.com",
            "recipient_key": "mira@example.com",
        }
        draft = Draft(**(fields | changes))
        now_ms = self.clock.now_ms()
        ids = await self.database.write(
            lambda tx: [enqueue(tx, draft, now_ms=now_ms, domain="gatepost.example").id for _ in range(count)]
        )
        self.ring.ring()
        return ids

    async def find(self, row_id: uuid.UUID) -> MessageDetail:
        """One message with its attempts."""
        found = await self.database.read(lambda connection: find(connection, row_id))
        assert found is not None
        return found

    @asynccontextmanager
    async def running(self, grace_s: float = 5.0) -> AsyncIterator[None]:
        """Run the worker; stop it at the end."""
        await self.worker.start()
        try:
            yield
        finally:
            await self.stop(grace_s)

    async def stop(self, grace_s: float = 5.0) -> None:
        """Stop the worker."""
        await self.worker.stop(grace_s, StopSign())


def worker_on(
    database: Database,
    server: SubmissionServer,
    owner: str,
    *,
    clock: Clock | None = None,
    poll_s: float = NEVER_S,
    heartbeat_s: float = NEVER_S,
    slots: int = 8,
) -> Delivery:
    """A worker that looks only when the bell rings and never beats, unless the test says otherwise."""
    return Delivery(
        database,
        smtp_to(server.port),
        clock or SystemClock(),
        owner=owner,
        slots=slots,
        poll_s=poll_s,
        heartbeat_s=heartbeat_s,
    )
