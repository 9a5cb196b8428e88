"""The kept connections: never more at once than allowed, reused while they are alive, replaced when they are not.

Which server a message goes to is decided elsewhere.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from gatepost.transport.deadlines import StepTimeouts, within
from gatepost.transport.line import CLOSE_TIMEOUT_S, Line, LineBroken
from gatepost.transport.opening import Manner, Unreachable, open_line
from gatepost.transport.reply import Phase, Reply, broken_off
from gatepost.transport.server import Server
from gatepost.transport.transport import Progress

IDLE_TIMEOUT_S = 30.0  # well under the minutes after which servers and NAT boxes forget an idle connection
LIVELY_S = 2.0  # a connection that said nothing for so long may hang, and is no sign that the server serves
MAX_MESSAGES_PER_CONNECTION = 100  # many servers end a session at their own limit, often 100


@dataclass(frozen=True)
class Limits:
    """The bounds of the kept connections: how many, how long one may idle (seconds), how many messages it carries."""

    connections: int
    idle_timeout_s: float = IDLE_TIMEOUT_S
    messages_per_connection: int = MAX_MESSAGES_PER_CONNECTION


class Connections:
    """Opens, keeps and ends connections.

    At most `limits.connections` turns are under way. A message's connection is opened only inside a turn, and only when
    none to its server is kept; one that is kept to another server is ended for it. So there are never more connections
    than turns, save those that probe: one for each server that failed, as it must not wait for a turn.
    """

    def __init__(self, limits: Limits, manner: Manner) -> None:
        self._limits = limits
        self._manner = manner
        self._turns = asyncio.Semaphore(limits.connections)
        self._idle: dict[Line, asyncio.TimerHandle] = {}  # the last one kept is the first one taken
        self._in_use: set[Line] = set()
        self._opening = 0  # for messages
        self.closed = False

    @property
    def timeouts(self) -> StepTimeouts:
        """Of each step of a dialogue."""
        return self._manner.timeouts

    @property
    def open_now(self) -> int:
        """Connections kept or in use."""
        return len(self._idle) + len(self._in_use)

    def alive(self, server: Server) -> int:
        """Connections to `server` that are kept, or carry a message and have just heard from it."""
        since = asyncio.get_running_loop().time() - LIVELY_S
        kept = sum(line.server == server and line.usable for line in self._idle)
        return kept + sum(line.server == server and line.heard_at >= since for line in self._in_use)

    @property
    def turn(self) -> asyncio.Semaphore:
        """Leave to have a connection, first come, first served: `async with connections.turn`."""
        return self._turns

    @contextlib.contextmanager
    def holding(self, line: Line) -> Iterator[None]:
        """Keep the connection afterwards, or drop it at once when anything was raised meanwhile."""
        try:
            yield
        except BaseException:
            self._drop(line)
            raise
        self._keep(line)

    async def kept(self, server: Server) -> Line | None:
        """Take a connection to `server` that looks alive, or None; it may still turn out to be dead."""
        while (line := self._last_kept(server)) is not None:
            self._idle.pop(line).cancel()
            line.idle = False
            if not line.usable:
                line.drop()
            elif line.messages >= self._limits.messages_per_connection:
                # Waited for, so that the server never sees this one and its successor at once.
                await line.quit()
            else:
                self._in_use.add(line)
                return line
        return None

    def _last_kept(self, server: Server) -> Line | None:
        return next((line for line in reversed(self._idle) if line.server == server), None)

    async def open(self, server: Server, progress: Progress, within_s: float | None) -> Line:
        """Open a connection to `server`, within so many seconds; None leaves that to the caller's own deadline.

        Raises:
            Unreachable: it cannot be done.
        """
        while self._idle and self.open_now + self._opening >= self._limits.connections:
            self._end_idle(next(iter(self._idle)))
        self._opening += 1
        try:
            return await self._open(server, progress, within_s)
        finally:
            self._opening -= 1

    async def probe(self, server: Server, within_s: float, *, over_kept: bool) -> Reply | None:
        """Open a connection without a message, and keep it for the next one; what is wrong, or None.

        With `over_kept` one that is kept and still answers will do: a further one may be what the server does not want.
        """
        if over_kept and await self._still_answers(server):
            return None
        try:
            line = await self._open(server, Progress(), within_s)
        except Unreachable as error:
            return error.reply
        if self.open_now + self._opening > self._limits.connections:
            self._in_use.discard(line)
            line.hang_up()
        else:
            self._keep(line)
        return None

    async def _open(self, server: Server, progress: Progress, within_s: float | None) -> Line:
        if self.closed:
            raise Unreachable(broken_off("This transport was closed.", Phase.CONNECT, None))
        try:
            async with asyncio.timeout(within_s):
                line = await open_line(server, progress, self._manner)
        except TimeoutError as error:
            text = f"No answer within {within_s:.1f} s."
            raise Unreachable(broken_off(text, progress.phase, server.name, timed_out=True)) from error
        self._in_use.add(line)
        return line

    async def _still_answers(self, server: Server) -> bool:
        line = await self.kept(server)
        if line is None:
            return False
        try:
            with self.holding(line):
                async with within(self.timeouts.reused_reply_s, "RSET"):
                    response = await line.command(b"RSET")
                if not response.positive:
                    line.drop()
                return response.positive
        except LineBroken:
            for other in [other for other in self._idle if other.server == server]:
                self._end_idle(other)  # as good as dead: nobody waits for each of them
            return False

    def _end_idle(self, line: Line) -> None:
        self._idle.pop(line).cancel()
        line.hang_up()

    def _keep(self, line: Line) -> None:
        self._in_use.discard(line)
        if self.closed or not line.usable:
            line.drop()
            return
        timer = asyncio.get_running_loop().call_later(self._limits.idle_timeout_s, self._idled_out, line)
        self._idle[line] = timer
        line.idle = True

    def _drop(self, line: Line) -> None:
        self._in_use.discard(line)
        line.drop()

    def _idled_out(self, line: Line) -> None:
        del self._idle[line]
        line.hang_up()

    async def close(self) -> None:
        """End every connection, waiting for the other sides at most a second in all; those in use break off."""
        self.closed = True
        idle, self._idle = self._idle, {}
        for timer in idle.values():
            timer.cancel()
        for line in tuple(self._in_use):
            line.drop()
        if idle:
            farewells = {asyncio.ensure_future(line.quit()) for line in idle}
            await asyncio.wait(farewells, timeout=2 * CLOSE_TIMEOUT_S)
