"""What shares one transaction of a worker: results, marks and a claim; and how each of them is written alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from gatepost.database.connection import Work
from gatepost.delivery.bounces import Bounce, write_all
from gatepost.delivery.round import Look, Round
from gatepost.outbox.claim import Claimed
from gatepost.outbox.late import settle_late
from gatepost.outbox.settle import (
    Result,
    Try,
    Verdict,
    is_settled,
    mark_all,
    mark_committing,
    settle,
    settle_all,
    take,
)


class Settling(NamedTuple):
    """What a try came to, and who is told when it is durable: True, False when it was no longer ours, or an error.

    `bounce` is what the server said of the address with it, where it said something.
    """

    claimed: Claimed
    verdict: Verdict
    tried: Try
    told: Callable[[bool | Exception], None]
    bounce: Bounce | None = None

    def alone(self, now_ms: int) -> Work[bool]:
        """The work that writes this result only."""
        claimed, verdict, tried, _, bounce = self

        def work(tx: Connection) -> bool:
            if settle(tx, claimed, verdict, tried, now_ms):
                if bounce is not None:
                    bounce.write(tx, now_ms)
                return True
            return is_settled(tx, claimed, tried) or settle_late(tx, claimed, verdict, tried, now_ms)

        return work


class Mark(NamedTuple):
    """A message about to be handed over, and who waits to hear whether it is still ours."""

    claimed: Claimed
    asked: asyncio.Future[bool]

    def alone(self) -> Work[bool]:
        """The work that writes this mark only."""
        claimed = self.claimed
        return lambda tx: mark_committing(tx, claimed)


@dataclass(frozen=True)
class Batch:
    """A work that writes all of it, or raises NotAllOurs and writes nothing."""

    results: list[Settling]
    marks: list[Mark]
    look: Look | None
    now_ms: int

    @property
    def size(self) -> int:
        """How many parts it has."""
        return len(self.results) + len(self.marks) + (self.look is not None)

    def __call__(self, tx: Connection) -> Round | None:
        if len(self.results) + len(self.marks) > 1:
            take(tx, [*(one.claimed for one in self.results), *(one.claimed for one in self.marks)])
        if self.results:
            settle_all(tx, [Result(*one[:3]) for one in self.results], self.now_ms)
        if self.marks:
            mark_all(tx, [one.claimed for one in self.marks])
        if bounces := [one.bounce for one in self.results if one.bounce is not None]:
            write_all(tx, bounces, self.now_ms)
        return None if self.look is None else self.look(tx)

    def alone(self) -> list[Work[Any]]:
        """A work for each part, in the order results, marks, claim."""
        works: list[Work[Any]] = [one.alone(self.now_ms) for one in self.results]
        works += [one.alone() for one in self.marks]
        return works if self.look is None else [*works, self.look]
