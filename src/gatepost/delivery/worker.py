"""The claim loop: looks for due messages when the bell rings, a slot frees or a second has passed."""

import asyncio
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from gatepost.delivery.attempt import Attempt, Desk
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
COPIES_EVERY_S = 1.0
AFTER_FAILURE_S = 1.0
CHORES_EVERY_S = 600.0


class Chore(Protocol):
    """Deletes one bounded batch of old rows and returns how many went."""

    def __call__(self, tx: Connection, now_ms: int) -> int: ...


class Worker:
    """Runs at most `slots` attempts at a time, and keeps nothing else in memory."""

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
        self._prepare = prepare
        self._owner = owner
        self._slots = slots
        self._chores = chores
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._heartbeat = Heartbeat(desk, owner=owner, slots=slots, every_s=heartbeat_s, revived=ring.ring)
        self._chores_done = float("-inf")
        self._copies_at = float("-inf")
        self._under_way: dict[Attempt, asyncio.Task[None]] = {}
        self._stopping = False
        self._maybe_more = False
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
        if self._under_way:
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
        at_work = {attempt.claimed.id for attempt in self._under_way}
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
        if self._may_have_strays():
            await self._seek_strays()
        free = self._slots - len(self._under_way)
        self._maybe_more = False
        if free > 0:
            found = await self._claim(free)
            self._begin(found)
            # A full hand may have left something: look again as soon as a slot is free.
            self._maybe_more = found.size == free
            if self._maybe_more and len(self._under_way) < self._slots:
                return
        else:
            self._maybe_more = True
        await self._do_chores()
        if not self._stopping:
            await self._ring.wait(self._poll_s * random.uniform(1 - POLL_JITTER, 1 + POLL_JITTER))  # noqa: S311

    async def _claim(self, free: int) -> Round:
        now = self._desk.clock.monotonic()
        look = Look(
            prepare=self._prepare,
            owner=self._owner,
            free=free,
            now_ms=self._desk.clock.now_ms(),
            while_alive=self._desk.database.shared,
            # Their delays are counted in half minutes: looking for them in every claim would cost more than the claim.
            copies=now >= self._copies_at,
        )
        found = await self._desk.database.write(look)
        if look.copies:
            self._copies_at = now + COPIES_EVERY_S
        return found

    def _begin(self, found: Round) -> None:
        for event in found.settled:
            self._desk.events.emit(event)
        for claimed, values in found.ready:
            attempt = Attempt(self._desk, claimed, values)
            task = asyncio.create_task(attempt.run(), name=f"attempt-{claimed.id}")
            self._under_way[attempt] = task
            task.add_done_callback(partial(self._ended, attempt))

    def _ended(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return  # stays in `_under_way`: stop() settles it
        if (error := task.exception()) is not None:
            self._desk.events.emit(WorkerFailed(error=repr(error), retry_in_s=0))
            self._astray = True
        self._under_way.pop(attempt, None)
        if self._maybe_more:
            self._ring.ring()

    async def _wait_for_attempts(self, grace_s: float, hurry: StopSign) -> None:
        hurried = asyncio.create_task(hurry.wait())
        finished = asyncio.gather(*self._under_way.values(), return_exceptions=True)
        either: set[asyncio.Future[Any]] = {hurried, finished}
        await asyncio.wait(either, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()

    async def _break_off(self) -> int:
        left = list(self._under_way.items())
        for _, task in left:
            task.cancel()
        await asyncio.gather(*(task for _, task in left), return_exceptions=True)
        open_attempts = [attempt for attempt, _ in left if not attempt.over]
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
