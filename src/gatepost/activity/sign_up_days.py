"""The sign-ups of the last days, day by day (UTC). What was counted is kept in this process for a while.

Somebody looks at them a few times a day, and they are of many rows: so they are counted only when somebody looks, piece
by piece between everything else, and whoever looks waits for a moment only and sees what is known by then.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from gatepost.activity.sign_ups import DAY_MS, MailSteps, Piece, Steps, count_mails, count_sign_ups, id_at
from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.errors import NotStarted, TryLater

T = TypeVar("T")
_Count = Callable[..., Piece]

MOST_DAYS = 30
PATIENCE_S = 0.05
MOST_DOMAINS = 200  # of one day; those of fewer sign-ups are counted together
OTHER_DOMAINS = ""

# For so long a day's count is good. Links are good for a day, and bounces come within some: later little changes.
_YOUNG_DAYS = 8
_GOOD_TODAY_S = 5.0
_GOOD_YOUNG_S = 60.0
_GOOD_OLD_S = 3600.0
# And at least so many times as long as the counting took: never much of the machine goes into it.
_REST = 20


class Reader(Protocol):
    """A database as far as counting needs it."""

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on a connection that cannot write."""
        ...


class Stopping(Protocol):
    """Whether the process stops."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Day:
    """One day.

    Args:
        starts_at: in milliseconds.
        by_language: sign-ups.
        by_domain: sign-ups, at most MOST_DOMAINS and OTHER_DOMAINS.
        by_template: mails.
        counted_at: when, in milliseconds.
    """

    starts_at: int
    by_language: Mapping[str, Steps] = field(default_factory=dict)
    by_domain: Mapping[str, Steps] = field(default_factory=dict)
    by_template: Mapping[str, MailSteps] = field(default_factory=dict)
    counted_at: int = 0

    @property
    def total(self) -> Steps:
        """All of its sign-ups."""
        return sum(self.by_language.values(), start=Steps())


@dataclass(frozen=True)
class Found:
    """What is known of the last days.

    Args:
        days: those that were counted, the newest first.
        missing: how many are still to be counted.
    """

    days: tuple[Day, ...]
    missing: int

    @property
    def total(self) -> Steps:
        """All sign-ups of all these days."""
        return sum((day.total for day in self.days), start=Steps())

    @property
    def counted_at(self) -> int | None:
        """When the oldest of these counts was made; None: there is none."""
        return min((day.counted_at for day in self.days), default=None)

    def together(self, name: str) -> Mapping[str, Any]:
        """One breakdown (by_language, by_domain, by_template) over all days, the largest first."""
        found: dict[str, Any] = {}
        for day in self.days:
            for key, steps in getattr(day, name).items():
                found[key] = found[key] + steps if key in found else steps
        return dict(sorted(found.items(), key=lambda item: (-astuple(item[1])[0], item[0])))


@dataclass(frozen=True)
class _Kept:
    day: Day
    good_until: float  # by the monotonic clock, in seconds


class SignUpDays:
    """Counts sign-ups for whoever looks.

    Args:
        database: what is read.
        clock: says which day it is, and how old a count is.
        stopping: once set nothing more is counted.
    """

    def __init__(self, database: Reader, clock: Clock, stopping: Stopping) -> None:
        self._database = database
        self._clock = clock
        self._stopping = stopping
        self._kept: dict[int, _Kept] = {}
        self._counting: asyncio.Task[TryLater | NotStarted | None] | None = None

    async def last(self, days: int, patience_s: float = PATIENCE_S) -> Found:
        """Return what is known of the last days.

        Args:
            days: how many, today among them; at most MOST_DAYS.
            patience_s: how long to wait for what is not known yet, or is old.

        Raises:
            TryLater, NotStarted: the database could not be read.
        """
        wanted = self._days()[:days]
        if any(self._is_old(day) for day in wanted):
            if self._counting is None or self._counting.done():
                self._counting = asyncio.create_task(self._count(), name="sign-ups")
            counting = self._counting
            await asyncio.wait([counting], timeout=patience_s)
            if counting.done() and (refusal := counting.result()) is not None:
                raise refusal
        known = [self._kept[day].day for day in wanted if day in self._kept]
        return Found(tuple(known), len(wanted) - len(known))

    def _days(self) -> list[int]:
        today = self._clock.now_ms() // DAY_MS
        return [today - back for back in range(MOST_DAYS)]

    def _is_old(self, day: int) -> bool:
        kept = self._kept.get(day)
        return kept is None or kept.good_until <= self._clock.monotonic()

    async def _count(self) -> TryLater | NotStarted | None:
        try:
            await self._count_days()
        except (TryLater, NotStarted) as refusal:
            return refusal  # whoever waits is told; perhaps nobody does
        return None

    async def _count_days(self) -> None:
        """Count every day that is not known or old, the newest first."""
        days = self._days()
        for day in [day for day in self._kept if day not in days]:
            del self._kept[day]
        for day in days:
            if self._stopping.is_set():
                return
            if self._is_old(day):
                began = self._clock.monotonic()
                counted = await self._count_day(day)
                ended = self._clock.monotonic()
                self._kept[day] = _Kept(counted, ended + max(_good_for_s(days[0] - day), _REST * (ended - began)))

    async def _count_day(self, day: int) -> Day:
        counted_at = self._clock.now_ms()
        by_language: dict[str, Steps] = defaultdict(Steps)
        by_domain: dict[str, Steps] = defaultdict(Steps)
        for (language, domain), steps in await self._walk(count_sign_ups, day):
            by_language[language] += steps
            by_domain[domain] += steps
        by_template: dict[str, MailSteps] = defaultdict(MailSteps)
        for (template,), mails in await self._walk(count_mails, day):
            by_template[template] += mails
        return Day(day * DAY_MS, by_language, _largest(by_domain), by_template, counted_at)

    async def _walk(self, count: _Count, day: int) -> list[tuple[tuple[str, ...], Any]]:
        found: list[tuple[tuple[str, ...], Any]] = []
        after, before = id_at(day * DAY_MS), id_at((day + 1) * DAY_MS)
        while True:
            piece = await self._database.read(partial(count, from_id=after, before_id=before))
            found += piece.groups.items()
            if piece.next_id is None:
                return found
            after = piece.next_id


def _good_for_s(age_days: int) -> float:
    if age_days == 0:
        return _GOOD_TODAY_S
    return _GOOD_YOUNG_S if age_days < _YOUNG_DAYS else _GOOD_OLD_S


def _largest(by_domain: Mapping[str, Steps]) -> Mapping[str, Steps]:
    """The domains with most sign-ups; all others as one."""
    order = sorted(by_domain.items(), key=lambda item: (-item[1].registered, item[0]))
    others = sum((steps for _, steps in order[MOST_DOMAINS:]), start=Steps())
    return dict(order[:MOST_DOMAINS]) | ({OTHER_DOMAINS: others} if others.registered else {})
