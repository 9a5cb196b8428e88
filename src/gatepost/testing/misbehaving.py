"""The replies of one connection to the test server: the right one, or whatever the server was told to do instead."""

from itertools import repeat
from typing import TYPE_CHECKING, NoReturn

from gatepost.testing.behaviours import Call, Delay, Drip, Drop, Endless, Extra, Hang, Refuse, Say, Split, Step
from gatepost.testing.policies import Asked, Policy
from gatepost.testing.stream import Gone, Stream

if TYPE_CHECKING:
    from gatepost.testing.submission_server import SubmissionServer


class Misbehaving(Stream):
    """Replies at each step, unless the server was told otherwise."""

    def __init__(self, server: "SubmissionServer") -> None:
        super().__init__()
        self._server = server
        self._behind_reply = b""
        self._instead_of_reply = b""
        self._pause_between_bytes_s: float | None = None
        self._return_path: str | None = None
        self._recipients: list[str] = []
        self._taken = 0
        self.number = 0

    def _say(self, line: bytes) -> None:
        self.write(line + b"\r\n" + self._behind_reply)
        self._behind_reply = b""

    def interject(self, line: bytes) -> None:
        """Say a line; 421 is the last one."""
        self._say(line)
        if line.startswith(b"421"):
            self.hang_up()

    async def _reply(self, step: Step, line: bytes) -> bool:
        """Reply with `line`, unless a behaviour wants otherwise; False when it did."""
        if not await self._may_go_on(step):
            return False
        reply = self._instead_of_reply or line + b"\r\n"
        pause_s = self._pause_between_bytes_s
        reply, self._behind_reply = reply + self._behind_reply, b""
        self._instead_of_reply, self._pause_between_bytes_s = b"", None
        if pause_s is None:
            self.write(reply)
        else:
            for byte in reply:
                self.write(bytes([byte]))
                await self.pause(pause_s)
        return True

    async def _may_go_on(self, step: Step) -> bool:
        for behaviour in self._server.behaviours(step, self._recipients[-1] if self._recipients else ""):
            match behaviour:
                case Call(function):
                    function()
                case Delay(seconds):
                    await self.pause(seconds)
                case Extra(data):
                    self._behind_reply += data
                case Split(interval_s):
                    self._pause_between_bytes_s = interval_s
                case Hang():
                    await self._server.released(self.gone)
                case Drop():
                    await self._go_away(behaviour)
                case Policy():
                    refusal = behaviour.refusal(self._asked())
                    if refusal is not None:
                        self.interject(refusal.encode())
                        return False
                case Refuse(line):
                    self.interject(line.encode())
                    return False
                case Say(data, goes_on):
                    if not goes_on:
                        self.write(data)
                        return False
                    self._instead_of_reply = data
                case Drip(line=line_again):
                    for _ in repeat(None) if behaviour.times is None else repeat(None, behaviour.times):
                        self.write(line_again)
                        await self.pause(behaviour.interval_s)
                case Endless(chunk):
                    while True:
                        self.write(chunk)
                        await self.written()
        return True

    def _asked(self) -> Asked:
        recipient = self._recipients[-1] if self._recipients else ""
        return Asked(
            return_path=self._return_path or "",
            recipient=recipient,
            connection=self.number,
            connections_now=self._server.connections_now,
            messages=self._taken,
            time_s=self._loop.time(),
        )

    async def _go_away(self, how: Drop) -> NoReturn:
        if how.after_bytes:
            self.resume_reading()
            await self.read(how.after_bytes)
        if how.reset:
            self.reset()
        raise Gone
