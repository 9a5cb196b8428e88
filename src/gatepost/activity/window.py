"""Counts, rates and times of the last so many seconds, for programs; see `now` for what the operators' page shows."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, func, select

from gatepost.activity.counts import TAKEN, acceptance_times_ms, slowest_of
from gatepost.outbox.depths import Depths, depths
from gatepost.outbox.queue_hold import QueueHold, hold_of
from gatepost.outbox.tables import IS_SETTLED, messages

MIN_WINDOW_S, DEFAULT_WINDOW_S, MAX_WINDOW_S = 60, 3_600, 86_400
PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class Window:
    """What was settled in a window, and what waits at its end. Instants are milliseconds since the epoch.

    Args:
        at: its end.
        window_s: how long it is.
        settled: messages whose fate was settled in it, by the state they are in now; no state without one.
        times_ms: by percent of those that were accepted in it: how long the slowest of them took; None of none.
        depths: what is not over yet.
        hold: who holds the whole queue, and why.
    """

    at: int
    window_s: int
    settled: Mapping[str, int]
    times_ms: Mapping[int, int | None]
    depths: Depths
    hold: QueueHold | None

    @property
    def accepted(self) -> int:
        """Messages that a server took, also where they came back since."""
        return sum(self.settled.get(state, 0) for state in TAKEN)


_SETTLED = (
    select(messages.c.state, func.count())
    .where(IS_SETTLED, messages.c.settled_at >= bindparam("from_ms"))
    .group_by(messages.c.state)
)


def window_of(connection: Connection, now_ms: int, window_s: int) -> Window:
    """Look at the last `window_s` seconds, in one walk along what was settled in them."""
    from_ms = now_ms - window_s * 1000
    times = acceptance_times_ms(connection, from_ms)
    return Window(
        at=now_ms,
        window_s=window_s,
        settled={state: count for state, count in connection.execute(_SETTLED, {"from_ms": from_ms})},
        times_ms={percent: slowest_of(times, percent) for percent in PERCENTS},
        depths=depths(connection),
        hold=hold_of(connection),
    )
