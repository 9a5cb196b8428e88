"""Counts of a day, kept so that counting again costs as much as what is new: minutes that are over are remembered.

Whatever is counted is read from the database, so it is the same in every process and after every restart. A row may
be committed a little after the instant it bears, and a fact may come late about an old one; so the newest seconds are
counted at each look, a minute is remembered only some time after its end, and all are counted anew now and then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy import Connection

SECOND_MS = 1_000
MINUTE_MS = 60_000
QUARTER_MS = 15 * MINUTE_MS
DAY_MS = 24 * 60 * MINUTE_MS
# A second is remembered so long after its end, a minute so long after its own.
SECOND_SETTLES_MS = 5_000
MINUTE_SETTLES_MS = 60_000
# What came late about minutes that are remembered shows after so long.
COUNTED_ANEW_EVERY_MS = 5 * MINUTE_MS

Counts = tuple[int, ...]


class Count(Protocol):
    """Counts rows by stretches of time."""

    def __call__(
        self, connection: Connection, width_ms: int, from_ms: int, until_ms: int | None
    ) -> Mapping[int, Counts]:
        """Return the counts of each stretch that has any, by the instant it begins.

        Args:
            connection: for reading.
            width_ms: how long a stretch is: SECOND_MS or MINUTE_MS.
            from_ms: the first instant, the beginning of a stretch.
            until_ms: the first instant that counts no more; None: no end.
        """
        ...


@dataclass(frozen=True)
class Tally:
    """What is remembered of a day. It never changes: `grown` makes the next one.

    Args:
        count: counts in the database.
        kinds: how many counts there are of each stretch.
        minutes: by the instant they begin; those before `minutes_until`.
        seconds: by the instant they begin; those from `minutes_until` on.
        minutes_until: where the minutes end and the seconds begin.
        seconds_until: the seconds before it are remembered, those from it on are counted at each look.
        counted_at: when all was counted.
        now_ms: when the newest seconds were.
    """

    count: Count
    kinds: int
    minutes: Mapping[int, Counts] = field(default_factory=dict)
    seconds: Mapping[int, Counts] = field(default_factory=dict)
    minutes_until: int = 0
    seconds_until: int = 0
    counted_at: int = 0
    now_ms: int = 0

    def grown(self, connection: Connection, now_ms: int) -> "Tally":
        """Count what is new at `now_ms` (wall time, milliseconds), in one or two short walks along an index."""
        minutes_until = _floor(now_ms - MINUTE_SETTLES_MS, MINUTE_MS)
        seconds_until = _floor(now_ms - SECOND_SETTLES_MS, SECOND_MS)
        first = _floor(now_ms - DAY_MS, QUARTER_MS)
        remembered = self
        if not self.counted_at <= now_ms < self.counted_at + COUNTED_ANEW_EVERY_MS or now_ms < self.now_ms:
            remembered = replace(
                self, minutes={}, seconds={}, minutes_until=first, seconds_until=minutes_until, counted_at=now_ms
            )
        minutes = remembered.minutes
        if remembered.minutes_until < minutes_until:
            kept = {at: counts for at, counts in minutes.items() if at >= first}
            minutes = kept | dict(self.count(connection, MINUTE_MS, remembered.minutes_until, minutes_until))
        since = max(remembered.seconds_until, minutes_until)
        seconds = {at: counts for at, counts in remembered.seconds.items() if minutes_until <= at < since}
        newest = _floor(now_ms, SECOND_MS)
        for at, counts in self.count(connection, SECOND_MS, since, None).items():
            # Written by a clock that is ahead of ours, it counts as of now.
            at = min(at, newest)
            seconds[at] = _sum([seconds.get(at, ()), counts], self.kinds)
        return replace(
            remembered,
            minutes=minutes,
            seconds=seconds,
            minutes_until=minutes_until,
            seconds_until=max(seconds_until, minutes_until),
            now_ms=now_ms,
        )

    def since(self, from_ms: int) -> Counts:
        """Return what was counted from an instant on, the beginning of a minute of the last 24 hours."""
        return self.between(from_ms, self.now_ms + 1)

    def between(self, from_ms: int, until_ms: int) -> Counts:
        """Return what was counted in a stretch; its ends lie between minutes, or after `minutes_until` seconds."""
        parts = [counts for at, counts in self.seconds.items() if from_ms <= at < until_ms]
        if from_ms < self.minutes_until:
            parts += [counts for at, counts in self.minutes.items() if from_ms <= at < until_ms]
        return _sum(parts, self.kinds)


def _floor(instant_ms: int, width_ms: int) -> int:
    return instant_ms - instant_ms % width_ms


def _sum(parts: list[Counts], kinds: int) -> Counts:
    return tuple(sum(column) for column in zip(*[one for one in parts if one], strict=True)) or (0,) * kinds
