"""The heartbeat: proves that this worker lives, and recovers what workers had in flight that are gone.

It has a task of its own, so that it goes on while every slot is busy and the claim loop waits.
"""

import asyncio
import contextlib
from collections.abc import Callable

from sqlalchemy import Connection

from gatepost.delivery.attempt import Desk
from gatepost.delivery.supervision import Supervised
from gatepost.errors import TryLater
from gatepost.events import MessagesRecovered, WorkerFailed, WorkerFoundDead, WorkerRevived
from gatepost.outbox.give_back import RECOVERED_AT_ONCE, Recovered, recover
from gatepost.outbox.workers import beat, enlist, leave, strike_out_dead

AFTER_FAILURE_S = 1.0
# Who could not beat for so long itself cannot tell the dead from those who could not either: the database was away.
# They have until the next beat to give theirs.
BLIND_AFTER_S = 15.0


class Heartbeat:
    """Keeps one worker's row in `workers`.

    Args:
        desk: the database, the clock and the events.
        owner: the worker's name.
        slots: for its row.
        every_s: seconds between two beats; nobody beats where this process alone may write.
        revived: called when this worker was held for dead and has enlisted again.
    """

    def __init__(self, desk: Desk, *, owner: str, slots: int, every_s: float, revived: Callable[[], None]) -> None:
        self._desk = desk
        self._owner = owner
        self._slots = slots
        self._every_s = every_s
        self._revived = revived
        self._beaten_at = float("-inf")
        self._next_at = float("-inf")
        self._stopping = asyncio.Event()
        self._task = Supervised("heartbeat", self._run, desk.events)

    async def start(self) -> None:
        """Enlist, recover, and beat from now on.

        Raises:
            TryLater: the row could not be written.
        """
        await self._enlist()
        # Judged with the first beat only: who starts right after an outage finds every row stale.
        await self._recover(strike_out=False)
        if self._desk.database.shared:
            self._next_at = self._beaten_at + self._every_s
            self._task.start()

    async def beat(self) -> None:
        """Say that this worker lives, then see to what others left who do not.

        Raises:
            TryLater: the database takes no writes.
        """
        since_s = self._desk.clock.monotonic() - self._beaten_at
        # Alone in its transaction: nothing that fails besides may make a living worker look dead.
        if await self._desk.database.write(lambda tx: beat(tx, self._owner)):
            self._beaten_at = self._desk.clock.monotonic()
        else:
            await self._enlist()
            self._desk.events.emit(WorkerRevived(owner=self._owner))
            self._revived()
        await self._recover(strike_out=since_s < BLIND_AFTER_S)

    async def stop(self) -> None:
        """Beat no more and leave: what is still owned, because it could not be given back, is recovered by others."""
        self._stopping.set()
        await self._task.stop()
        try:
            await self._desk.database.write(lambda tx: leave(tx, self._owner))
        except Exception as error:  # then the others find it dead
            self._failed(error, 0)

    async def _run(self) -> None:
        # When the next one is due is kept: a task that runs again must not begin to wait anew.
        while not await self._stopped_within(self._next_at - self._desk.clock.monotonic()):
            try:
                await self.beat()
            except Exception as error:  # whatever happened, the next beat must come
                wait_s = min(AFTER_FAILURE_S, self._every_s)
                self._failed(error, wait_s)
            else:
                wait_s = self._every_s
            self._next_at = self._desk.clock.monotonic() + wait_s

    async def _enlist(self) -> None:
        alone = not self._desk.database.shared
        self._tell(await self._desk.database.write(lambda tx: enlist(tx, self._owner, self._slots, alone=alone)))
        self._beaten_at = self._desk.clock.monotonic()

    async def _recover(self, *, strike_out: bool) -> None:
        now_ms = self._desk.clock.now_ms()

        def work(tx: Connection) -> tuple[list[str], Recovered]:
            return strike_out_dead(tx) if strike_out else [], recover(tx, now_ms)

        while True:
            dead, found = await self._desk.database.write(work)
            self._tell(dead)
            if found.count:
                self._desk.events.emit(
                    MessagesRecovered(due_again=found.due_again, unknown=found.unknown, held=found.held)
                )
            if found.count < RECOVERED_AT_ONCE:
                return

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0, seconds)):
                await self._stopping.wait()
        return self._stopping.is_set()

    def _tell(self, dead: list[str]) -> None:
        for owner in dead:
            self._desk.events.emit(WorkerFoundDead(owner=owner))

    def _failed(self, error: Exception, retry_in_s: float) -> None:
        said = str(error) if isinstance(error, TryLater) else repr(error)
        self._desk.events.emit(WorkerFailed(error=said, retry_in_s=retry_in_s))
