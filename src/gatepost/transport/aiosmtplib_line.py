"""The referee: the same line with aiosmtplib's protocol class between us and the server, one command at a time.

aiosmtplib writes the commands and reads, bounds and parses the replies. Selected by GATEPOST_SMTP_CLIENT=aiosmtplib.
"""

import asyncio
import ssl

from aiosmtplib.errors import SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from gatepost.transport.line import Line, LineBroken, Response
from gatepost.transport.server import Server


class AiosmtplibLine(Line):
    """See `Line`. aiosmtplib keeps what follows a reply for the next command; here that spoils the line as well."""

    sends_ahead = False

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._inner = SMTPProtocol(loop=self._loop)
        self._command: bytes | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)
        super().connection_lost(exc)

    def eof_received(self) -> bool:
        return self._inner.eof_received()

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        inner = self._inner
        waiter = inner._response_waiter
        if self._deaf or waiter is None or waiter.done() or not inner._response_pending:
            self._spoil(data)
            return
        inner.data_received(data)
        if waiter.done() and inner._buffer:
            self._spoil(bytes(inner._buffer))

    def send(self, *commands: bytes) -> None:
        """Keep the command for `reply`: aiosmtplib sends and waits in one call."""
        self.must_be_usable()
        (self._command,) = commands

    async def reply(self) -> Response:
        command, self._command = self._command, None
        try:
            if command is None:
                code, text = await self._inner.read_response()
            else:
                code, text = await self._inner.execute_command(command)
        except SMTPResponseException as error:
            return Response(error.code, error.message)
        except (SMTPServerDisconnected, OSError) as error:
            raise LineBroken(f"The connection was lost: {error}.", self.unsolicited) from error
        return Response(code, text)

    def _expect_reply(self) -> None:
        self._inner._response_pending = True

    async def upgrade(self, context: ssl.SSLContext) -> None:
        await super().upgrade(context)
        self._inner.transport = self.transport
