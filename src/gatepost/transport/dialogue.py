"""One message's way through one server: MAIL, RCPT, DATA, the mark, the content, the final reply.

The order is the point. `committing` starts together with MAIL and must be durable before the first byte of content:
a crash before it means certainly not handed over, a crash after it means perhaps.
"""

import asyncio
import re
from typing import cast

from aiosmtplib.response import SMTPResponse

from gatepost.transport.connections import Connections
from gatepost.transport.line import Line, LineBroken
from gatepost.transport.reply import CLOSING, Outcome, Phase, Reply, judge, one_line
from gatepost.transport.transport import Committing, Envelope, Progress

# The end of the content is held back until the rest has left, so that a slow line breaks before the final dot and not
# around it. Small enough for any socket's buffer, large enough that most messages are one write.
TAIL_BYTES = 16 * 1024
# How long a mark that was told to stop may take to end.
MARK_END_S = 1.0
# How long a kept connection may take to answer MAIL before a new one is opened: the other end may be long gone.
REUSED_REPLY_TIMEOUT_S = 5.0

_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f<>\ud800-\udfff]")


class Mark:
    """The one call of `committing`: begun early, waited for late, never begun twice."""

    def __init__(self, committing: Committing) -> None:
        self._committing = committing
        self._task: asyncio.Future[bool] | None = None

    def start(self) -> None:
        """Begin to make it durable, unless that has begun."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._committing())

    @property
    def known_lost(self) -> bool:
        """True when it is already known that the claim is no longer ours."""
        task = self._task
        return task is not None and task.done() and task.exception() is None and not task.result()

    async def durable(self) -> bool:
        """Wait for it; False when the claim is no longer ours. Raises what `committing` raised."""
        self.start()
        # Shielded: our deadline must not cut off a write that may be done a moment later.
        return await asyncio.shield(cast("asyncio.Future[bool]", self._task))

    async def settle(self) -> None:
        """Wait for it if it was begun, so that the caller knows what state the message is in."""
        if self._task is not None:
            await self.durable()

    async def abandon(self) -> None:
        """Tell it to stop, and wait a moment until it has."""
        task = self._task
        if task is None:
            return
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=MARK_END_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain about it


class Dialogue:
    """Submits one message over a kept or a new connection.

    Args:
        connections: where connections come from; the caller holds a turn.
        envelope: the message.
        progress: told each phase as it begins.
        mark: see above.
        deadline: the attempt's; moved on when the final dot is written.
        final_reply_timeout_s: seconds from the final dot to its reply.
    """

    def __init__(
        self,
        connections: Connections,
        envelope: Envelope,
        progress: Progress,
        mark: Mark,
        deadline: asyncio.Timeout,
        final_reply_timeout_s: float,
    ) -> None:
        self._connections = connections
        self._envelope = envelope
        self._progress = progress
        self._mark = mark
        self._deadline = deadline
        self._final_reply_timeout_s = final_reply_timeout_s
        self._smtputf8 = not (envelope.return_path.isascii() and envelope.recipient.isascii())
        self._eight_bit = not envelope.content.isascii()

    async def run(self) -> Reply:
        """Go through the dialogue.

        Raises:
            Unreachable, LineBroken, TimeoutError: what the network did; `progress` says when.
            Exception: what `committing` raised.
        """
        line = await self._connections.kept()
        if line is not None:
            with self._connections.holding(line):
                reply = await self._submit_over(line, reused=True)
                if reply is not None:
                    return reply
                line.drop()
        deadline = self._deadline.when()
        assert deadline is not None  # noqa: S101  an attempt always has one
        line = await self._connections.open(self._progress, deadline)
        with self._connections.holding(line):
            return cast(Reply, await self._submit_over(line, reused=False))

    async def _submit_over(self, line: Line, *, reused: bool) -> Reply | None:
        """None: the kept connection turned out to be dead before it was told anything."""
        self._progress.phase, self._progress.server = Phase.MAIL, line.server.name
        refusal = self._unsuitable(line)
        if refusal is not None:
            return refusal
        self._mark.start()
        response = await (self._mail_if_alive(line) if reused else self._mail(line))
        if response is None:
            return None
        if not _is_positive(response):
            return self._refused(line, response)
        self._progress.phase = Phase.RCPT
        response = await line.command(b"RCPT", b"TO:<" + self._envelope.recipient.encode() + b">")
        if not _is_positive(response):
            return self._refused(line, response)
        return await self._data(line)

    def _unsuitable(self, line: Line) -> Reply | None:
        """What this server said at EHLO rules this message out."""
        size, extensions = len(self._envelope.content), line.extensions
        limit = extensions.get("size", "")
        if self._smtputf8 and "smtputf8" not in extensions:
            text = "The address has non-ASCII characters before the @, and the server does not offer SMTPUTF8."
        elif self._eight_bit and "8bitmime" not in extensions:
            text = "The message has 8-bit characters, and the server does not offer 8BITMIME."
        elif limit.isdecimal() and 0 < int(limit) < size:
            text = f"The message has {size} bytes, and the server takes at most {limit} (SIZE)."
        else:
            return None
        return Reply(Outcome.PERMANENT, self._progress.phase, text=text, server=line.server.name)

    async def _mail_if_alive(self, line: Line) -> SMTPResponse | None:
        try:
            async with asyncio.timeout(REUSED_REPLY_TIMEOUT_S):
                if line.needs_reset and not _is_positive(await line.command(b"RSET")):
                    return None
                response = await self._mail(line)
        except (LineBroken, TimeoutError):
            return None
        # 421 to the next MAIL is how a server ends a session it finds long enough; a new one says whether it means us.
        return None if response.code == CLOSING else response

    async def _mail(self, line: Line) -> SMTPResponse:
        options = []
        if "size" in line.extensions:
            options.append(b"SIZE=%d" % len(self._envelope.content))
        if self._eight_bit:
            options.append(b"BODY=8BITMIME")
        if self._smtputf8:
            options.append(b"SMTPUTF8")
        return await line.command(b"MAIL", b"FROM:<" + self._envelope.return_path.encode() + b">", *options)

    async def _data(self, line: Line) -> Reply:
        if self._mark.known_lost:
            line.needs_reset = True
            return self._not_ours()
        self._progress.phase = Phase.DATA
        response = await line.command(b"DATA")
        if response.code != 354:
            return self._refused(line, response)
        if not await self._mark.durable():
            line.drop()  # after 354 there is no other way out without a message
            return self._not_ours()
        return await self._content(line)

    async def _content(self, line: Line) -> Reply:
        line.must_be_usable()
        data = on_the_wire(self._envelope.content)
        self._progress.phase = Phase.CONTENT
        head, tail = data[:-TAIL_BYTES], data[-TAIL_BYTES:]
        if head:
            line.put(head)
            await line.flush()
        line.must_be_usable()
        line.put(tail)
        # Still in the same breath: a connection that is gone by now did not take a byte of the tail.
        line.must_be_usable()
        self._progress.phase = Phase.FINAL_REPLY
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._final_reply_timeout_s)
        response = await line.final_reply()
        line.messages += 1
        line.needs_reset = False
        return self._final(line, response)

    def _final(self, line: Line, response: SMTPResponse) -> Reply:
        reply = judge(response.code, response.message, Phase.FINAL_REPLY, line.server.name)
        if reply.code is None or reply.code == CLOSING:
            line.drop()
        if line.unsolicited and not line.unsolicited.startswith(b"421") and reply.outcome is Outcome.ACCEPTED:
            # Two replies where one was due: which of them is about this message, nobody can say.
            said = line.unsolicited.decode("utf-8", "replace")
            text = one_line(f"More than one reply to the content: {reply.code} {reply.text}, then {said}")
            return Reply(Outcome.UNKNOWN, Phase.FINAL_REPLY, reply.code, text=text, server=line.server.name)
        return reply

    def _refused(self, line: Line, response: SMTPResponse) -> Reply:
        reply = judge(response.code, response.message, self._progress.phase, line.server.name)
        line.needs_reset = True
        if reply.outcome is Outcome.UNREACHABLE or reply.code is None or reply.code < 400:
            line.drop()
        return reply

    def _not_ours(self) -> Reply:
        text = "The claim was no longer ours; broken off before the content."
        return Reply(Outcome.NOT_OURS, self._progress.phase, text=text, server=self._progress.server)


def _is_positive(response: SMTPResponse) -> bool:
    return 200 <= response.code <= 299


def unwritable(envelope: Envelope) -> Reply | None:
    """Refuse an address that would end the command it stands in, or begin another (RFC 5321, 4.1.2)."""
    if _NOT_IN_A_PATH.search(envelope.return_path):
        text = "The return path has a character that may not be written to a server."
        return Reply(Outcome.PERMANENT, Phase.MAIL, text=text)
    if not envelope.recipient or _NOT_IN_A_PATH.search(envelope.recipient):
        text = "The recipient is empty or has a character that may not be written to a server."
        return Reply(Outcome.PERMANENT, Phase.RCPT, text=text)
    return None


def on_the_wire(content: bytes) -> bytes:
    """Return content with CRLF line ends only, dots doubled at line starts, and the final dot (RFC 5321, 4.5.2)."""
    crlf = content.count(b"\r\n")
    if content.count(b"\n") != crlf or content.count(b"\r") != crlf:
        # A bare CR or LF lets two servers disagree about where a message ends.
        content = re.sub(rb"\r\n|\r|\n", b"\r\n", content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    content = content.replace(b"\r\n.", b"\r\n..")
    return (b"." if content.startswith(b".") else b"") + content + b".\r\n"
