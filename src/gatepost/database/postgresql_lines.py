"""A bounded number of lines to PostgreSQL: who waits for one, for how long, and how often a work runs."""

import asyncio
import random
import time
from typing import TypeVar

from gatepost.database.connection import Work
from gatepost.database.postgresql_failures import unavailable
from gatepost.database.postgresql_line import Line, RunAgain
from gatepost.database.postgresql_session import Sessions
from gatepost.errors import DatabaseBusy, DatabaseUnavailable

T = TypeVar("T")

MAX_WAITING = 4_096
MAX_RUNS = 8
_LONGEST_PAUSE_S = 0.6
_BUSY_RETRY_AFTER_S = 2


class Lines:
    """Runs works, each on a free line.

    Args:
        lines: closed; they are opened when they are needed.
        sessions: where the database is.
        what: "write" or "read", for errors.
    """

    def __init__(self, lines: list[Line], sessions: Sessions, what: str) -> None:
        self._lines = lines
        self._free = list(lines)  # the last one used is the first one taken: at low load few are open
        self._places = asyncio.Semaphore(len(lines))
        self._name = f"the {sessions.name}"
        self._sessions = sessions
        self._patience = sessions.patience
        self._what = what
        self._loop = asyncio.get_running_loop()
        self._inside = 0  # calls that wait or run
        self._empty = asyncio.Event()
        self._empty.set()
        self._closing = False

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
        self._inside += 1
        self._empty.clear()
        try:
            line = await self._take()
        except BaseException:
            self._leave()
            raise
        running = asyncio.create_task(self._run(line, work))
        running.add_done_callback(lambda _: self._leave())
        return await asyncio.shield(running)

    def check(self) -> None:
        """Raise DatabaseUnavailable when no work is taken any more."""
        if self._closing:
            raise DatabaseUnavailable(f"{self._name} is closed: the process is stopping")

    async def close(self) -> None:
        """Refuse new works, finish those that wait or run, close the connections; may be called twice."""
        self._closing = True
        await self._empty.wait()
        await asyncio.gather(*(line.close() for line in self._lines))

    async def _run(self, line: Line, work: Work[T]) -> T:
        give_up_at = None
        run = 1
        while True:
            try:
                return await self._once(line, work)
            except RunAgain as again:
                failure = again
            now = time.monotonic()
            give_up_at = give_up_at or now + (0 if self._sessions.away else self._patience.ride_out_s)
            if run == MAX_RUNS or now >= give_up_at:
                break
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.01 * 2**run) * random.uniform(0.2, 1))  # noqa: S311
            run += 1
            line = await self._take()
        self._sessions.away = failure.away
        raise unavailable(self._name, failure.error) from failure.error

    async def _once(self, line: Line, work: Work[T]) -> T:
        try:
            return await line.transact(work)
        finally:
            self._give_back(line)

    async def _take(self) -> Line:
        if self._places.locked():
            try:
                async with asyncio.timeout(self._patience.place_s):
                    await self._places.acquire()
            except TimeoutError:
                raise DatabaseBusy(
                    f"{self._name}: no connection became free within {self._patience.place_s:g} s for a {self._what}",
                    _BUSY_RETRY_AFTER_S,
                ) from None
        else:
            await self._places.acquire()
        return self._free.pop()

    def _give_back(self, line: Line) -> None:
        # Open ones are taken first: where the server gives us no more connections, works share those we have.
        self._free.insert(len(self._free) if line.is_open else 0, line)
        self._places.release()

    def _leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()
