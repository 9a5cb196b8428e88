"""The worker: looks for due messages when the bell rings, a slot frees or a second has passed, and tries them.

What it claims, marks and settles goes through `commits`; a slot is free as soon as its try has a reply. Its tasks run
again whenever one of them ends that must not: what they work on is kept here, not in them.
"""

import asyncio
import random
from collections.abc import Sequence
from functools import partial

from gatepost.delivery.attempt import Attempt, Desk
from gatepost.delivery.batch import Settling
from gatepost.delivery.break_off import break_off
from gatepost.delivery.chores import Chore, Chores
from gatepost.delivery.claiming import Claiming
from gatepost.delivery.clock_watch import ClockWatch
from gatepost.delivery.commits import MAX_UNSETTLED, Commits
from gatepost.delivery.expiry import Expiry
from gatepost.delivery.heartbeat import Heartbeat
from gatepost.delivery.ring import Ring
from gatepost.delivery.round import Look, Prepare, Round
from gatepost.delivery.strays import Strays
from gatepost.delivery.supervision import Supervised
from gatepost.errors import TryLater
from gatepost.events import WorkerFailed, WorkerStarted, WorkerStopped
from gatepost.outbox.settle import Try, Verdict
from gatepost.outbox.workers import HEARTBEAT_S
from gatepost.signals import StopSign

POLL_S = 1.0
POLL_JITTER = 0.2  # many workers on one database must not look all at the same moment
AFTER_FAILURE_S = 1.0


class Worker:
    """Runs at most `slots` attempts at a time; in memory are these and, of at most MAX_UNSETTLED more, the result."""

    def __init__(
        self,
        desk: Desk,
        ring: Ring,
        *,
        prepare: Prepare,
        owner: str,
        slots: int,
        chores: Sequence[Chore],
        poll_s: float = POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._desk = desk
        self._ring = ring
        self._owner = owner
        self._slots = slots
        self._poll_s = poll_s
        self._heartbeat = Heartbeat(desk, owner=owner, slots=slots, every_s=heartbeat_s, revived=ring.ring)
        self._chores = Chores(desk, chores)
        self._clock_watch = ClockWatch(desk)
        self._expiry = Expiry(desk)
        self._strays = Strays(desk, owner, heartbeat_s)
        self._claims = Claiming(desk, prepare, owner, slots)
        self._commits = Commits(desk.database, desk.clock, desk.events, look=self._look, answered=self._answered)
        self._under_way: dict[Attempt, asyncio.Task[None]] = {}  # until there is a reply
        self._open: set[Attempt] = set()  # until it is durable what they came to
        self._stopping = False
        self._breaking_off = False
        self._wanted = False  # a claim goes into the next commit in which a slot is free
        self._claiming: Look | None = None  # the claim under way
        self._claim_error: Exception | None = None
        self._loop = Supervised("worker", self._turns, desk.events)

    @property
    def running(self) -> bool:
        """Whether the claim loop is alive and not stopping."""
        return self._loop.running and not self._stopping

    async def start(self) -> None:
        """Enlist, recover what dead workers left, then claim in the background.

        Raises:
            TryLater: the database takes no writes.
        """
        await self._desk.database.listen(self._ring.ring)
        self._desk.transport.listen(self._ring.ring)
        await self._heartbeat.start()
        self._loop.start()
        self._desk.events.emit(WorkerStarted(owner=self._owner, slots=self._slots))

    async def stop(self, grace_s: float, hurry: StopSign) -> None:
        """Claim no more, let attempts finish for `grace_s` seconds (or until `hurry` is set), break off the rest.

        A try whose content has not begun is given back uncounted; one whose content has begun becomes `unknown`. The
        worker leaves last: until then its rows are its own, afterwards they are anybody's.
        """
        self._stopping = True
        self._ring.ring()
        await self._loop.stop()
        await self._wait_for_attempts(grace_s, hurry)
        abandoned = await self._break_off()
        await self._heartbeat.stop()
        self._desk.events.emit(WorkerStopped(owner=self._owner, abandoned=abandoned))

    async def _turns(self) -> None:
        while not self._stopping:
            try:
                await self._turn()
            except TryLater as error:
                await self._failed(str(error))
            except Exception as error:  # a bug of ours in one round must not end all mail
                await self._failed(repr(error))

    async def _turn(self) -> None:
        if self._claim_error is not None:
            error, self._claim_error = self._claim_error, None
            raise error
        if self._strays.possible:
            self._wanted = False  # nothing is claimed meanwhile
            if self._claiming is None:
                await self._strays.seek({attempt.claimed.id for attempt in self._open})
        await self._clock_watch.look()
        if not self._strays.possible:  # else the claim under way rings at its end
            self._wanted = True
            self._claims.rung()
            self._commits.wake()
        await self._chores.do()
        if self._claims.bounded:
            await self._expiry.go_on()
        if not self._stopping:
            await self._ring.wait(self._poll_s * random.uniform(1 - POLL_JITTER, 1 + POLL_JITTER))  # noqa: S311

    async def _failed(self, error: str) -> None:
        self._strays.suspect()
        self._desk.events.emit(WorkerFailed(error=error, retry_in_s=AFTER_FAILURE_S))
        await asyncio.sleep(AFTER_FAILURE_S)

    def _look(self) -> Look | None:
        """What to claim in the commit that begins now."""
        free = min(self._slots - len(self._under_way), self._slots + MAX_UNSETTLED - len(self._open))
        if self._stopping or not (self._wanted or (free > 0 and self._reopened())):
            return None
        if (look := self._claims.next(free, idle=not self._open)) is not None:
            self._wanted = False
            self._claiming = look
        return look

    def _reopened(self) -> bool:
        return self._claims.reopened and not self._strays.possible

    def _answered(self, found: Round | Exception) -> None:
        look, self._claiming = self._claiming, None
        if isinstance(found, Exception):
            self._claim_error = found
            self._strays.suspect()
            self._ring.ring()
            return
        self._begin(found)
        if look is not None and self._claims.answered(look, found):
            self._wanted = True
        if self._strays.possible:
            self._wanted = False
            self._ring.ring()

    def _begin(self, found: Round) -> None:
        for event in (*found.settled, *found.suppressed):
            self._desk.events.emit(event)
        for claimed, values in found.ready:
            attempt = Attempt(self._desk, self._commits, claimed, values)
            self._open.add(attempt)
            self._claims.begun(attempt)
            self._under_way[attempt] = task = asyncio.create_task(self._try(attempt), name="gatepost-attempt")
            task.add_done_callback(partial(self._over, attempt))

    async def _try(self, attempt: Attempt) -> None:
        try:
            await attempt.run()
        except Exception as error:
            self._gone_astray(attempt, error)
        del self._under_way[attempt]
        self._claims.ended(attempt)
        if attempt.over:
            self._open.discard(attempt)
            self._commits.forget(attempt.claimed)
        elif attempt.verdict is not None and attempt.tried is not None:
            self._settle(attempt, attempt.verdict, attempt.tried)

    def _over(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        """A task that was cancelled, perhaps before it began, and not by a stop: its message must not wait for it."""
        if task.cancelled() and not self._breaking_off and self._under_way.pop(attempt, None) is not None:
            self._claims.ended(attempt)
            self._desk.events.emit(WorkerFailed(error="an attempt was cancelled", retry_in_s=0))
            self._settle(attempt, *attempt.cancelled())

    def _settle(self, attempt: Attempt, verdict: Verdict, tried: Try) -> None:
        self._commits.settle(Settling(attempt.claimed, verdict, tried, partial(self._settled, attempt), attempt.bounce))

    def _settled(self, attempt: Attempt, outcome: bool | Exception) -> None:
        self._open.discard(attempt)
        if isinstance(outcome, Exception):
            self._gone_astray(attempt, outcome)
        else:
            attempt.settled(outcome)

    def _gone_astray(self, attempt: Attempt, error: Exception) -> None:
        attempt.over = True
        self._strays.suspect()
        self._desk.events.emit(WorkerFailed(error=repr(error), retry_in_s=0))

    async def _finish(self) -> None:
        await self._commits.drained()  # a claim under way may begin tries
        while left := [task for task in self._under_way.values() if not task.done()]:
            await asyncio.wait(left)
            await self._commits.drained()

    async def _wait_for_attempts(self, grace_s: float, hurry: StopSign) -> None:
        hurried = asyncio.create_task(hurry.wait())
        finished = asyncio.create_task(self._finish())
        await asyncio.wait({hurried, finished}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        finished.cancel()

    async def _break_off(self) -> int:
        await self._commits.close()
        self._breaking_off = True
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return await break_off(self._desk, [one for one in self._open if not one.over])
