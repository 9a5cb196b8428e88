"""The thread that owns the writing connection, and the bounded queue of works before it.

Whatever waits when a transaction begins shares it and its commit. Nothing here knows of SQL.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from gatepost.database.connection import Work
from gatepost.database.failures import deliverable
from gatepost.database.group import Outcome
from gatepost.errors import DatabaseBusy, DatabaseUnavailable

T = TypeVar("T")

MAX_GROUP_WORKS = 256
MAX_WAITING_WORKS = 4_096
_BUSY_RETRY_AFTER_S = 2


class _Waiting(NamedTuple):
    work: Work[Any] | None  # None: `alone` instead
    alone: Callable[[], Outcome] | None
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Writer:
    """Runs works one group after another on one thread, and tells each caller what became of its work.

    Args:
        run: runs a group and returns an outcome for each work; an exception from it is a bug and ends the thread.
        name: the file's name in errors.
    """

    def __init__(self, run: Callable[[Sequence[Work[Any]]], list[Outcome]], name: str) -> None:
        self._run = run
        self._name = name
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._death: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="gatepost-write", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many works wait for the thread."""
        return len(self._queue)

    def check(self) -> None:
        """Raise DatabaseUnavailable when no work is taken any more."""
        if self._death is not None:
            raise self._died() from self._death
        if self._stopping:
            raise DatabaseUnavailable(f"{self._name} is closed: the process is stopping")

    async def write(self, work: Work[T]) -> T:
        """Queue `work` and return its value once the commit is durable.

        A caller cancelled while its work waits: the work never runs. Cancelled later: it runs to its end.
        """
        value: T = await self._queued(work, None)
        return value

    async def alone(self, run: Callable[[], Outcome]) -> Any:
        """Have the thread call `run` between two transactions, and return the value of its outcome; see `write`."""
        return await self._queued(None, run)

    async def _queued(self, work: Work[Any] | None, alone: Callable[[], Outcome] | None) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._changed:
            self.check()
            if len(self._queue) >= MAX_WAITING_WORKS:
                raise DatabaseBusy(f"{self._name}: {MAX_WAITING_WORKS} writes wait already", _BUSY_RETRY_AFTER_S)
            self._queue.append(_Waiting(work, alone, future, loop))
            self._changed.notify()
        return await future

    def stop(self) -> None:
        """Refuse new works, run those that wait, and return when the thread has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _main(self) -> None:
        group: list[_Waiting] = []
        try:
            while group := self._take():
                live = [item for item in group if not item.future.cancelled()]
                if live and live[0].alone is not None:
                    _tell(live, [live[0].alone()])
                elif live:
                    _tell(live, self._run([item.work for item in live if item.work is not None]))
        except BaseException as death:  # a bug of ours: everybody who waits is told, and everybody who comes
            with self._changed:
                self._death = death
                left = [*group, *self._queue]
                self._queue.clear()
            _tell(left, [Outcome(None, self._died()) for _ in left])

    def _take(self) -> list[_Waiting]:
        with self._changed:
            while not self._queue and not self._stopping:
                self._changed.wait()
            group: list[_Waiting] = []
            while self._queue and len(group) < MAX_GROUP_WORKS and not (group and self._queue[0].alone):
                group.append(self._queue.popleft())
                if group[0].alone:
                    break
            return group

    def _died(self) -> DatabaseUnavailable:
        died = DatabaseUnavailable(f"{self._name}: its writer ended ({self._death!r}); restart the service")
        died.__cause__ = self._death
        return died


def _tell(group: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
    for item, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(item.loop, []).append((item.future, outcome))
    for loop, results in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, results)  # one wake-up for the group
        except RuntimeError:
            continue  # that loop is closed: nobody waits there any more


def _resolve(results: Sequence[tuple[asyncio.Future[Any], Outcome]]) -> None:
    for future, outcome in results:
        if future.done():
            continue  # its caller was cancelled; the work is durable all the same
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(deliverable(outcome.error))
