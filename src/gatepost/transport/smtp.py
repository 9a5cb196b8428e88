"""Submit through SMTP: the deadlines around a dialogue, the server it is held with, and what its end means."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from gatepost.errors import SettingsError
from gatepost.events import Events
from gatepost.transport.aiosmtplib_line import AiosmtplibLine
from gatepost.transport.breaker import Intervals
from gatepost.transport.connections import IDLE_TIMEOUT_S, MAX_MESSAGES_PER_CONNECTION, Connections, Limits
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.dialogue import Dialogue
from gatepost.transport.line import Line, LineBroken
from gatepost.transport.mark import Mark
from gatepost.transport.opening import Manner, Unreachable, tls_context
from gatepost.transport.reply import CLOSING, Fault, Outcome, Phase, Reply, broken_off, judge
from gatepost.transport.server import Server
from gatepost.transport.servers import Bounds, Servers, Visit
from gatepost.transport.transport import Committing, Envelope, Progress
from gatepost.transport.wire import unwritable

Client = Literal["gatepost", "aiosmtplib"]
_LINES: dict[Client, type[Line]] = {"gatepost": Line, "aiosmtplib": AiosmtplibLine}


class SmtpTransport:
    """Submits messages to the first server that can be used, one message and one recipient to a dialogue.

    Args:
        servers: in the order of preference. A message goes to the first whose breaker lets it; the next is asked only
            when that cannot be reached at all.
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
        intervals: between the probes of a server that failed.
        events: told of servers that fail and recover; None for nobody.

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
        intervals: Intervals | None = None,
        events: Events | None = None,
    ) -> None:
        if not servers:
            raise SettingsError("SMTP_URL: no server is named; give at least one smtp:// or smtps:// address")
        if min(connections, attempt_timeout_s, final_reply_timeout_s, idle_timeout_s, messages_per_connection) <= 0:
            raise SettingsError("The bounds of the SMTP transport must all be greater than 0")
        limits = Limits(connections, idle_timeout_s, messages_per_connection)
        context = tls_context(ssl_context) if any(server.tls != "none" for server in servers) else None
        manner = Manner(_LINES[client], context, local_hostname, timeouts or StepTimeouts())
        self._connections = Connections(limits, manner)
        bounds = Bounds(connections, tuple(server.rate for server in servers), intervals or Intervals())
        self._order = tuple(servers)
        self._servers = Servers([server.name for server in servers], bounds, self._probe, events)
        self._attempt_timeout_s = attempt_timeout_s
        self._final_reply_timeout_s = final_reply_timeout_s

    @property
    def open_connections(self) -> int:
        """Connections that are open now, in use or kept."""
        return self._connections.open_now

    def room(self) -> int:
        """See `Transport.room`."""
        return self._servers.room()

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`."""
        self._servers.listen(more)

    def usable(self) -> Mapping[str, bool]:
        """See `Transport.usable`."""
        return self._servers.usable()

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
        visits: list[Visit] = []
        reply: Reply | None = None
        try:
            async with deadline, self._connections.turn:
                reply = await self._over_the_first_that_can(dialogue, mark, progress, visits)
        except TimeoutError:
            text = self._too_late(progress)
            reply = dialogue.refusal or broken_off(text, progress.phase, progress.server, timed_out=True)
        finally:
            for visit in visits:  # those that ended already are not touched by this
                visit.end(reply)
        return reply

    async def _over_the_first_that_can(
        self, dialogue: Dialogue, mark: Mark, progress: Progress, visits: list[Visit]
    ) -> Reply:
        candidates = self._servers.candidates()
        reply = None
        while candidates:
            number, *candidates = candidates
            visit = self._servers.begin(number)
            visits.append(visit)
            reply = await _with_one(dialogue, self._order[number], len(candidates), progress)
            visit.end(reply, beside=self._connections.alive(self._order[number]))
            # Once the mark was begun, the message belongs to the server that was told of it.
            if mark.begun or reply.outcome is not Outcome.UNREACHABLE:
                break
            # Meanwhile others may have found out about the rest.
            usable = self._servers.candidates()
            candidates = [other for other in candidates if other in usable]
        return reply or self._servers.none_can()

    async def _probe(self, number: int, fault: Fault | None) -> Reply | None:
        over_kept = fault is Fault.CLOSING
        return await self._connections.probe(self._order[number], self._attempt_timeout_s, over_kept=over_kept)

    def _too_late(self, progress: Progress) -> str:
        if progress.phase is Phase.FINAL_REPLY:
            return f"No reply to the content within {self._final_reply_timeout_s:g} s."
        if progress.server is None:
            return f"No connection became free within {self._attempt_timeout_s:g} s."
        return f"Not done within {self._attempt_timeout_s:g} s; {progress.phase} was under way."

    async def close(self) -> None:
        """End every connection; see `Transport.close`."""
        await self._servers.close()
        await self._connections.close()


async def _with_one(dialogue: Dialogue, server: Server, others: int, progress: Progress) -> Reply:
    try:
        return await dialogue.run(server, others)
    except Unreachable as error:
        return error.reply
    except LineBroken as error:
        return _broken(error, progress)


def _broken(error: LineBroken, progress: Progress) -> Reply:
    said = error.said.decode("utf-8", "replace")
    if error.said.startswith(b"421") and progress.phase is not Phase.FINAL_REPLY:
        return judge(CLOSING, said[4:], progress.phase, progress.server)
    return broken_off(f"{error} {said}", progress.phase, progress.server, timed_out=error.timed_out)
