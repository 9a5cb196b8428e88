"""A bounded number of lines to PostgreSQL: who waits for one, for how long, and how often a work runs."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from gatepost.database.connection import Work
from gatepost.database.postgresql_failures import unavailable
from gatepost.database.postgresql_line import Line, RunAgain
from gatepost.errors import DatabaseBusy, DatabaseUnavailable

T = TypeVar("T")

MAX_WAITING = 4_096
MAX_WAIT_S = 10.0
MAX_RUNS = 8
RIDE_OUT_S = 3.0  # a restart of the server takes less: then it costs a delay and no error
_LONGEST_PAUSE_S = 0.6
_BUSY_RETRY_AFTER_S = 2


class Lines:
    """Runs works, each on a free line.

    Args:
        lines: the lines, closed.
        name: what the database is called in errors.
        what: "write" or "read", for errors.
    """

    def __init__(self, lines: list[Line], name: str, what: str) -> None:
        self._lines = lines
        self._free = list(lines)  # the last one used is the first one taken: at low load few are open
        self._places = asyncio.Semaphore(len(lines))
        self._name = name
        self._what = what
        self._inside = 0  # calls that wait or run
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._loop = asyncio.get_running_loop()
        self._away = False  # the last work gave up because the server was not there: later ones do not wait for it

    async def run(self, work: Work[T]) -> T:
        """Run `work` in one transaction and return its value.

        A caller cancelled while its work waits: the work never runs. Cancelled later: it runs to its end.

        Raises:
            DatabaseBusy: no line became free in time; nothing was done.
            DatabaseUnavailable: see `Line.transact`; or the server stayed away, or conflicts would not end.
        """
        if asyncio.get_running_loop() is not self._loop:  # the connections belong to ours
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.run(work), self._loop))
        self.check()
        if self._inside >= MAX_WAITING + len(self._lines):
            raise DatabaseBusy(f"{self._name}: {MAX_WAITING} {self._what}s wait already", _BUSY_RETRY_AFTER_S)
        self._enter()
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                await self._places.acquire()
        except TimeoutError:
            self._leave()
            raise DatabaseBusy(
                f"{self._name}: no connection became free within {MAX_WAIT_S:g} s for a {self._what}",
                _BUSY_RETRY_AFTER_S,
            ) from None
        except BaseException:
            self._leave()
            raise
        line = self._free.pop()
        running = asyncio.create_task(self._run(line, work))
        running.add_done_callback(self._done(line))
        return await asyncio.shield(running)

    def check(self) -> None:
        """Raise DatabaseUnavailable when no work is taken any more."""
        if self._closing:
            raise DatabaseUnavailable(f"{self._name} is closed: the process is stopping")

    async def close(self) -> None:
        """Refuse new works, finish those that wait or run, close the connections; may be called twice."""
        self._closing = True
        await self._empty.wait()
        for line in self._lines:
            await line.close()

    async def _run(self, line: Line, work: Work[T]) -> T:
        give_up_at = None
        for run in range(1, MAX_RUNS + 1):
            try:
                value = await line.transact(work)
            except RunAgain as again:
                failure = again
            else:
                self._away = False
                return value
            if failure.others:
                for other in self._lines:
                    other.stale = True
            now = time.monotonic()
            give_up_at = give_up_at or now + (0 if self._away else RIDE_OUT_S)
            if run == MAX_RUNS or now >= give_up_at:
                break
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.01 * 2**run) * random.uniform(0.2, 1))  # noqa: S311
        self._away = failure.away
        raise unavailable(self._name, failure.error) from failure.error

    def _done(self, line: Line) -> Callable[[asyncio.Task[Any]], None]:
        def done(task: asyncio.Task[Any]) -> None:
            self._free.append(line)
            self._places.release()
            self._leave()
            if not task.cancelled():
                task.exception()  # its caller may be gone: nobody else would ask

        return done

    def _enter(self) -> None:
        self._inside += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()
