"""How well two samples can be told apart: the area under the ROC curve, with its interval. Pure."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, variance

Z_95 = 1.959964


@dataclass(frozen=True)
class Separation:
    """The chance that a random one of the first sample is larger than one of the second; 0.5 tells nothing.

    `low` and `high` bound it with 95 % confidence (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44: 837-845).
    `median_ratio` is the first sample's median by the second's.
    """

    area: float
    low: float
    high: float
    median_ratio: float

    @property
    def furthest(self) -> float:
        """How far the interval reaches from 0.5."""
        return max(abs(self.low - 0.5), abs(self.high - 0.5))


def separation(first: Sequence[float], second: Sequence[float]) -> Separation:
    """Compare two samples of at least two values each."""
    of_first, of_second = _shares_below(first, sorted(second)), _shares_below(second, sorted(first))
    area = fmean(of_first)
    error = math.sqrt(variance(of_first) / len(first) + variance(of_second) / len(second))
    return Separation(area, area - Z_95 * error, area + Z_95 * error, median(first) / median(second))


def _shares_below(values: Sequence[float], ordered: Sequence[float]) -> list[float]:
    """For each value the share of the others that are smaller, equal ones counting half."""
    return [(bisect_left(ordered, value) + bisect_right(ordered, value)) / 2 / len(ordered) for value in values]
