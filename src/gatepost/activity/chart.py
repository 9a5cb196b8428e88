"""What the chart shows: messages that servers took, and that were given up, over a minute, an hour and a day. Pure."""

from dataclasses import dataclass

from gatepost.activity.tally import MINUTE_MS, QUARTER_MS, SECOND_MS, Tally


@dataclass(frozen=True)
class Series:
    """One span of time in equal stretches, oldest first.

    Args:
        until_ms: where the last stretch ends.
        width_ms: how long each is.
        accepted: messages that a server took, in each.
        given_up: messages that failed or expired, in each.
    """

    until_ms: int
    width_ms: int
    accepted: tuple[int, ...]
    given_up: tuple[int, ...]


@dataclass(frozen=True)
class Chart:
    """The last minute by seconds that are over, the last hour by minutes and the last day by quarters of an hour.

    The newest minute and quarter are not over.
    """

    minute: Series
    hour: Series
    day: Series


def chart_of(tally: Tally) -> Chart:
    """Draw up the chart as of the tally's last look."""
    second = tally.now_ms - tally.now_ms % SECOND_MS
    return Chart(
        minute=_series(tally, second, SECOND_MS, 60),
        hour=_series(tally, _end(tally.now_ms, MINUTE_MS), MINUTE_MS, 60),
        day=_series(tally, _end(tally.now_ms, QUARTER_MS), QUARTER_MS, 96),
    )


def per_second(chart: Chart, seconds: int = 10) -> float:
    """Return how many messages a second servers took, over the newest so many seconds that are over."""
    return sum(chart.minute.accepted[-seconds:]) / seconds


def _end(now_ms: int, width_ms: int) -> int:
    return now_ms - now_ms % width_ms + width_ms


def _series(tally: Tally, until_ms: int, width_ms: int, number: int) -> Series:
    columns = [[0, 0] for _ in range(number)]
    begin_ms = until_ms - number * width_ms
    for stretches in (tally.minutes, tally.seconds):
        for at, counts in stretches.items():
            if begin_ms <= at < until_ms:
                column = columns[(at - begin_ms) // width_ms]
                column[0] += counts[0]
                column[1] += counts[1]
    return Series(until_ms, width_ms, tuple(one[0] for one in columns), tuple(one[1] for one in columns))
