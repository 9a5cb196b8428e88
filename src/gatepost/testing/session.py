"""One connection to the test server: an SMTP session (RFC 5321) that follows its rules, or breaks them on request."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from gatepost.testing.authentication import TOKEN_REFUSED, given_by, is_token
from gatepost.testing.behaviours import Step
from gatepost.testing.inbox import AcceptedMessage, message_id_of
from gatepost.testing.misbehaving import Misbehaving
from gatepost.testing.parameters import path_in, size_in
from gatepost.testing.stream import Gone

if TYPE_CHECKING:
    from gatepost.testing.submission_server import SubmissionServer


class Session(Misbehaving):
    """Answers each command as RFC 5321 wants it, unless the server was told otherwise."""

    def __init__(self, server: "SubmissionServer") -> None:
        super().__init__(server)
        self._tls = False
        self._authenticated = False
        self._verbs: dict[bytes, Callable[[bytes], Awaitable[object]]] = {
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"STARTTLS": self._starttls,
            b"AUTH": self._auth,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._rset,
            b"NOOP": self._noop,
            b"QUIT": self._quit,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._server.tls == "implicit":
            self.pause_reading()  # until the handshake reads
        self.number = self._server.session_began(self, self._loop.create_task(self._run()))

    def over(self) -> None:
        super().over()
        self._server.session_ended(self)

    async def _run(self) -> None:
        try:
            if self._server.tls == "implicit":
                await self._handshake()
            await self._reply(Step.CONNECT, b"220 localhost ESMTP")
            while True:
                verb, _, rest = (await self.line()).partition(b" ")
                self._server.sent_ahead += bool(self._buffer)
                command = self._verbs.get(verb.upper())
                if command is None:
                    self._say(b"500 5.5.2 What?")
                else:
                    await command(rest.strip())
        except (Gone, OSError, asyncio.CancelledError):  # also ssl.SSLError; a stop of the server cancels
            pass
        finally:
            self.drop()

    # The commands.

    def _forget_envelope(self) -> None:
        self._return_path = None
        self._recipients = []

    async def _ehlo(self, _name: bytes) -> None:
        self._forget_envelope()
        lines = [b"localhost", b"SIZE %d" % self._server.max_bytes, *self._server.extensions]
        if self._server.pipelining:
            lines.append(b"PIPELINING")
        if self._server.tls == "starttls" and not self._tls:
            lines.append(b"STARTTLS")
        if self._server.credentials is not None and (self._tls or self._server.tls is None):
            lines.append(b"AUTH " + self._server.mechanisms.encode())
        text = b"\r\n".join(b"250-" + line for line in lines[:-1])
        await self._reply(Step.EHLO, text + b"\r\n250 " + lines[-1])

    async def _helo(self, _name: bytes) -> None:
        self._forget_envelope()
        await self._reply(Step.EHLO, b"250 localhost")

    async def _starttls(self, _rest: bytes) -> None:
        if self._server.tls != "starttls" or self._tls:
            self._say(b"502 5.5.1 Not now")
        elif await self._reply(Step.STARTTLS, b"220 2.0.0 Go ahead"):
            self.pause_reading()  # until the handshake reads
            await self._handshake()

    async def _handshake(self) -> None:
        if not await self._may_go_on(Step.HANDSHAKE):
            raise Gone
        try:
            await self.upgrade(cast(ssl.SSLContext, self._server.ssl_context))
        except OSError as error:
            self._server.failed_handshakes.append(str(error))
            raise
        self._tls = True

    async def _auth(self, rest: bytes) -> None:
        self._server.auth_commands += 1
        given = await given_by(rest, self._ask)
        if given is None:
            self._say(b"504 5.5.4 Unknown mechanism")
        elif given == self._server.credentials:
            self._authenticated = await self._reply(Step.AUTH, b"235 2.7.0 Welcome")
        else:
            if is_token(rest):
                await self._ask(TOKEN_REFUSED)
            await self._reply(Step.AUTH_REFUSED, b"535 5.7.8 Wrong credentials")

    async def _ask(self, line: bytes) -> bytes:
        self._say(line)
        return await self.line()

    async def _mail(self, rest: bytes) -> None:
        if self._server.credentials is not None and not self._authenticated:
            self._say(b"530 5.7.0 Authentication required")
        elif self._return_path is not None and self._server.orderly:
            self._say(b"503 5.5.1 Nested MAIL")
        elif size_in(rest) > self._server.max_bytes:
            self._say(b"552 5.3.4 Message too big")
        else:
            self._server.mail_commands.append(rest)
            if await self._reply(Step.MAIL, b"250 2.1.0 Ok"):
                self._return_path = path_in(rest)

    async def _rcpt(self, rest: bytes) -> None:
        if self._return_path is None and self._server.orderly:
            self._say(b"503 5.5.1 MAIL first")
            return
        self._recipients.append(path_in(rest))
        if not await self._reply(Step.RCPT, b"250 2.1.5 Ok"):
            self._recipients.pop()

    async def _data(self, _rest: bytes) -> None:
        if not self._recipients and self._server.orderly:
            self._say(b"503 5.5.1 RCPT first")
        elif await self._reply(Step.DATA, b"354 Go ahead") and await self._may_read_content():
            await self._take(await self.content(self._server.max_bytes))

    async def _may_read_content(self) -> bool:
        if not self._server.misbehaves:
            return True
        self.pause_reading()  # whatever the behaviour is, the other side's writes run full meanwhile
        try:
            return await self._may_go_on(Step.CONTENT)
        finally:
            self.resume_reading()

    async def _take(self, content: bytes) -> None:
        if not await self._may_go_on(Step.DOT):
            self._server.refused.append(content)
        elif not self._recipients:
            self._server.refused.append(content)
            self._say(b"554 5.5.1 No valid recipients")
        else:
            if self._server.delay_s:
                await self.pause(self._server.delay_s)
            message = AcceptedMessage(
                message_id=message_id_of(content),
                recipient=",".join(self._recipients),
                return_path=self._return_path or "",
                content=content,
                accepted_at=time.monotonic(),
                connection=self.number,
            )
            self._taken += 1
            self._server.accept(message)
            await self._reply(Step.TAKEN, b"250 2.0.0 Ok: queued")
        self._forget_envelope()

    async def _rset(self, _rest: bytes) -> None:
        self._forget_envelope()
        await self._reply(Step.RSET, b"250 2.0.0 Ok")

    async def _noop(self, _rest: bytes) -> None:
        self._say(b"250 2.0.0 Ok")

    async def _quit(self, _rest: bytes) -> None:
        self._say(b"221 2.0.0 Bye")
        self.hang_up()
