"""Submit through SMTP: the deadlines around a dialogue, and what its end means."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Literal

from gatepost.errors import SettingsError
from gatepost.transport.aiosmtplib_line import AiosmtplibLine
from gatepost.transport.connections import IDLE_TIMEOUT_S, MAX_MESSAGES_PER_CONNECTION, Connections, Limits
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.dialogue import Dialogue
from gatepost.transport.line import Line, LineBroken
from gatepost.transport.mark import Mark
from gatepost.transport.opening import Manner, Unreachable, tls_context
from gatepost.transport.reply import CLOSING, Phase, Reply, broken_off, judge
from gatepost.transport.server import Server
from gatepost.transport.transport import UNBOUNDED, Committing, Envelope, Progress
from gatepost.transport.wire import unwritable

Client = Literal["gatepost", "aiosmtplib"]
_LINES: dict[Client, type[Line]] = {"gatepost": Line, "aiosmtplib": AiosmtplibLine}


class SmtpTransport:
    """Submits messages to the first server that can be reached, one message and one recipient to a dialogue.

    Args:
        servers: in the order of preference; the next is asked only when the one before cannot be reached at all.
        connections: how many connections may be open at once, kept ones included.
        attempt_timeout_s: seconds from the call of `submit` until the content is written, waiting for a connection
            included.
        final_reply_timeout_s: seconds from the final dot until its reply (RFC 5321, 4.5.3.2.6 recommends 600).
        ssl_context: for TLS, e.g. with an authority of your own; None trusts what the machine trusts.
        local_hostname: what EHLO says; None says our address.
        idle_timeout_s: seconds after which an unused connection is ended.
        messages_per_connection: messages after which a connection is replaced.
        client: who reads and writes: "gatepost" sends MAIL, RCPT and DATA in one write where the server offers
            PIPELINING (RFC 2920); "aiosmtplib" is the referee, one command at a time.
        timeouts: of each step.

    Raises:
        SettingsError: no server, a bound that is not positive, or an `ssl_context` that does not verify.
    """

    name = "smtp"

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        connections: int,
        attempt_timeout_s: float,
        final_reply_timeout_s: float,
        ssl_context: ssl.SSLContext | None = None,
        local_hostname: str | None = None,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
        messages_per_connection: int = MAX_MESSAGES_PER_CONNECTION,
        client: Client = "gatepost",
        timeouts: StepTimeouts | None = None,
    ) -> None:
        if not servers:
            raise SettingsError("SMTP_URL: no server is named; give at least one smtp:// or smtps:// address")
        if min(connections, attempt_timeout_s, final_reply_timeout_s, idle_timeout_s, messages_per_connection) <= 0:
            raise SettingsError("The bounds of the SMTP transport must all be greater than 0")
        limits = Limits(connections, idle_timeout_s, messages_per_connection)
        context = tls_context(ssl_context) if any(server.tls != "none" for server in servers) else None
        manner = Manner(_LINES[client], context, local_hostname, timeouts or StepTimeouts())
        self._connections = Connections(servers, limits, manner)
        self._attempt_timeout_s = attempt_timeout_s
        self._final_reply_timeout_s = final_reply_timeout_s

    @property
    def open_connections(self) -> int:
        """Connections that are open now, in use or kept."""
        return self._connections.open_now

    def room(self) -> int:
        """See `Transport.room`."""
        return UNBOUNDED

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`; there is always room."""

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        """Submit one message; see `Transport.submit`."""
        refusal = unwritable(envelope)
        if refusal is not None:
            return refusal
        mark = Mark(committing)
        try:
            reply = await self._submit(envelope, progress, mark)
        except BaseException:
            await mark.abandon()
            raise
        await mark.settle()
        return reply

    async def _submit(self, envelope: Envelope, progress: Progress, mark: Mark) -> Reply:
        deadline = asyncio.timeout(self._attempt_timeout_s)
        dialogue = Dialogue(self._connections, envelope, progress, mark, deadline, self._final_reply_timeout_s)
        try:
            async with deadline, self._connections.turn:
                return await dialogue.run()
        except Unreachable as error:
            return error.reply
        except LineBroken as error:
            return _broken(error, progress)
        except TimeoutError:
            text = self._too_late(progress)
            return dialogue.refusal or broken_off(text, progress.phase, progress.server, timed_out=True)

    def _too_late(self, progress: Progress) -> str:
        if progress.phase is Phase.FINAL_REPLY:
            return f"No reply to the content within {self._final_reply_timeout_s:g} s."
        if progress.server is None:
            return f"No connection became free within {self._attempt_timeout_s:g} s."
        return f"Not done within {self._attempt_timeout_s:g} s; {progress.phase} was under way."

    async def close(self) -> None:
        """End every connection; see `Transport.close`."""
        await self._connections.close()


def _broken(error: LineBroken, progress: Progress) -> Reply:
    said = error.said.decode("utf-8", "replace")
    if error.said.startswith(b"421") and progress.phase is not Phase.FINAL_REPLY:
        return judge(CLOSING, said[4:], progress.phase, progress.server)
    return broken_off(f"{error} {said}", progress.phase, progress.server, timed_out=error.timed_out)
