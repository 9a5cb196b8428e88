"""Old rows are deleted beside the mail, in transactions of their own, batch by batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sqlalchemy import Connection

from gatepost.delivery.attempt import Desk
from gatepost.events import Event, MessagesPruned

CHORES_EVERY_S = 600.0
# While there is more than a batch: a pause for everybody who writes meanwhile.
MORE_EVERY_S = 0.5


class Chore(Protocol):
    """Deletes one bounded batch of old rows and returns how many went."""

    def __call__(self, tx: Connection, now_ms: int) -> int: ...


@dataclass(frozen=True)
class Announced:
    """A chore with an event of its own in place of MessagesPruned; it is made with `count`."""

    chore: Chore
    event: Callable[..., Event]

    def __call__(self, tx: Connection, now_ms: int) -> int:
        return self.chore(tx, now_ms)


class Chores:
    """Does each of them at the start and every CHORES_EVERY_S seconds, and on with those that have more to do."""

    def __init__(self, desk: Desk, chores: Sequence[Chore]) -> None:
        self._desk = desk
        self._chores = chores
        self._more: Sequence[Chore] = ()
        self._began_at = self._done_at = float("-inf")

    async def do(self) -> None:
        """Delete one batch of each kind, if it is time.

        Raises:
            TryLater: the database takes no writes.
        """
        now_s = self._desk.clock.monotonic()
        if now_s - self._began_at >= CHORES_EVERY_S:
            self._more = await self._do(self._chores)
            self._began_at = self._done_at = now_s
        elif self._more and now_s - self._done_at >= MORE_EVERY_S:
            self._more = await self._do(self._more)
            self._done_at = now_s

    async def _do(self, chores: Sequence[Chore]) -> Sequence[Chore]:
        now_ms, more = self._desk.clock.now_ms(), []
        for chore in chores:
            count = await self._desk.database.write(partial(chore, now_ms=now_ms))
            if count:
                event = chore.event if isinstance(chore, Announced) else MessagesPruned
                self._desk.events.emit(event(count=count))
                more.append(chore)
        return more
