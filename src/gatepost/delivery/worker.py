"""The worker: looks for due messages when the bell rings, a slot frees or a second has passed, and tries them.

What it claims, marks and settles goes through `commits`; a slot is free as soon as its try has a reply.
"""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from gatepost.delivery.attempt import Attempt, Desk
from gatepost.delivery.batch import Settling
from gatepost.delivery.claiming import Claiming
from gatepost.delivery.commits import MAX_UNSETTLED, Commits
from gatepost.delivery.heartbeat import Heartbeat
from gatepost.delivery.ring import Ring
from gatepost.delivery.round import Look, Prepare, Round
from gatepost.errors import TryLater
from gatepost.events import MessagesPruned, MessagesRecovered, WorkerFailed, WorkerStarted, WorkerStopped
from gatepost.outbox.give_back import recover_strays
from gatepost.outbox.settle import settle
from gatepost.outbox.workers import HEARTBEAT_S
from gatepost.signals import StopSign

POLL_S = 1.0
POLL_JITTER = 0.2  # many workers on one database must not look all at the same moment
AFTER_FAILURE_S = 1.0
CHORES_EVERY_S = 600.0


class Chore(Protocol):
    """Deletes one bounded batch of old rows and returns how many went."""

    def __call__(self, tx: Connection, now_ms: int) -> int: ...


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
        self._next_claim = Claiming(desk, prepare, owner)
        self._owner = owner
        self._slots = slots
        self._chores = chores
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._heartbeat = Heartbeat(desk, owner=owner, slots=slots, every_s=heartbeat_s, revived=ring.ring)
        self._chores_done = float("-inf")
        self._commits = Commits(desk.database, desk.clock, desk.events, look=self._look, answered=self._answered)
        self._under_way: dict[Attempt, asyncio.Task[None]] = {}  # until there is a reply
        self._open: set[Attempt] = set()  # until it is durable what they came to
        self._stopping = False
        self._wanted = False  # a claim goes into the next commit in which a slot is free
        self._claiming: Look | None = None  # the claim under way
        self._claim_error: Exception | None = None
        self._astray = False  # a claim or an attempt broke off: rows may be ours without anybody working on them
        self._strays_sought = desk.clock.monotonic()
        self._loop_task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the claim loop is alive and not stopping."""
        return self._loop_task is not None and not self._loop_task.done() and not self._stopping

    async def start(self) -> None:
        """Enlist, recover what dead workers left, then claim in the background.

        Raises:
            TryLater: the database takes no writes.
        """
        await self._desk.database.listen(self._ring.ring)
        self._desk.transport.listen(self._ring.ring)
        await self._heartbeat.start()
        self._loop_task = asyncio.create_task(self._loop(), name="gatepost-worker")
        self._desk.events.emit(WorkerStarted(owner=self._owner, slots=self._slots))

    async def stop(self, grace_s: float, hurry: StopSign) -> None:
        """Claim no more, let attempts finish for `grace_s` seconds (or until `hurry` is set), break off the rest.

        A try whose content has not begun is given back uncounted; one whose content has begun becomes `unknown`. The
        worker leaves last: until then its rows are its own, afterwards they are anybody's.
        """
        self._stopping = True
        self._ring.ring()
        if self._loop_task is not None:
            await self._loop_task
        await self._wait_for_attempts(grace_s, hurry)
        abandoned = await self._break_off()
        await self._heartbeat.stop()
        self._desk.events.emit(WorkerStopped(owner=self._owner, abandoned=abandoned))

    async def _loop(self) -> None:
        while not self._stopping:
            try:
                await self._turn()
            except TryLater as error:
                await self._failed(str(error))
            except Exception as error:  # a bug of ours in one round must not end all mail
                await self._failed(repr(error))

    async def _seek_strays(self) -> None:
        now_ms = self._desk.clock.now_ms()
        at_work = {attempt.claimed.id for attempt in self._open}
        found = await self._desk.database.write(lambda tx: recover_strays(tx, self._owner, at_work, now_ms))
        self._astray = False
        self._strays_sought = self._desk.clock.monotonic()
        if found.count:
            self._desk.events.emit(MessagesRecovered(due_again=found.due_again, unknown=found.unknown))

    def _may_have_strays(self) -> bool:
        # A commit whose connection broke may take effect later than our first look.
        since_s = self._desk.clock.monotonic() - self._strays_sought
        return self._astray or (self._desk.database.shared and since_s >= self._heartbeat_s)

    async def _turn(self) -> None:
        if self._claim_error is not None:
            error, self._claim_error = self._claim_error, None
            raise error
        if self._may_have_strays():
            self._wanted = False  # nothing is claimed meanwhile
            if self._claiming is None:
                await self._seek_strays()
        if not self._may_have_strays():  # else the claim under way rings at its end
            self._wanted = True
            self._commits.wake()
        await self._do_chores()
        if not self._stopping:
            await self._ring.wait(self._poll_s * random.uniform(1 - POLL_JITTER, 1 + POLL_JITTER))  # noqa: S311

    def _look(self) -> Look | None:
        """What to claim in the commit that begins now."""
        free = min(self._slots - len(self._under_way), self._slots + MAX_UNSETTLED - len(self._open))
        if not self._wanted or self._stopping:
            return None
        if (look := self._next_claim.next(free, idle=not self._open)) is not None:
            self._wanted = False
            self._claiming = look
        return look

    def _answered(self, found: Round | Exception) -> None:
        look, self._claiming = self._claiming, None
        if isinstance(found, Exception):
            self._claim_error = found
            self._ring.ring()
            return
        self._begin(found)
        if look is not None and self._next_claim.answered(look, found):
            self._wanted = True
        if self._may_have_strays():
            self._wanted = False
            self._ring.ring()

    def _begin(self, found: Round) -> None:
        for event in found.settled:
            self._desk.events.emit(event)
        for claimed, values in found.ready:
            attempt = Attempt(self._desk, self._commits, claimed, values)
            self._open.add(attempt)
            self._under_way[attempt] = asyncio.create_task(self._try(attempt), name="gatepost-attempt")

    async def _try(self, attempt: Attempt) -> None:
        """Run one try. Cancelled, it stays in `_open`: `stop` settles it."""
        try:
            await attempt.run()
        except Exception as error:
            self._gone_astray(attempt, error)
        del self._under_way[attempt]
        if attempt.over:
            self._open.discard(attempt)
            self._commits.forget(attempt.claimed)
        elif attempt.verdict is not None and attempt.tried is not None:
            told = partial(self._settled, attempt)
            self._commits.settle(Settling(attempt.claimed, attempt.verdict, attempt.tried, told))

    def _settled(self, attempt: Attempt, outcome: bool | Exception) -> None:
        self._open.discard(attempt)
        if isinstance(outcome, Exception):
            self._gone_astray(attempt, outcome)
        else:
            attempt.settled(outcome)

    def _gone_astray(self, attempt: Attempt, error: Exception) -> None:
        attempt.over = True
        self._astray = True
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
        left = list(self._under_way.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        open_attempts = sorted((one for one in self._open if not one.over), key=lambda one: one.claimed.id)
        if not open_attempts:
            return 0
        now_ms = self._desk.clock.now_ms()

        def work(tx: Connection) -> list[Attempt]:
            return [one for one in open_attempts if settle(tx, one.claimed, *one.break_off(now_ms), now_ms)]

        try:
            for attempt in await self._desk.database.write(work):
                attempt.announce()
        except TryLater as error:
            # These rows are found with an owner that is gone, by another worker or at the next start.
            self._desk.events.emit(WorkerFailed(error=str(error), retry_in_s=0))
        return len(open_attempts)

    async def _do_chores(self) -> None:
        now = self._desk.clock.monotonic()
        if now - self._chores_done < CHORES_EVERY_S:
            return
        now_ms, found = self._desk.clock.now_ms(), 0
        for chore in self._chores:
            count = await self._desk.database.write(partial(chore, now_ms=now_ms))
            if count:
                self._desk.events.emit(MessagesPruned(count=count))
            found += count
        if not found:  # else there may be more than a batch: after the next claim, not in ten minutes
            self._chores_done = now

    async def _failed(self, error: str) -> None:
        self._astray = True
        self._desk.events.emit(WorkerFailed(error=error, retry_in_s=AFTER_FAILURE_S))
        await asyncio.sleep(AFTER_FAILURE_S)
