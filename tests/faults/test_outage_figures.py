"""What an outage is measured with: time that runs faster, and the figures made of what the mail server received."""

import asyncio

import pytest

from tests.faults.outage_hour import displacement, rate
from tests.support.mail_process import Received
from tests.support.scaled_time import ScaledClock, run_scaled, scaled_loop

SPEED = 36_000.0
HOUR_S = 3600.0


def test_an_hour_of_the_loop_is_an_hour_of_the_clock() -> None:
    """Sleeps, timeouts and both clocks of the product agree, at whatever speed."""

    async def live() -> tuple[list[float], list[float]]:
        loop, clock = scaled_loop(), ScaledClock(scaled_loop())
        # Whoever is asked first before is asked last after: time goes on between two questions.
        questions = (loop.time, clock.monotonic, lambda: clock.now_ms() / 1000, loop.time)
        before = [ask() for ask in questions]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HOUR_S):
                await asyncio.Event().wait()
        return before, [ask() for ask in reversed(questions)][::-1]

    before, after = run_scaled(live(), SPEED)
    outer_s, clock_s, wall_s, inner_s = (late - early for early, late in zip(before, after, strict=True))
    assert outer_s >= clock_s >= inner_s >= HOUR_S
    assert outer_s + 0.001 >= wall_s >= inner_s - 0.001  # whole milliseconds


def test_time_goes_on_where_it_was_when_the_speed_changes() -> None:
    """Neither back nor ahead."""

    async def live() -> list[float]:
        loop, seen = scaled_loop(), []
        for speed in (SPEED, 1.0, SPEED / 2, 1.0):
            seen.append(loop.time())
            loop.speed = speed
            seen.append(loop.time())
        return seen

    seen = run_scaled(live())
    assert sorted(seen) == seen


@pytest.mark.parametrize(
    ("ages", "displaced"),
    [([], 0), ([1, 2, 3], 0), ([1, 1, 1], 0), ([2, 1], 1), ([4, 1, 2, 3], 3), ([1, 2, 2, 1], 2)],
)
def test_the_displacement_is_the_largest_distance_from_the_place_by_age(ages: list[int], displaced: int) -> None:
    """Those of one age may stand in any order among themselves."""
    assert displaced == displacement(ages)


def test_a_pause_of_a_neighbour_does_not_change_the_rate() -> None:
    """The rate is the median over portions: one slow portion of many is not what it shows."""
    steady = [Received("", "", number / 100, 1) for number in range(2_000)]
    paused = [Received("", "", number / 100 + (5.0 if number > 900 else 0.0), 1) for number in range(2_000)]
    assert round(rate(steady)) == round(rate(paused)) == 100
