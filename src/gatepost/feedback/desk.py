"""Where facts are handed in: proven by whoever hands them in, taken in durable batches, and told of after that."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.events import Events, FeedbackReceived
from gatepost.feedback.fact import Fact
from gatepost.feedback.intake import MAX_FACTS_AT_ONCE, take_in
from gatepost.feedback.kept import apply_kept
from gatepost.feedback.taken import Taken
from gatepost.suppression.hiding import Hiding

T = TypeVar("T")


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
        self._unusual: set[str] = set()

    async def take(self, facts: Sequence[Fact], *, request_id: str | None = None) -> list[Taken]:
        """Take facts, MAX_FACTS_AT_ONCE in each transaction; what is known already is taken once.

        Returns once all are durable; the same call may be repeated after an error.

        Raises:
            TryLater: not all of them were taken, or nobody knows.
        """
        taken: list[Taken] = []
        for start in range(0, len(facts), MAX_FACTS_AT_ONCE):
            batch = facts[start : start + MAX_FACTS_AT_ONCE]
            work = partial(take_in, facts=batch, hiding=self._hiding, now_ms=self._clock.now_ms())
            some = await self._write(work)
            self._tell(some, request_id)
            taken += some
        return taken

    async def apply_kept(self) -> int:
        """Apply some facts that were kept and whose messages are settled by now; returns how many.

        Raises:
            TryLater: nothing was done, or nobody knows.
        """
        taken = await self._write(partial(apply_kept, hiding=self._hiding, now_ms=self._clock.now_ms()))
        self._tell(taken, None)
        return len(taken)

    def _tell(self, taken: Sequence[Taken], request_id: str | None) -> None:
        for one in taken:
            fact = one.fact
            self._events.emit(
                FeedbackReceived(
                    source=fact.source,
                    kind=str(fact.kind),
                    outcome=str(one.outcome),
                    message=None if one.message is None else str(one.message),
                    state=one.state,
                    bounce=None if fact.bounce is None else str(fact.bounce),
                    status=fact.status,
                    request_id=request_id,
                )
            )
            if one.suppressed is not None:
                self._events.emit(replace(one.suppressed, request_id=request_id))
            self._tell_alarm(one)

    def _tell_alarm(self, one: Taken) -> None:
        """Once, and again only after the source was believed in between."""
        source = one.fact.source
        if one.believed:
            self._unusual.discard(source)
        elif one.unusual is not None and source not in self._unusual:
            self._unusual.add(source)
            self._events.emit(one.unusual)
