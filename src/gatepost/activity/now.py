"""What goes on at this moment, from one look at the database. Reads only."""

from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from gatepost.activity.chart import Chart, chart_of, per_second
from gatepost.activity.counts import count_bounced, count_settled, time_to_acceptance_ms
from gatepost.activity.tally import DAY_MS, Tally
from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.outbox.depths import Depths, depths
from gatepost.outbox.lifecycle import WAITING, State
from gatepost.outbox.queue_hold import QueueHold, hold_of
from gatepost.outbox.search import MessageRow, page

T = TypeVar("T")

LATEST = 20


@dataclass(frozen=True)
class Activity:
    """What goes on. Instants are milliseconds since the epoch, days are those of UTC.

    Args:
        at: when it was looked.
        accepted_today: messages that a server took, also where they bounced since.
        per_second: the same, on average over the last ten seconds.
        given_up_today: messages that failed or expired.
        bounced_today: messages of which a first report said so, whenever they were accepted.
        acceptance_ms: in how many milliseconds 95 of 100 messages were accepted lately; None: there was none.
        depths: what is not over yet.
        hold: who holds the whole queue, and why.
        chart: what was accepted and given up, over time.
        latest: the newest messages, newest first.
    """

    at: int
    accepted_today: int
    per_second: float
    given_up_today: int
    bounced_today: int
    acceptance_ms: int | None
    depths: Depths
    hold: QueueHold | None
    chart: Chart
    latest: tuple[MessageRow, ...]

    @property
    def waiting(self) -> int:
        """Messages that wait for their next try."""
        return sum(self.depths.by_state[state] for state in WAITING)

    def in_state(self, state: State) -> int:
        """Messages that are in one of the states that are not over."""
        return self.depths.by_state[state]


class Reader(Protocol):
    """A database as far as looking at it needs one."""

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on a connection that cannot write."""
        ...


class Watch:
    """Looks, and remembers what was counted.

    Args:
        database: is looked at.
        clock: says what today is.
    """

    def __init__(self, database: Reader, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._settled = Tally(count_settled, kinds=2)
        self._bounced = Tally(count_bounced, kinds=1)

    async def look(self) -> Activity:
        """Look at the database once.

        Raises:
            NotStarted: it is not open.
            TryLater: it cannot be read now.
        """
        # Two that look at the same time both count what is new; neither sees half of what the other remembers.
        look = partial(_look, now_ms=self._clock.now_ms(), settled=self._settled, bounced=self._bounced)
        found, self._settled, self._bounced = await self._database.read(look)
        return found


def _look(connection: Connection, *, now_ms: int, settled: Tally, bounced: Tally) -> tuple[Activity, Tally, Tally]:
    settled, bounced = settled.grown(connection, now_ms), bounced.grown(connection, now_ms)
    today = now_ms - now_ms % DAY_MS
    (accepted_today, given_up_today), (bounced_today,) = settled.since(today), bounced.since(today)
    chart = chart_of(settled)
    found = Activity(
        at=now_ms,
        accepted_today=accepted_today,
        per_second=per_second(chart),
        given_up_today=given_up_today,
        bounced_today=bounced_today,
        acceptance_ms=time_to_acceptance_ms(connection, now_ms),
        depths=depths(connection),
        hold=hold_of(connection),
        chart=chart,
        latest=tuple(page(connection, limit=LATEST)),
    )
    return found, settled, bounced
