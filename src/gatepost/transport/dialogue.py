"""One message's way through one server: MAIL, RCPT, DATA, the mark, the content, the final reply.

The order is the point. `committing` starts together with MAIL and must be durable before the first byte of content:
a crash before it means certainly not handed over, a crash after it means perhaps. Where the server offers PIPELINING,
MAIL, RCPT and DATA are one write, and their replies are read in order (RFC 2920); DATA is the last command that may be
sent ahead, and the 354 is where the mark is waited for, so nothing about the mark changes.
"""

import asyncio
from typing import cast

from gatepost.transport.connections import Connections
from gatepost.transport.deadlines import within
from gatepost.transport.line import Line, LineBroken, Response
from gatepost.transport.mark import Mark
from gatepost.transport.reply import CLOSING, Outcome, Phase, Reply, judge, one_line
from gatepost.transport.server import Server
from gatepost.transport.transport import Envelope, Progress
from gatepost.transport.wire import on_the_wire

# The end of the content is held back until the rest has left, so that a slow line breaks before the final dot and not
# around it. Small enough for any socket's buffer, large enough that most messages are one write.
TAIL_BYTES = 16 * 1024
# What a slow line is given of a large message at a time; each block has a deadline (RFC 5321, 4.5.3.2.5).
BLOCK_BYTES = 256 * 1024

MAX_SIZE_DIGITS = 20  # RFC 1870, 3: the SIZE of a server has at most as many
RSET = b"RSET"


class Dialogue:
    """Submits one message over a kept or a new connection to one server, or to the next when that cannot be reached.

    Args:
        connections: where connections come from; the caller holds a turn.
        envelope: the message.
        progress: told each phase as it begins.
        mark: see `mark.py`.
        deadline: the attempt's; moved on when the final dot is written.
        final_reply_timeout_s: seconds from the final dot to its reply.

    Attributes:
        refusal: what the server has refused; it stands whatever happens to the connection afterwards.
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
        self.refusal: Reply | None = None
        self._answered = False  # whether the server said anything about MAIL but that it closes

    async def run(self, server: Server, others: int) -> Reply:
        """Go through the dialogue with a server.

        Args:
            server: which.
            others: how many could be asked after this one. Each is left its share of the time that opening may take,
                so that a server which answers nothing leaves some for the next.

        Raises:
            Unreachable, LineBroken, TimeoutError: what the network did; `progress` says when.
            Exception: what `committing` raised.
        """
        line = await self._connections.kept(server)
        if line is not None:
            with self._connections.holding(line):
                reply = await self._submit_over(line, reused=True)
                if reply is not None:
                    return reply
                line.drop()
        deadline = self._deadline.when()
        assert deadline is not None  # noqa: S101  an attempt always has one
        share_s = (deadline - asyncio.get_running_loop().time()) / (others + 1)
        line = await self._connections.open(server, self._progress, share_s if others else None)
        with self._connections.holding(line):
            return cast(Reply, await self._submit_over(line, reused=False))

    async def _submit_over(self, line: Line, *, reused: bool) -> Reply | None:
        """None: the kept connection turned out to be dead before it was told anything."""
        self._progress.phase, self._progress.server = Phase.MAIL, line.server.name
        refusal = self._unsuitable(line)
        if refusal is not None:
            return refusal
        self._mark.start()
        try:
            refusal = await self._commands_in_time(line, reused=reused)
        except LineBroken:
            if reused and not self._answered:
                return None
            raise
        if refusal is not None:
            # 421 to the next MAIL is how a server ends a session it finds long enough; a new one says whether that
            # means us.
            return None if reused and not self._answered else refusal
        if not await self._mark.durable():
            line.drop()  # after 354 there is no other way out without a message
            return self._not_ours()
        return await self._content(line)

    def _unsuitable(self, line: Line) -> Reply | None:
        """What this server said at EHLO rules this message out."""
        size, extensions = len(self._envelope.content), line.extensions
        limit = extensions.get("size", "")
        if self._smtputf8 and "smtputf8" not in extensions:
            text = "The address has non-ASCII characters before the @, and the server does not offer SMTPUTF8."
        elif self._eight_bit and "8bitmime" not in extensions:
            text = "The message has 8-bit characters, and the server does not offer 8BITMIME."
        elif limit.isascii() and limit.isdecimal() and len(limit) <= MAX_SIZE_DIGITS and 0 < int(limit) < size:
            text = f"The message has {size} bytes, and the server takes at most {limit} (SIZE)."
        else:
            return None
        return Reply(Outcome.PERMANENT, self._progress.phase, text=text, server=line.server.name)

    async def _commands_in_time(self, line: Line, *, reused: bool) -> Reply | None:
        timeouts = self._connections.timeouts
        try:
            async with asyncio.timeout(timeouts.reused_reply_s if reused else timeouts.reply_s) as limit:
                return await self._commands(line, limit)
        except TimeoutError as error:
            text = f"No reply in time; {self._progress.phase} was under way."
            raise LineBroken(text, timed_out=True) from error

    async def _commands(self, line: Line, limit: asyncio.Timeout) -> Reply | None:
        """Go up to the 354; a refusal when it does not come. From the first reply on `limit` is `reply_s`."""
        steps, patience_s = self._steps(line), self._connections.timeouts.reply_s
        ahead = line.sends_ahead and "pipelining" in line.extensions
        if ahead:
            line.send(*(command for _, command in steps))
        for number, (phase, command) in enumerate(steps):
            if phase is Phase.DATA and not ahead and self._mark.known_lost:
                line.needs_reset = True
                return self._not_ours()
            self._progress.phase = phase
            if not ahead:
                line.send(command)
            if number and patience_s and not line.has_reply:
                # It answers; from now on it may take its time.
                limit.reschedule(asyncio.get_running_loop().time() + patience_s)
                patience_s = 0.0
            response = await line.reply()
            if command == RSET and not response.positive:
                raise LineBroken(f"RSET was refused: {response.code} {response.text}")
            self._answered |= phase is Phase.MAIL and command != RSET and response.code != CLOSING
            if response.code != 354 if phase is Phase.DATA else not response.positive:
                refusal = self._refused(line, response)
                if ahead and line.usable:
                    self.refusal = refusal
                    limit.reschedule(None)  # from here on it must not take the refusal's place
                    await self._read_on(line, [phase for phase, _ in steps[number + 1 :]])
                return refusal
        return None

    def _steps(self, line: Line) -> list[tuple[Phase, bytes]]:
        steps = [(Phase.MAIL, RSET)] if line.needs_reset else []
        return [
            *steps,
            (Phase.MAIL, self._mail(line)),
            (Phase.RCPT, b"RCPT TO:<" + self._envelope.recipient.encode() + b">"),
            (Phase.DATA, b"DATA"),
        ]

    def _mail(self, line: Line) -> bytes:
        command = b"MAIL FROM:<" + self._envelope.return_path.encode() + b">"
        if "size" in line.extensions:
            command += b" SIZE=%d" % len(self._envelope.content)
        if self._eight_bit:
            command += b" BODY=8BITMIME"
        if self._smtputf8:
            command += b" SMTPUTF8"
        return command

    async def _read_on(self, line: Line, phases: list[Phase]) -> None:
        """After a refusal, read what else was sent ahead, so that the connection can be used again.

        A server may say 354 though it refused the recipient: then a lone dot ends a message that is empty and has
        nobody to go to (RFC 2920, 3.1). One that refused MAIL and took the recipient would hand on the empty message.
        Whatever happens here, the refusal stands.
        """
        nobody = Phase.RCPT not in phases  # it is the recipient that was refused
        try:
            async with within(self._connections.timeouts.rest_s, "The rest of the replies"):
                for phase in phases:
                    response = await line.reply()
                    nobody |= phase is Phase.RCPT and not response.positive
                    lone_dot = phase is Phase.DATA and response.code == 354 and nobody
                    if lone_dot:
                        response = await line.command(b".")
                    if response.code == CLOSING or not (response.positive or 400 <= response.code <= 599):
                        line.drop()
                        return
        except LineBroken:
            line.drop()

    async def _content(self, line: Line) -> Reply:
        line.must_be_usable()
        data = on_the_wire(self._envelope.content)
        self._progress.phase = Phase.CONTENT
        for start in range(0, len(data) - TAIL_BYTES, BLOCK_BYTES):
            async with within(self._connections.timeouts.block_s, "Writing a block of the content"):
                line.put(data[start : min(start + BLOCK_BYTES, len(data) - TAIL_BYTES)])
                await line.flush()
        line.must_be_usable()
        line.put(data[-TAIL_BYTES:], final=True)
        # Still in the same breath: a connection that is gone by now did not take a byte of the tail.
        line.must_be_usable()
        self._progress.phase = Phase.FINAL_REPLY
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._final_reply_timeout_s)
        response = await line.reply()
        line.messages += 1
        line.needs_reset = False
        return self._final(line, response)

    def _final(self, line: Line, response: Response) -> Reply:
        reply = judge(response.code, response.text, Phase.FINAL_REPLY, line.server.name)
        if reply.code is None or reply.code == CLOSING or reply.outcome is Outcome.UNKNOWN:
            line.drop()
        if line.unsolicited and not line.unsolicited.startswith(b"421") and reply.code is not None:
            # Two replies where one was due: which of them is about this message, nobody can say.
            said = line.unsolicited.decode("utf-8", "replace")
            text = one_line(f"More than one reply to the content: {reply.code} {reply.text}, then {said}")
            return Reply(Outcome.UNKNOWN, Phase.FINAL_REPLY, reply.code, text=text, server=line.server.name)
        return reply

    def _refused(self, line: Line, response: Response) -> Reply:
        reply = judge(response.code, response.text, self._progress.phase, line.server.name)
        line.needs_reset = True
        if reply.outcome is Outcome.UNREACHABLE or reply.code is None or reply.code < 400:
            line.drop()
        return reply

    def _not_ours(self) -> Reply:
        text = "The claim was no longer ours; broken off before the content."
        return Reply(Outcome.NOT_OURS, self._progress.phase, text=text, server=self._progress.server)
