"""The kept connections: never more at once than allowed, reused while they are alive, replaced when they are not."""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.line import CLOSE_TIMEOUT_S, Line
from gatepost.transport.opening import Manner, Unreachable, open_line
from gatepost.transport.reply import Phase, broken_off
from gatepost.transport.server import Server
from gatepost.transport.transport import Progress

IDLE_TIMEOUT_S = 30.0  # well under the minutes after which servers and NAT boxes forget an idle connection
MAX_MESSAGES_PER_CONNECTION = 100  # many servers end a session at their own limit, often 100
REST_S = 30.0  # how long a server that could not be reached is asked last


@dataclass(frozen=True)
class Limits:
    """The bounds of the kept connections: how many, how long one may idle (seconds), how many messages it carries."""

    connections: int
    idle_timeout_s: float = IDLE_TIMEOUT_S
    messages_per_connection: int = MAX_MESSAGES_PER_CONNECTION


class Connections:
    """Opens, keeps and ends connections to the first server that can be reached.

    At most `limits.connections` turns are under way. A new connection is opened only inside a turn and only when none
    is kept, so there are never more connections than turns.
    """

    def __init__(self, servers: Sequence[Server], limits: Limits, manner: Manner) -> None:
        self._servers = tuple(servers)
        self._limits = limits
        self._manner = manner
        self._turns = asyncio.Semaphore(limits.connections)
        self._idle: dict[Line, asyncio.TimerHandle] = {}  # the last one kept is the first one taken
        self._in_use: set[Line] = set()
        self._resting: dict[Server, float] = {}
        self.closed = False

    @property
    def timeouts(self) -> StepTimeouts:
        """Of each step of a dialogue."""
        return self._manner.timeouts

    @property
    def open_now(self) -> int:
        """Connections kept or in use."""
        return len(self._idle) + len(self._in_use)

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

    async def kept(self) -> Line | None:
        """Take a connection that looks alive, or None; it may still turn out to be dead."""
        while self._idle:
            line, timer = self._idle.popitem()
            timer.cancel()
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

    async def open(self, progress: Progress, deadline: float) -> Line:
        """Open a connection to the first server that can be reached before `deadline` (the loop's time).

        Raises:
            Unreachable: none can; its reply is the last server's.
        """
        if self.closed:
            raise Unreachable(broken_off("This transport was closed.", Phase.CONNECT, None))
        loop = asyncio.get_running_loop()
        servers = self._in_order(loop.time())
        for place, server in enumerate(servers):
            # A share for each, so that a server which answers nothing leaves time for the next one.
            share = (deadline - loop.time()) / (len(servers) - place)
            try:
                line = await self._open(server, progress, share, last=server is servers[-1])
            except Unreachable:
                self._resting[server] = loop.time() + REST_S
                if server is servers[-1]:
                    raise
            else:
                self._resting.pop(server, None)
                self._in_use.add(line)
                return line
        raise AssertionError("there is at least one server")

    async def _open(self, server: Server, progress: Progress, share_s: float, *, last: bool) -> Line:
        try:
            async with asyncio.timeout(None if last else share_s):  # the last one's deadline is the attempt's
                return await open_line(server, progress, self._manner)
        except TimeoutError as error:
            text = f"No answer within {share_s:.1f} s."
            raise Unreachable(broken_off(text, progress.phase, server.name, timed_out=True)) from error

    def _in_order(self, now: float) -> list[Server]:
        return sorted(self._servers, key=lambda server: self._resting.get(server, now) > now)

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
