"""One connection to a submission server: commands and replies, exactly in turn.

Everything here trusts nothing the other side says: a reply nobody asked for spoils the line for good, because the next
command would be paired with it. What the replies mean is decided elsewhere.
"""

import asyncio
import contextlib
import ssl
from typing import cast

from aiosmtplib.errors import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from gatepost.transport.server import Server

# aiosmtplib ends a reply at 32 KiB and a line of it at 8 KiB; of what nobody asked for we keep only this much.
MAX_UNSOLICITED_BYTES = 512
CLOSE_TIMEOUT_S = 1.0
FLUSH_POLL_S = 0.01


class LineBroken(Exception):
    """The connection ended, or the server spoke out of turn; `said` is what it said then, if anything."""

    def __init__(self, text: str, said: bytes = b"") -> None:
        super().__init__(text)
        self.said = said


class Line(SMTPProtocol):
    """A connection, after `opening.py` greeted and authenticated it.

    aiosmtplib's protocol parses replies and bounds them. It leaves what follows a reply in its buffer, though, and
    would take it for the reply to the next command: a server that says "250 ok" twice at RCPT would have accepted
    content that it then refuses. Hence `unsolicited`.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self.server = server
        self.extensions: dict[str, str] = {}
        self.auth_mechanisms: list[str] = []
        self.messages = 0
        self.needs_reset = False
        self.unsolicited = b""
        # With implicit TLS nothing may come in the clear: it would be taken for the greeting.
        self._deaf = server.tls == "implicit"
        self._socket: asyncio.WriteTransport | None = None  # what is under TLS, if there is TLS
        self._ended = asyncio.Event()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Writing pauses while anything waits in user space, so that a finished flush means: the kernel has it.
        self._socket = cast(asyncio.WriteTransport, transport)
        self._socket.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._ended.set()

    def data_received(self, data: bytes) -> None:
        waiter = self._response_waiter
        if self._deaf or waiter is None or waiter.done() or not self._response_pending:
            self._spoil(data)
            return
        super().data_received(data)
        if waiter.done() and self._buffer:
            self._spoil(bytes(self._buffer[:MAX_UNSOLICITED_BYTES]))

    def _spoil(self, data: bytes) -> None:
        self.unsolicited = (self.unsolicited + data)[:MAX_UNSOLICITED_BYTES]
        # Whoever writes content to a server that has already answered would wait for it to read on until the deadline.
        self.resume_writing()

    # What a dialogue calls.

    @property
    def usable(self) -> bool:
        """True while the connection stands and the server said nothing out of turn."""
        return self.is_connected and not self.unsolicited

    async def greeting(self) -> SMTPResponse:
        """Wait for the server's first reply."""
        return await self._reply()

    async def command(self, *words: bytes) -> SMTPResponse:
        """Send one command and wait for its reply; an unparsable reply has the code -1.

        Raises:
            LineBroken: the connection ended, or there was already a reply that nobody asked for.
        """
        self.must_be_usable()
        try:
            return await self.execute_command(*words)
        except SMTPResponseException as error:
            return SMTPResponse(error.code, error.message)
        except (SMTPServerDisconnected, OSError) as error:
            raise LineBroken(f"The connection was lost: {error}", self.unsolicited) from error

    async def final_reply(self) -> SMTPResponse:
        """Wait for the reply to the content. Call it in the same breath as the last `put`."""
        return await self._reply()

    async def _reply(self) -> SMTPResponse:
        try:
            return await self.read_response()
        except SMTPResponseException as error:
            return SMTPResponse(error.code, error.message)
        except (SMTPServerDisconnected, OSError) as error:
            raise LineBroken(f"The connection was lost: {error}", self.unsolicited) from error

    def put(self, data: bytes) -> None:
        """Hand bytes of content to the connection.

        Raises:
            LineBroken: the connection ended.
        """
        try:
            self.write(data)
        except (SMTPServerDisconnected, OSError) as error:
            raise LineBroken(f"The connection was lost: {error}", self.unsolicited) from error

    async def flush(self) -> None:
        """Wait until every byte was taken by the kernel.

        Raises:
            LineBroken: the connection ended first, or the server spoke before the content was complete.
        """
        try:
            await self._drain_helper()
        except OSError as error:
            raise LineBroken(f"The connection was lost: {error}", self.unsolicited) from error
        self.must_be_usable()
        # TLS hands everything down at once and then calls itself flushed; nobody tells when the socket is.
        while self._socket is not None and self._socket.get_write_buffer_size():
            await asyncio.sleep(FLUSH_POLL_S)
            self.must_be_usable()

    def must_be_usable(self) -> None:
        """Refuse to go on after the connection ended or the server spoke out of turn.

        Raises:
            LineBroken: one of them happened.
        """
        if self.unsolicited:
            raise LineBroken("The server sent a reply that nobody asked for:", self.unsolicited)
        if not self.is_connected:
            raise LineBroken("The connection was lost")

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
            raise LineBroken("The connection was lost during the TLS handshake")
        # Bytes that came in the clear while the handshake was being started.
        self.must_be_usable()
        tls.set_write_buffer_limits(high=1, low=0)  # its high=0 means: paused also while empty
        self.transport = tls
        self._over_ssl = True

    # How it ends.

    def drop(self) -> None:
        """End the connection at once; whatever was not written never will be."""
        if self.transport is not None:
            cast(asyncio.WriteTransport, self.transport).abort()

    def hang_up(self) -> None:
        """Say QUIT and end the connection without waiting for the other side."""
        with contextlib.suppress(SMTPServerDisconnected, OSError):
            self.write(b"QUIT\r\n")
        if self.transport is not None:
            self.transport.close()

    async def quit(self) -> None:
        """Say QUIT and wait, at most a second, until the server has ended the connection."""
        try:
            with contextlib.suppress(SMTPServerDisconnected, OSError, TimeoutError):
                self.write(b"QUIT\r\n")
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._ended.wait()
        finally:
            self.drop()
