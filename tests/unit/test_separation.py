"""The statistic `./run bench timing` judges by, against counting by hand."""

import random
from itertools import product

import pytest

from benchmarks.separation import separation


def by_hand(first: list[float], second: list[float]) -> float:
    """The share of pairs in which the first is larger, equal ones counting half."""
    return sum((one > other) + (one == other) / 2 for one, other in product(first, second)) / (len(first) * len(second))


def test_the_area_is_the_share_of_pairs() -> None:
    """With ties and in any order."""
    chance = random.Random(1)
    first = [float(chance.randrange(20)) for _ in range(70)]
    second = [float(chance.randrange(15)) for _ in range(90)]
    assert by_hand(first, second) == pytest.approx(separation(first, second).area)


def test_what_tells_nothing_and_what_tells_everything() -> None:
    """0.5 for a sample and itself, 1 and 0 for samples that do not overlap."""
    sample = [1.0, 2.0, 3.0, 4.0]
    later = [value + 10 for value in sample]
    areas = [separation(*pair).area for pair in ((sample, sample), (later, sample), (sample, later))]
    assert [0.5, 1.0, 0.0] == areas


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Of 200 samples of one and the same kind about 95 % have 0.5 within; at least 90 % is demanded."""
    chance = random.Random(2)
    within = 0
    for _ in range(200):
        one, other = ([chance.gauss(0, 1) for _ in range(120)] for _ in range(2))
        found = separation([value + 10 for value in one], [value + 10 for value in other])
        within += found.low <= 0.5 <= found.high
    assert 180 <= within
