"""A real SMTP server on loopback that records what it accepts and misbehaves on request.

For tests, benchmarks and trying things out; it keeps everything in memory and delivers nothing.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal, Self

from gatepost.testing.behaviours import Behaviour, Step
from gatepost.testing.inbox import AcceptedMessage, Inbox
from gatepost.testing.rules import Rule
from gatepost.testing.session import Session
from gatepost.testing.stream import Gone
from gatepost.testing.thread import START_TIMEOUT_S, in_thread


class SubmissionServer:
    """An SMTP submission server for tests: `async with SubmissionServer() as server`, or `in_thread()`.

    Everything may be read and every behaviour set from any thread while it runs.

    Args:
        host: address to listen on.
        port: 0 takes a free one; kept over `stop` and `start`.
        ssl_context: a server's context; needed for TLS.
        tls: "starttls" or "implicit"; None means STARTTLS when there is a context.
        credentials: username and password that AUTH must bring before MAIL; None asks for none.
        mechanisms: what EHLO offers for AUTH; PLAIN, LOGIN and XOAUTH2 (whose token is the password) are understood.
        delay_s: seconds between the final dot and its reply.
        max_bytes: largest message taken, announced as SIZE.
        pipelining: whether EHLO offers PIPELINING (RFC 2920); several commands in one packet work either way.
        orderly: False takes commands in any order; without a recipient only the content is refused (RFC 2920, 3.1).
        extensions: further EHLO keywords.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        tls: Literal["starttls", "implicit"] | None = None,
        credentials: tuple[str, str] | None = None,
        mechanisms: str = "PLAIN LOGIN",
        delay_s: float = 0.0,
        max_bytes: int = 32 * 1024 * 1024,
        pipelining: bool = True,
        orderly: bool = True,
        extensions: tuple[bytes, ...] = (b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES"),
    ) -> None:
        if tls is not None and ssl_context is None:
            raise ValueError("tls needs an ssl_context that holds the server's certificate")
        self.host = host
        self.port = port
        self.ssl_context = ssl_context
        self.tls = tls or ("starttls" if ssl_context else None)
        self.credentials = credentials
        self.mechanisms = mechanisms
        self.delay_s = delay_s
        self.max_bytes = max_bytes
        self.pipelining = pipelining
        self.orderly = orderly
        self.extensions = extensions
        self.inbox = Inbox()
        self.on_accepted: Callable[[AcceptedMessage], None] | None = None
        self.connections_total = 0
        self.connections_max = 0
        self.auth_commands = 0
        self.sent_ahead = 0  # commands behind which more had already come (RFC 2920)
        self.mail_commands: list[bytes] = []
        self.refused: list[bytes] = []
        self.failed_handshakes: list[str] = []
        self._released = asyncio.Event()
        self._rules: list[Rule] = []
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._listener: asyncio.Server | None = None
        self._reserved: socket.socket | None = None  # keeps the port while nobody listens
        self._loop: asyncio.AbstractEventLoop | None = None

    # Starting and stopping.

    async def start(self) -> None:
        """Listen; after `stop`, on the same port again.

        Raises:
            OSError: the port is taken.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = await self._loop.create_server(
            lambda: Session(self), self.host, self.port, reuse_address=True, backlog=1024
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection. What was accepted stays readable."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._reserve()
        await self.drop_connections()

    def _reserve(self) -> None:
        """Keep the port from others; bound and not listening, it refuses connections."""
        if os.name == "posix" and self._reserved is None:
            self._reserved = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
            self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                self._reserved.bind((self.host, self.port))

    def go_away(self) -> None:
        """Be as if switched off, until `come_back`; both are for a server that runs `in_thread`."""
        self._on_own_loop_and_wait(self.stop())

    def come_back(self) -> None:
        """Listen again on the same port."""
        self._on_own_loop_and_wait(self.start())

    def hang_up(self) -> None:
        """Drop every connection, kept ones too, and go on listening; as `go_away`."""
        self._on_own_loop_and_wait(self.drop_connections())

    def _on_own_loop_and_wait(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None, "the server does not run"  # noqa: S101  a mistake of the test that asks
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    async def drop_connections(self) -> None:
        """Drop every connection without a word, and go on listening."""
        tasks = list(self._sessions.values())
        for session in list(self._sessions):
            session.drop()
        if tasks:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    @classmethod
    @contextlib.contextmanager
    def in_thread(cls, **options: Any) -> Iterator[Self]:
        """Run a server on a thread with an event loop of its own, whatever the caller's loop does.

        Args:
            options: those of the class.
        """
        with in_thread(cls(**options)) as server:
            yield server

    # What is told to it.

    def at(
        self,
        step: Step,
        behaviour: Behaviour,
        *,
        recipient: str | None = None,
        times: int | None = None,
        after: int = 0,
    ) -> None:
        """Misbehave at a step from now on.

        Args:
            step: where.
            behaviour: how.
            recipient: only for recipients of this pattern ("*@gone.example"); of use from RCPT on.
            times: only for the next so many.
            after: go on as usual so many times first.
        """
        self._rules.append(Rule(step, behaviour, recipient, times, after))

    async def interject(self, line: str) -> None:
        """Say a line on every connection, out of turn; a 421 also ends them."""
        for session in list(self._sessions):
            with contextlib.suppress(Gone):
                session.interject(line.encode())

    def clear(self) -> None:
        """Behave again, and let go on what hangs."""
        self._rules.clear()
        self.on_own_loop(self._release)

    def _release(self) -> None:
        self._released.set()
        self._released = asyncio.Event()

    def on_own_loop(self, function: Callable[[], object]) -> None:
        """Run a function on the server's event loop, soon."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(function)

    # What it tells.

    @property
    def messages(self) -> list[AcceptedMessage]:
        """What was accepted so far, in order."""
        return self.inbox.messages

    async def wait_for(self, count: int, deadline_s: float = 10.0) -> list[AcceptedMessage]:
        """Wait until `count` messages were accepted; see `Inbox.wait_for`."""
        return await self.inbox.wait_for(count, deadline_s)

    def wait_for_blocking(self, count: int, deadline_s: float = 10.0) -> list[AcceptedMessage]:
        """`wait_for` without an event loop; for a server that runs `in_thread`."""
        return self.inbox.wait_for_blocking(count, deadline_s)

    @property
    def connections_now(self) -> int:
        """Connections that are open."""
        return len(self._sessions)

    # What its sessions ask for.

    @property
    def misbehaves(self) -> bool:
        """True when it was told to do anything unusual."""
        return bool(self._rules)

    def behaviours(self, step: Step, recipient: str) -> list[Behaviour]:
        """The behaviours that apply now."""
        if not self._rules:
            return []
        return [rule.behaviour for rule in tuple(self._rules) if rule.applies(step, recipient)]

    async def released(self, gone: asyncio.Event) -> None:
        """Wait until `clear()`; Gone when the session is over first."""
        released = self._released
        waiting = {asyncio.ensure_future(released.wait()), asyncio.ensure_future(gone.wait())}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        if gone.is_set():
            raise Gone

    def accept(self, message: AcceptedMessage) -> None:
        """Record a message."""
        self.inbox.add(message)
        if self.on_accepted is not None:
            self.on_accepted(message)

    def session_began(self, session: Session, task: asyncio.Task[None]) -> int:
        """Count a connection; returns its number."""
        self._sessions[session] = task
        self.connections_total += 1
        self.connections_max = max(self.connections_max, len(self._sessions))
        return self.connections_total

    def session_ended(self, session: Session) -> None:
        """Count a connection as over."""
        self._sessions.pop(session, None)
