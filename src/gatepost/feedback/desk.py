"""Where facts are handed in: proven by whoever hands them in, taken in durable batches, and told of after that."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.events import Events
from gatepost.feedback.fact import Fact
from gatepost.feedback.taken import Taken
from gatepost.suppression.hiding import Hiding

T = TypeVar("T")

MAX_FACTS_AT_ONCE = 50


class Write(Protocol):
    """Runs a work in one durable transaction."""

    async def __call__(self, work: Work[T], /) -> T: ...


class FeedbackDesk:
    """Takes facts.

    Args:
        write: runs a work in one durable transaction.
        clock: what time it is.
        events: told what became of every fact.
        hiding: finds suppressions of whoever was erased.
    """

    def __init__(self, write: Write, clock: Clock, events: Events, hiding: Hiding) -> None:
        self._write = write
        self._clock = clock
        self._events = events
        self._hiding = hiding

    async def take(self, facts: Sequence[Fact], *, request_id: str | None = None) -> list[Taken]:
        """Take facts, MAX_FACTS_AT_ONCE in each transaction; what is known already is taken once.

        Returns once all are durable; the same call may be repeated after an error.

        Raises:
            TryLater: not all of them were taken, or nobody knows.
        """
        raise NotImplementedError


def take_in(tx: Connection, facts: Sequence[Fact], *, hiding: Hiding, now_ms: int) -> list[Taken]:
    """Keep and apply at most MAX_FACTS_AT_ONCE facts in the caller's transaction."""
    raise NotImplementedError
