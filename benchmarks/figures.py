"""What a measure comes to: figures with their spread, ratios with an aim. Nothing here measures or prints."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["sqlite", "postgresql"]
LABELS: dict[Kind, str] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Figure:
    """One thing measured several times: the median, and how far the rounds lie apart."""

    what: str
    unit: str
    median: float
    low: float
    high: float
    rounds: int

    @classmethod
    def of(cls, what: str, unit: str, rounds: Sequence[float]) -> "Figure":
        """Summarise the rounds."""
        return cls(what, unit, statistics.median(rounds), min(rounds), max(rounds), len(rounds))


@dataclass(frozen=True)
class Aim:
    """What a figure should come to: at least, or at most, so much."""

    bound: Literal["≥", "≤"]
    value: float

    def judge(self, figure: Figure) -> str:
        """Say "pass" or "short"; nothing ever fails for it, because clocks on shared cores prove little."""
        reached = figure.median >= self.value if self.bound == "≥" else figure.median <= self.value
        return "pass" if reached else "short"

    def __str__(self) -> str:
        return f"{self.bound} {in_words(self.value)}"


@dataclass(frozen=True)
class Result:
    """One measure: plain figures for the picture, judged figures for the verdict, notes for the reader."""

    name: str
    title: str
    figures: list[Figure]
    judged: list[tuple[Figure, Aim | None]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Measure:
    """A measure by its name. `run(quick, kind of database)` takes some time."""

    name: str
    title: str
    run: Callable[[bool, Kind], Result]


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100).__int__() - 1)]


def in_words(value: float) -> str:
    """Three significant figures, with thousands separated."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
