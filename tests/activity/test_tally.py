"""Remembered counts are those a whole count would give, however they grew."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from gatepost.activity.chart import chart_of, per_second
from gatepost.activity.tally import (
    COUNTED_ANEW_EVERY_MS,
    DAY_MS,
    MINUTE_MS,
    QUARTER_MS,
    SECOND_MS,
    SECOND_SETTLES_MS,
    Counts,
    Tally,
)

START_MS = 20_000 * DAY_MS


class Rows:
    """Rows of two kinds by their instants, counted as a database would; it notes what it was asked for."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, int]] = []
        self.asked: list[tuple[int, int, int | None]] = []

    def add(self, instant_ms: int, kind: int = 0) -> None:
        self.stored.append((instant_ms, kind))

    def count(self, _: object, width_ms: int, from_ms: int, until_ms: int | None) -> Mapping[int, Counts]:
        self.asked.append((width_ms, from_ms, until_ms))
        found = Counter(
            (at - at % width_ms, kind)
            for at, kind in self.stored
            if from_ms <= at and (until_ms is None or at < until_ms)
        )
        return {at: (found[at, 0], found[at, 1]) for at, _ in found}

    def since(self, from_ms: int) -> Counts:
        return tuple(sum(1 for at, one in self.stored if one == kind and at >= from_ms) for kind in (0, 1))


@pytest.fixture
def rows() -> Rows:
    """No row at first."""
    return Rows()


@pytest.mark.parametrize("seed", range(8))
def test_remembered_counts_are_those_of_a_whole_count(rows: Rows, seed: int) -> None:
    """Whatever the pauses between two looks, and with rows that are committed a little late, every figure is right."""
    chance = random.Random(seed)
    tally, now_ms = Tally(rows.count, kinds=2), START_MS + chance.randrange(DAY_MS)
    for at in range(300):
        rows.add(now_ms - chance.randrange(DAY_MS), at % 2)
    for _ in range(150):
        now_ms += chance.choice((20, 500, 1_000, 7_000, 59_000, 61_000, 200_000, 20 * MINUTE_MS))
        for _ in range(chance.randrange(4)):
            rows.add(now_ms - chance.randrange(SECOND_SETTLES_MS), chance.randrange(2))
        tally = tally.grown(None, now_ms)
        today = now_ms - now_ms % DAY_MS
        assert rows.since(today) == tally.since(today)
        chart = chart_of(tally)
        for series in (chart.minute, chart.hour, chart.day):
            begin = series.until_ms - len(series.accepted) * series.width_ms
            inside = sum(1 for at, kind in rows.stored if kind == 0 and begin <= at < series.until_ms)
            assert inside == sum(series.accepted)


def test_only_what_is_new_is_counted_again(rows: Rows) -> None:
    """The second look walks through a few seconds, the first of the next minute through one minute besides."""
    now_ms = START_MS + 12 * 60 * MINUTE_MS
    tally = Tally(rows.count, kinds=2).grown(None, now_ms)
    rows.asked.clear()
    tally = tally.grown(None, now_ms + 500)
    assert [(SECOND_MS, now_ms - SECOND_SETTLES_MS, None)] == rows.asked
    rows.asked.clear()
    tally.grown(None, now_ms + MINUTE_MS)
    assert (MINUTE_MS, now_ms - MINUTE_MS, now_ms) == rows.asked[0]


def test_what_comes_late_about_the_past_shows_after_minutes(rows: Rows) -> None:
    """A fact of an hour ago is not seen at once, and is when all is counted anew."""
    now_ms = START_MS + 12 * 60 * MINUTE_MS
    tally = Tally(rows.count, kinds=2).grown(None, now_ms)
    rows.add(now_ms - 60 * MINUTE_MS)
    assert (0, 0) == tally.grown(None, now_ms + 500).since(START_MS)
    assert (1, 0) == tally.grown(None, now_ms + COUNTED_ANEW_EVERY_MS).since(START_MS)


def test_a_clock_that_is_set_back_loses_nothing(rows: Rows) -> None:
    """What was written an hour ahead counts as of now, and stays counted."""
    now_ms = START_MS + 12 * 60 * MINUTE_MS
    rows.add(now_ms)
    tally = Tally(rows.count, kinds=2).grown(None, now_ms)
    back = tally.grown(None, now_ms - 60 * MINUTE_MS)
    assert (1, 0) == back.since(START_MS)


def test_after_a_small_step_back_every_second_has_its_place(rows: Rows) -> None:
    """What was remembered as part of a minute is told by its second again."""
    now_ms = START_MS + 12 * 60 * MINUTE_MS
    rows.add(now_ms + 2_000)
    tally = Tally(rows.count, kinds=2).grown(None, now_ms + 5_000).grown(None, now_ms + 125_000)
    chart = chart_of(tally.grown(None, now_ms + 10_000))
    assert [50 + 2] == [at for at, count in enumerate(chart.minute.accepted) if count]


def test_a_day_begins_anew_at_midnight(rows: Rows) -> None:
    """Today begins at 00:00 UTC, while the chart's day goes on over it."""
    midnight = START_MS + DAY_MS
    rows.add(midnight - 1)
    rows.add(midnight)
    tally = Tally(rows.count, kinds=2).grown(None, midnight + 10)
    assert (1, 0) == tally.since(midnight)
    assert 2 == sum(chart_of(tally).day.accepted)
    assert QUARTER_MS == chart_of(tally).day.width_ms


def test_the_rate_is_that_of_ten_seconds_that_are_over(rows: Rows) -> None:
    """What the present second has brought so far is no part of it."""
    for second in range(20):
        rows.add(START_MS + second * SECOND_MS)
    tally = Tally(rows.count, kinds=2).grown(None, START_MS + 19 * SECOND_MS + 1)
    assert 1.0 == per_second(chart_of(tally))
    idle = tally.grown(None, START_MS + 24 * SECOND_MS)
    assert 0.6 == per_second(chart_of(idle))
