"""What a worker owns and does not work on: a claim whose answer was lost, an attempt that broke off."""

import asyncio
import uuid
from collections.abc import Collection

from gatepost.delivery.attempt import Desk
from gatepost.events import MessagesRecovered
from gatepost.outbox.give_back import Recovered, recover_strays


class Strays:
    """Looks for them when there is reason to. Nothing may be claimed while `possible` is true.

    Args:
        desk: the database, the clock and the events.
        owner: the worker.
        every_s: where processes share the database it is looked for them this often, whatever happened: a commit whose
            connection broke may take effect later than the first look.
    """

    def __init__(self, desk: Desk, owner: str, every_s: float) -> None:
        self._desk = desk
        self._owner = owner
        self._every_s = every_s
        self._reason = False
        self._sought_at = desk.clock.monotonic()
        self._seeking: asyncio.Task[Recovered] | None = None

    @property
    def possible(self) -> bool:
        """Whether there may be some."""
        since_s = self._desk.clock.monotonic() - self._sought_at
        return self._reason or self._seeking is not None or (self._desk.database.shared and since_s >= self._every_s)

    def suspect(self) -> None:
        """Something broke off: look soon."""
        self._reason = True

    async def seek(self, at_work: Collection[uuid.UUID]) -> None:
        """Recover them.

        Args:
            at_work: the messages that are being worked on.

        Raises:
            TryLater: the database takes no writes.
        """
        if self._seeking is None:
            now_ms, owner = self._desk.clock.now_ms(), self._owner
            work = self._desk.database.write(lambda tx: recover_strays(tx, owner, at_work, now_ms))
            self._seeking = asyncio.ensure_future(work)
        # Whoever waits for it may be cancelled. A search that goes on while others already claim would find their
        # claims, so the next one to come waits for this one.
        await asyncio.wait({self._seeking})
        sought, self._seeking = self._seeking, None
        found = sought.result()
        self._reason = False
        self._sought_at = self._desk.clock.monotonic()
        if found.count:
            self._desk.events.emit(MessagesRecovered(due_again=found.due_again, unknown=found.unknown))
