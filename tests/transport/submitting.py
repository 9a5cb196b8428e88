"""Submitting one message and looking at everything that came of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gatepost.testing import SubmissionServer
from gatepost.transport.breaker import Intervals
from gatepost.transport.reply import Phase, Reply
from gatepost.transport.server import Server
from gatepost.transport.smtp import SmtpTransport
from gatepost.transport.transport import Envelope, Progress

# More than the kernel's socket buffers hold, so that a server which does not read stops the writing.
LARGE_BYTES = 16 * 1024 * 1024
# Every submission here must end by itself well before this: it only proves that there is a deadline.
AT_ALL_S = 10.0
# Probes that follow each other quickly, and double.
QUICK = Intervals(0.02, 0.02, 0.08, 0.03, 0.12)


def an_envelope(number: int = 1, *, recipient: str = "ann@example.com", size: int = 0) -> Envelope:
    """A message that can be told from others by its Message-ID."""
    body = (b"0123456789" * 7 + b"\r\n") * (size // 72)
    content = f"Message-ID: <{number}@example.org>\r\nTo: {recipient}\r\nSubject: Number {number}\r\n\r\n".encode()
    return Envelope(f"bounces-{number}@example.org", recipient, content + b"Hello\r\n" + body)


@dataclass
class Marking:
    """A `committing` that counts its calls and answers as told."""

    answer: bool = True
    error: Exception | None = None
    calls: int = 0
    ended: int = 0
    cancelled: int = 0
    gate: asyncio.Event | None = None
    seen: Callable[[], object] = field(default=lambda: None)

    async def __call__(self) -> bool:
        self.calls += 1
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        self.seen()
        self.ended += 1
        if self.error is not None:
            raise self.error
        return self.answer


class Line:
    """A transport to one server, and the last submission's progress and mark."""

    def __init__(self, transport: SmtpTransport) -> None:
        self.transport = transport
        self.progress = Progress()
        self.marking = Marking()

    async def submit(self, envelope: Envelope | None = None, marking: Marking | None = None) -> Reply:
        """Submit and insist that it ends at all."""
        self.progress, self.marking = Progress(), marking or Marking()
        async with asyncio.timeout(AT_ALL_S):
            return await self.transport.submit(envelope or an_envelope(), self.progress, self.marking)


def server_at(server: SubmissionServer, **changes: Any) -> Server:
    """How to reach the test server."""
    return Server(**{"host": server.host, "port": server.port, "tls": "none", **changes})


@asynccontextmanager
async def opened(*servers: SubmissionServer | Server, **options: Any) -> AsyncIterator[Line]:
    """A transport with short deadlines, closed at the end."""
    known = [server if isinstance(server, Server) else server_at(server) for server in servers]
    bounds = {"connections": 4, "attempt_timeout_s": 5.0, "final_reply_timeout_s": 5.0, **options}
    transport = SmtpTransport(known, **bounds)
    try:
        yield Line(transport)
    finally:
        await transport.close()


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop turn until something on it has happened."""
    async with asyncio.timeout(AT_ALL_S):
        while not condition():  # noqa: ASYNC110  the condition is the state of several parts, no event tells it
            await asyncio.sleep(0.001)


async def until_usable(line: Line) -> None:
    """Wait until a server that failed lets a message try again."""
    await until(lambda: line.transport.room() > 0)


async def until_phase(line: Line, phase: Phase) -> None:
    """Wait until the last submission has reached a phase."""
    await until(lambda: line.progress.phase is phase)
