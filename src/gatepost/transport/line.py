"""One connection to a submission server: commands go out, replies come back in the same order, nothing else does.

Everything here trusts nothing the other side says. A reply nobody asked for spoils the line for good, because it would
be taken for the answer to a later command. What the replies mean is decided elsewhere.
"""

import asyncio
import contextlib
import ssl
from collections import deque
from typing import NamedTuple, cast

from gatepost.transport.server import Server

# RFC 5321, 4.5.3.1.5, has 512; real ones are longer. A reply without end must not cost memory.
MAX_REPLY_LINE_BYTES = 8 * 1024
MAX_REPLY_BYTES = 32 * 1024
MAX_UNSOLICITED_BYTES = 512
CLOSE_TIMEOUT_S = 1.0
FLUSH_POLL_S = 0.01

UNPARSABLE = -1


class Response(NamedTuple):
    """What a server said to one command: its code, UNPARSABLE when there is none, and the text of its lines."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        """2yz."""
        return 200 <= self.code <= 299


class LineBroken(Exception):
    """The connection ended, took too long, or the server spoke out of turn: then `said` is what it said."""

    def __init__(self, text: str, said: bytes = b"", *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.said = said
        self.timed_out = timed_out


class Line(asyncio.Protocol):
    """A connection, after `opening.py` greeted and authenticated it.

    Attributes:
        server: where it leads.
        extensions: what EHLO offered: keyword in small letters to its parameters.
        messages: how many it carried.
        needs_reset: RSET is due before the next MAIL.
        idle: kept for the next message.
        heard_at: when the server last said anything, by the loop's time.
        unsolicited: the start of what the server said out of turn.
    """

    sends_ahead = True  # whether several commands may be sent before the first reply

    def __init__(self, server: Server) -> None:
        self.server = server
        self.extensions: dict[str, str] = {}
        self.messages = 0
        self.needs_reset = False
        self.idle = False
        self.unsolicited = b""
        self.transport: asyncio.Transport | None = None
        self._socket: asyncio.WriteTransport | None = None  # what is under TLS, if there is TLS
        # With implicit TLS nothing may come in the clear: it would be taken for the greeting.
        self._deaf = server.tls == "implicit"
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self._ended = asyncio.Event()
        self._room: asyncio.Future[None] | None = None  # set while the kernel takes no more
        self._lost: Exception | None = None
        # Replies: how many are due (the greeting comes unasked), those that came, and the one that is coming.
        self._due = 1
        self._replies: deque[Response] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._partial = b""
        self._lines: list[bytes] = []
        self._reply_bytes = 0

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # Writing pauses while anything waits in user space, so that a finished flush means: the kernel has it.
        self._socket = self.transport
        self._socket.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc
        self.transport = None
        _wake(self._waiter)
        self.resume_writing()
        self._ended.set()

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()

    def resume_writing(self) -> None:
        _wake(self._room)
        self._room = None

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        if self._deaf or not self._due:
            self._spoil(data)
            return
        data = self._partial + data
        start = 0
        while self._due and (end := data.find(b"\n", start)) >= 0:
            self._take(data[start : end + 1])
            start = end + 1
        self._partial = data[start:]
        if len(self._partial) > MAX_REPLY_LINE_BYTES:
            self._garbled("the reply is too long")
        if self._partial and not self._due:
            self._spoil(self._partial)
            self._partial = b""
        if self._replies:
            _wake(self._waiter)

    def _take(self, line: bytes) -> None:
        """Take one line of a reply: "250-…" goes on, "250 …" ends it (RFC 5321, 4.2.1)."""
        self._reply_bytes += len(line)
        if len(line) > MAX_REPLY_LINE_BYTES or self._reply_bytes > MAX_REPLY_BYTES:
            self._garbled("the reply is too long")
            return
        code, separator = line[:3], line[3:4]
        fits = code.isdigit() and separator in b" -\r\n" and (not self._lines or self._lines[0][:3] == code)
        if not fits:
            self._garbled(f"no reply of SMTP: {line[:100].decode('utf-8', 'replace')}")
            return
        if separator == b"-":
            self._lines.append(line)
            return
        text = line[4:] if not self._lines else b"\n".join(one[4:].strip() for one in (*self._lines, line))
        self._replies.append(Response(int(code), text.strip().decode("utf-8", "surrogateescape")))
        self._due -= 1
        self._lines, self._reply_bytes = [], 0

    def _garbled(self, text: str) -> None:
        """Give up on the replies: where the next one begins nobody knows."""
        self._replies.append(Response(UNPARSABLE, text))
        self._due = 0
        self._lines, self._partial = [], b""
        self._spoil(b"(no reply of SMTP)")

    def _spoil(self, data: bytes) -> None:
        self.unsolicited = (self.unsolicited + data)[:MAX_UNSOLICITED_BYTES]
        # Nothing more is wanted of it, and throwing away what a flood brings would keep a core busy.
        if self.transport is not None:
            self.transport.pause_reading()
            if self.idle:
                self.drop()  # "421 you have been idle": there is nobody who would notice its end
        # Whoever writes content to a server that has already answered would wait for it to read on until the deadline.
        self.resume_writing()

    # What a dialogue calls.

    @property
    def usable(self) -> bool:
        """True while the connection stands and the server said nothing out of turn."""
        return self.transport is not None and not self.transport.is_closing() and not self.unsolicited

    def must_be_usable(self) -> None:
        """Refuse to go on after the connection ended or the server spoke out of turn.

        Raises:
            LineBroken: one of them happened.
        """
        if self.unsolicited:
            raise LineBroken("The server sent a reply that nobody asked for:", self.unsolicited)
        if not self.usable:
            raise self._broken()

    def send(self, *commands: bytes) -> None:
        """Send commands (without CRLF) in one write; each one's reply is due from now on, in their order.

        Raises:
            LineBroken: the connection ended, or there is already a reply that nobody asked for.
        """
        self.must_be_usable()
        self._due += len(commands)
        self._write(b"\r\n".join(commands) + b"\r\n")

    @property
    def has_reply(self) -> bool:
        """True when the next `reply` will not wait."""
        return bool(self._replies)

    async def reply(self) -> Response:
        """Wait for the next reply that is due.

        Raises:
            LineBroken: the connection ended first, or the server's replies cannot be told apart any more.
        """
        while not self._replies:
            if self.transport is None or not self._due:
                raise self._broken()
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._replies.popleft()

    async def command(self, command: bytes) -> Response:
        """Send one command and wait for its reply; see `send` and `reply`."""
        self.send(command)
        return await self.reply()

    def put(self, data: bytes, *, final: bool = False) -> None:
        """Hand bytes of content to the connection; with `final` a reply is due for it."""
        if final:
            self._expect_reply()
        self._write(data)

    async def flush(self) -> None:
        """Wait until every byte was taken by the kernel.

        Raises:
            LineBroken: the connection ended first, or the server spoke before the content was complete.
        """
        while self._room is not None:
            await self._room
        self.must_be_usable()
        # TLS hands everything down at once and then calls itself flushed; nobody tells when the socket is.
        while self._socket is not None and self._socket.get_write_buffer_size():
            await asyncio.sleep(FLUSH_POLL_S)
            self.must_be_usable()

    async def upgrade(self, context: ssl.SSLContext) -> None:
        """Turn the plain connection into TLS; chain and host name are checked by `context`.

        Raises:
            LineBroken: bytes came in the clear beforehand (they may be injected), or the connection ended.
            ssl.SSLError: the handshake or the certificate failed.
        """
        self.must_be_usable()
        plain = cast(asyncio.WriteTransport, self.transport)
        self._deaf = False
        tls = await self._loop.start_tls(
            plain, self, context, server_hostname=self.server.host, ssl_shutdown_timeout=CLOSE_TIMEOUT_S
        )
        if tls is None:
            raise LineBroken("The connection was lost during the TLS handshake.")
        # Bytes that came in the clear while the handshake was being started.
        self.must_be_usable()
        tls.set_write_buffer_limits(high=1, low=0)  # its high=0 means: paused also while empty
        self.transport = tls

    def _expect_reply(self) -> None:
        self._due += 1

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def _broken(self) -> LineBroken:
        return LineBroken(f"The connection was lost: {self._lost or 'the server closed it'}.", self.unsolicited)

    # How it ends.

    def drop(self) -> None:
        """End the connection at once; whatever was not written never will be."""
        if self.transport is not None:
            self.transport.abort()

    def hang_up(self) -> None:
        """Say QUIT and end the connection without waiting for the other side."""
        self._write(b"QUIT\r\n")
        if self.transport is not None:
            self.transport.close()

    async def quit(self) -> None:
        """Say QUIT and wait, at most a second, until the server has ended the connection."""
        if not self.usable:  # it has said goodbye itself, or is not listened to any more
            self.drop()
            return
        try:
            self._expect_reply()
            self._write(b"QUIT\r\n")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._ended.wait()
        finally:
            self.drop()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
