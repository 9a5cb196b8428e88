"""The commits of a worker without the worker: what was asked of the database, and what everybody was told."""

from collections.abc import Callable
from typing import Any, TypeVar

from gatepost.clock import SystemClock
from gatepost.database.connection import Database, Work
from gatepost.delivery.batch import Batch, Settling
from gatepost.delivery.commits import Commits
from gatepost.delivery.round import Look, Round
from gatepost.events import Event, Events
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict
from tests.support.troubled import Troubled

T = TypeVar("T")
ACCEPTED = Verdict(state=State.ACCEPTED)
TRIED = Try(outcome="accepted", started_at=1)


class Watched(Troubled):
    """A real database that remembers every work it was given.

    Attributes:
        works: in the order in which they were asked for.
        before: called before each write.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.works: list[Any] = []
        self.before: Callable[[], None] = lambda: None

    @property
    def batches(self) -> list[Batch]:
        """The works that are a worker's batches."""
        return [one for one in self.works if isinstance(one, Batch)]

    async def write(self, work: Work[T]) -> T:
        self.works.append(work)
        self.before()
        return await super().write(work)


class Asking:
    """Commits over a watched database, and the answers."""

    def __init__(self, database: Database) -> None:
        self.database = Watched(database)
        self.next_look: Look | None = None
        self.answers: list[Round | Exception] = []
        self.heard: list[Event] = []
        events = Events()
        events.subscribe(self.heard.append)
        self.commits = Commits(self.database, SystemClock(), events, look=self._take_look, answered=self.answers.append)

    def settle(self, claimed: Claimed, verdict: Verdict = ACCEPTED, tried: Try = TRIED) -> list[bool | Exception]:
        """Ask for a result; returns the list its answer will be in."""
        answers: list[bool | Exception] = []
        self.commits.settle(Settling(claimed, verdict, tried, answers.append))
        return answers

    def _take_look(self) -> Look | None:
        look, self.next_look = self.next_look, None
        return look
