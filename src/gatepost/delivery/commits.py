"""The commits of one worker: marks, results and the next claim that wait at one moment share one transaction.

One is under way at a time. It starts at once when none is; what is asked for meanwhile goes into the next. So a lone
message waits for nobody, and the more there are, the more of them share a commit and a statement. The task that runs
them may be cancelled at any moment: it runs again, and hears of the commit that was under way.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from gatepost.clock import Clock
from gatepost.database.connection import Database
from gatepost.delivery.batch import Batch, Mark, Settling
from gatepost.delivery.round import Look, Round
from gatepost.delivery.supervision import RESTART_AFTER_S, told
from gatepost.errors import DatabaseUnavailable, TryLater
from gatepost.events import Events, WorkerFailed, WorkerRestarted
from gatepost.outbox.claim import Claimed
from gatepost.outbox.settle import NotAllOurs

# Messages between their mark and their durable result: so many copies may follow from one death of the process.
MAX_UNSETTLED = 32
SETTLE_RETRY_S = 1.0
# How long a stop waits for the commit that is under way. What comes later is fenced, like every late write.
LAST_COMMIT_S = 5.0


class Commits:
    """Through it goes what a worker writes about its messages while it works.

    Args:
        database: where.
        clock: what time it is.
        events: told when the database takes no writes.
        look: what to claim at this moment, asked for each commit; None for nothing.
        answered: told what a claim brought, or why it failed.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        events: Events,
        *,
        look: Callable[[], Look | None],
        answered: Callable[[Round | Exception], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._events = events
        self._look = look
        self._answered = answered
        self._marks: deque[Mark] = deque()
        self._results: list[Settling] = []
        self._again: list[Settling] = []  # could not be written, and are in a moment
        self._unsettled: set[tuple[uuid.UUID, int]] = set()
        self._running: asyncio.Task[None] | None = None
        self._writing: tuple[Batch, asyncio.Task[Sequence[Any]]] | None = None  # the commit under way
        self._retry: asyncio.TimerHandle | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._closed = False

    def mark(self, claimed: Claimed) -> asyncio.Future[bool]:
        """Ask for a message's mark. The answer is False when it is no longer ours, or raises TryLater.

        It waits while MAX_UNSETTLED others are without a durable result. Cancelled, it may become durable all the same.
        """
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks.append(Mark(claimed, asked))
        self.wake()
        return asked

    def settle(self, settling: Settling) -> None:
        """Write what a try came to, however often the database has to be asked: what was taken must not be lost."""
        self._results.append(settling)
        self.wake()

    def forget(self, claimed: Claimed) -> None:
        """The try of this message ended and there is nothing to settle: it is somebody else's."""
        self._unsettled.discard(_key(claimed))
        self.wake()

    def wake(self) -> None:
        """Commit what waits, soon: what else this turn of the event loop asks for goes along."""
        if self._running is None and not self._closed:
            self._start()

    async def drained(self) -> None:
        """Return when nothing is under way and every result is durable."""
        await self._drained.wait()

    async def close(self) -> None:
        """Begin no further commit, and wait a moment for the one that is under way."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._running is not None:
            await asyncio.wait({self._running}, timeout=LAST_COMMIT_S)

    def _start(self) -> None:
        self._drained.clear()
        self._running = asyncio.get_running_loop().create_task(self._run(), name="gatepost-commits")
        self._running.add_done_callback(self._ended)

    async def _run(self) -> None:
        try:
            while (writing := self._writing or self._begin()) is not None:
                batch, task = self._writing = writing
                await asyncio.wait({task})
                self._writing = None
                self._tell(batch, _outcomes(batch, task))
                # A turn for what that has set going: the tries that begin ask for their marks in it, and need not wait
                # for one commit more.
                await asyncio.sleep(0)
        finally:
            self._running = None
            if not self._results and not self._again and self._writing is None:
                self._drained.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            return
        self._events.emit(WorkerRestarted(task="commits", error=told(task)))
        if self._running is task:
            self._running = None  # it was cancelled before it began
        if task.cancelled():
            self._go_on()
        else:
            task.get_loop().call_later(RESTART_AFTER_S, self._go_on)

    def _go_on(self) -> None:
        if self._running is None and (self._writing is not None or not self._closed):
            self._start()

    def _begin(self) -> tuple[Batch, asyncio.Task[Sequence[Any]]] | None:
        if self._closed or not (batch := self._next()).size:
            return None
        return batch, asyncio.get_running_loop().create_task(self._write(batch), name="gatepost-commit")

    def _next(self) -> Batch:
        look = self._look()
        results, self._results = self._results, []
        marks = []
        while self._marks and len(self._unsettled) < MAX_UNSETTLED:
            one = self._marks.popleft()
            if not one.asked.done():
                self._unsettled.add(_key(one.claimed))
                marks.append(one)
        return Batch(results, marks, look, self._clock.now_ms())

    async def _write(self, batch: Batch) -> Sequence[Any]:
        """Write it; an outcome for each part, in the order of `Batch.alone`."""
        try:
            found = await self._database.write(batch)
        except TryLater as error:
            return [error] * batch.size
        except Exception as error:
            if batch.size == 1 and not isinstance(error, NotAllOurs):
                return [error]
            # One of them is no longer ours, or cannot be written: the others must not pay for it.
            works = map(self._database.write, batch.alone())
            return await asyncio.gather(*works, return_exceptions=True)
        return [*[True] * (len(batch.results) + len(batch.marks)), found]

    def _tell(self, batch: Batch, outcomes: Sequence[Any]) -> None:
        for settling, outcome in zip(batch.results, outcomes, strict=False):
            self._tell_result(settling, outcome)
        for mark, outcome in zip(batch.marks, outcomes[len(batch.results) :], strict=False):
            self._tell_mark(mark, outcome)
        trouble = next((one for one in outcomes if isinstance(one, TryLater)), None)
        while trouble is not None and self._marks:  # they wait for results that cannot be written now
            self._tell_mark(self._marks.popleft(), trouble)
        if batch.look is not None:
            self._guarded(self._answered, outcomes[-1])

    def _tell_mark(self, mark: Mark, outcome: bool | Exception) -> None:
        if outcome is not True:
            self._unsettled.discard(_key(mark.claimed))
        if mark.asked.done():
            return  # cancelled: its try is being broken off
        if isinstance(outcome, TryLater):
            mark.asked.set_exception(type(outcome)(str(outcome), outcome.retry_after_s))  # one each, with a traceback
        elif isinstance(outcome, Exception):
            mark.asked.set_exception(outcome)
        else:
            mark.asked.set_result(outcome)

    def _tell_result(self, settling: Settling, outcome: bool | Exception) -> None:
        if isinstance(outcome, TryLater):
            if not self._again and not self._closed:
                self._events.emit(WorkerFailed(error=str(outcome), retry_in_s=SETTLE_RETRY_S))
                self._retry = asyncio.get_running_loop().call_later(SETTLE_RETRY_S, self._ask_again)
            self._again.append(settling)
        else:
            self._unsettled.discard(_key(settling.claimed))
            self._guarded(settling.told, outcome)

    def _guarded(self, told: Callable[[Any], None], outcome: Any) -> None:
        try:
            told(outcome)
        except Exception as error:  # a bug in one of them must not keep the others waiting
            self._events.emit(WorkerFailed(error=repr(error), retry_in_s=0))

    def _ask_again(self) -> None:
        self._results, self._again = [*self._again, *self._results], []
        self.wake()


def _outcomes(batch: Batch, task: asyncio.Task[Sequence[Any]]) -> Sequence[Any]:
    nobody_knows = DatabaseUnavailable("a commit was broken off: nobody knows whether it was kept")
    if task.cancelled():
        return [nobody_knows] * batch.size
    return [nobody_knows if isinstance(one, asyncio.CancelledError) else one for one in task.result()]


def _key(claimed: Claimed) -> tuple[uuid.UUID, int]:
    return claimed.id, claimed.claim_number
