"""The claim loop: looks for due messages when the bell rings, a slot frees or a second has passed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection

from gatepost.delivery.attempt import Attempt, Desk
from gatepost.delivery.outcome_events import attempt_event
from gatepost.delivery.ring import Ring
from gatepost.errors import TryLater
from gatepost.events import MessageEvent, MessagesPruned, MessagesRecovered, WorkerFailed, WorkerStarted, WorkerStopped
from gatepost.outbox.claim import Claimed, Skip, allow_copies, claim
from gatepost.outbox.give_back import recover
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict, settle
from gatepost.signals import StopSign

POLL_S = 1.0
AFTER_FAILURE_S = 1.0
CHORES_EVERY_S = 600.0

# Renews the token of a claimed message and makes its link, in the claim's transaction.
Prepare = Callable[[Connection, Claimed, int], Mapping[str, str] | Skip]


class Chore(Protocol):
    """Deletes one bounded batch of old rows and returns how many went."""

    def __call__(self, tx: Connection, now_ms: int) -> int: ...


@dataclass(frozen=True)
class _Round:
    """What one claim brought: messages to attempt, and messages that were settled without a try."""

    ready: list[tuple[Claimed, Mapping[str, str]]]
    settled: list[MessageEvent]

    @property
    def size(self) -> int:
        return len(self.ready) + len(self.settled)


class Worker:
    """Runs at most `slots` attempts at a time, and keeps nothing else in memory."""

    def __init__(
        self, desk: Desk, ring: Ring, *, prepare: Prepare, owner: str, slots: int, chores: Sequence[Chore]
    ) -> None:
        self._desk = desk
        self._ring = ring
        self._prepare = prepare
        self._owner = owner
        self._slots = slots
        self._chores = chores
        self._chores_done = float("-inf")
        self._copies_at = float("-inf")
        self._under_way: dict[Attempt, asyncio.Task[None]] = {}
        self._stopping = False
        self._maybe_more = False
        self._astray = False  # a claim or an attempt broke off: rows may be ours without anybody working on them
        self._loop_task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the claim loop is alive and not stopping."""
        return self._loop_task is not None and not self._loop_task.done() and not self._stopping

    async def start(self) -> None:
        """Recover what a dead process left, then claim in the background."""
        await self._recover()
        self._loop_task = asyncio.create_task(self._loop(), name="gatepost-worker")
        self._desk.events.emit(WorkerStarted(owner=self._owner, slots=self._slots))

    async def stop(self, grace_s: float, hurry: StopSign) -> None:
        """Claim no more, let attempts finish for `grace_s` seconds (or until `hurry` is set), break off the rest.

        A try whose content has not begun is given back uncounted; one whose content has begun becomes `unknown`.
        """
        self._stopping = True
        self._ring.ring()
        if self._loop_task is not None:
            await self._loop_task
        if self._under_way:
            await self._wait_for_attempts(grace_s, hurry)
        abandoned = await self._break_off()
        self._desk.events.emit(WorkerStopped(owner=self._owner, abandoned=abandoned))

    async def _loop(self) -> None:
        while not self._stopping:
            try:
                await self._turn()
            except TryLater as error:
                await self._failed(str(error))
            except Exception as error:  # a bug of ours in one round must not end all mail
                await self._failed(repr(error))

    async def _recover(self) -> None:
        now_ms = self._desk.clock.now_ms()
        at_work = {attempt.claimed.id for attempt in self._under_way}
        found = await self._desk.database.write(lambda tx: recover(tx, now_ms, spare=at_work))
        self._astray = False
        if found.due_again or found.unknown:
            self._desk.events.emit(MessagesRecovered(due_again=found.due_again, unknown=found.unknown))

    async def _turn(self) -> None:
        if self._astray:
            await self._recover()
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
            await self._ring.wait(POLL_S)

    async def _claim(self, free: int) -> _Round:
        now_ms, now = self._desk.clock.now_ms(), self._desk.clock.monotonic()
        # Their delays are counted in half minutes: looking for them in every claim would cost more than the claim.
        copies_due = now >= self._copies_at

        def work(tx: Connection) -> _Round:
            found = _Round([], [])
            if copies_due:
                allow_copies(tx, now_ms)
            for one in claim(tx, owner=self._owner, limit=free, now_ms=now_ms):
                prepared = self._prepare(tx, one, now_ms) if one.expires_at > now_ms else None
                if prepared is None:
                    verdict = Verdict(state=State.EXPIRED, reason="expired", counted=False)
                elif isinstance(prepared, Skip):
                    verdict = Verdict(state=State.CANCELLED, reason=prepared.reason, counted=False)
                else:
                    found.ready.append((one, prepared))
                    continue
                settle(tx, one, verdict, None, now_ms)
                found.settled.append(attempt_event(one, verdict, None, now_ms))
            return found

        found = await self._desk.database.write(work)
        if copies_due:
            self._copies_at = now + POLL_S
        return found

    def _begin(self, found: _Round) -> None:
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
            # The next start finds these rows owned by a dead process and recovers them.
            self._desk.events.emit(WorkerFailed(error=str(error), retry_in_s=0))
        return len(open_attempts)

    async def _do_chores(self) -> None:
        if self._desk.clock.monotonic() - self._chores_done < CHORES_EVERY_S:
            return
        now_ms = self._desk.clock.now_ms()
        for chore in self._chores:
            count = await self._desk.database.write(partial(chore, now_ms=now_ms))
            if count:
                self._desk.events.emit(MessagesPruned(count=count))
        self._chores_done = self._desk.clock.monotonic()

    async def _failed(self, error: str) -> None:
        self._astray = True
        self._desk.events.emit(WorkerFailed(error=error, retry_in_s=AFTER_FAILURE_S))
        await asyncio.sleep(AFTER_FAILURE_S)
