"""`./run faults --outage`: an hour without a mail server on a scaled clock, and the bounds of what outages may cost."""

import argparse
import contextlib
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.outage_bounds import (
    GRACE_S,
    Growth,
    Hostility,
    Stop,
    apart,
    backlog_growth,
    hostile_servers,
    stops_while_hung,
)
from tests.faults.outage_hour import Hour, OutageHour
from tests.support.installation import new_database
from tests.support.mail_process import mail_process
from tests.support.postgresql import cluster
from tests.support.scaled_time import run_scaled
from tests.support.tables import SqliteTables, Tables

WAITING = 10_000
MANY = 100_000
SPEED = 240.0

FIRST_WITHIN_S = 5.0
DRAIN_RATIO = 0.9
# Slots, and results that wait for their commit: so many may be out of their place by age, or before the more urgent.
OUT_OF_PLACE = 2 * (16 + 32)
TRIES_IN_OUTAGE = 100
MAX_GROWTH_KIB = 64 * 1024
MAX_HOSTILE_KIB = 5 * 1024
OVER_S = 1.0
STOP_ALLOWED_S = 2.0


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    name: str
    value: str
    aim: str
    reached: bool

    def __str__(self) -> str:
        return f"{'ok   ' if self.reached else 'SHORT'} {self.name:66} {self.value:>22}   {self.aim}"


def main(options: argparse.Namespace) -> int:
    """Run all of it (or the parts that `--only` names) and print the figures; 0 when every aim is reached."""
    parts = options.only.split(",") if options.only else [*PARTS]
    if unknown := set(parts) - set(PARTS):
        _say(f"no part of an outage is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    _say(f"{datetime.now(UTC).date()} {platform.system()} {platform.machine()}, Python {platform.python_version()}")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="gatepost-outage-") as name:
        folder = Path(name)
        for part in parts:
            figures += _told(PARTS[part](folder, options.database))
    short = [figure.name for figure in figures if not figure.reached]
    _say(
        f"{len(figures) - len(short)} of {len(figures)} aims reached"
        + (f"; short: {', '.join(short)}" if short else "")
    )
    return 1 if short else 0


def _hours(folder: Path, database: str | None) -> list[Figure]:
    databases = [database] if database else ["sqlite", "postgresql"]
    return [figure for one in databases for figure in of_hour(one, an_hour(folder, one))]


def _backlog(folder: Path, _: str | None) -> list[Figure]:
    return of_growth(apart(backlog_growth, folder, MANY, SPEED))


def _hostile(_folder: Path, _: str | None) -> list[Figure]:
    return of_hostility(apart(hostile_servers))


def _stops(folder: Path, _: str | None) -> list[Figure]:
    return of_stops(stops_while_hung(folder))


PARTS: dict[str, Callable[[Path, str | None], list[Figure]]] = {
    "hour": _hours,
    "backlog": _backlog,
    "hostile": _hostile,
    "stop": _stops,
}


def an_hour(folder: Path, database: str, waiting: int = WAITING, speed: float = SPEED) -> Hour:
    """An outage of an hour on one database."""
    with _place(folder, database) as (tables, url), mail_process() as mail:
        return run_scaled(OutageHour(mail, tables, url, waiting=waiting, speed=speed).run())


@contextlib.contextmanager
def _place(folder: Path, database: str) -> Iterator[tuple[Tables, str]]:
    if database == "sqlite":
        yield SqliteTables(folder / "hour.db"), f"sqlite:///{folder / 'hour.db'}"
        return
    with cluster(durable=True) as server:
        tables = new_database(server)
        yield tables, tables.url


def of_hour(database: str, hour: Hour) -> list[Figure]:
    """The figures of an hour's outage."""
    healthy = " and ".join(f"{rate:,.0f}" for rate in hour.healthy_per_s)
    lines = [
        ("delivered", f"{hour.delivered:,} of {hour.waiting:,}", "all", hour.delivered == hour.waiting),
        ("copies", f"{hour.copies}", "0", hour.copies == 0),
        ("first after the recovery", f"{hour.first_s:.2f} s", "≤ 5 s", hour.first_s <= FIRST_WITHIN_S),
        ("attempts counted by the outage", f"{hour.counted_attempts}", "0", hour.counted_attempts == 0),
        ("tries during the outage", f"{hour.tries_in_outage:,}", "≤ 100", hour.tries_in_outage <= TRIES_IN_OUTAGE),
        ("drained, messages a second", f"{hour.drained_per_s:,.0f}", f"healthy: {healthy}", True),
        ("drained ÷ healthy", f"{hour.drain_ratio:.2f}", "≥ 0.90", hour.drain_ratio >= DRAIN_RATIO),
        ("most out of place by age", f"{hour.displaced}", f"≤ {OUT_OF_PLACE}", hour.displaced <= OUT_OF_PLACE),
        ("less urgent before the last urgent", f"{hour.late}", f"≤ {OUT_OF_PLACE}", hour.late <= OUT_OF_PLACE),
        ("connections asked for", f"{hour.probes:,}", "", True),
    ]
    return [Figure(f"1 h outage, {database}: {name}", value, aim, reached) for name, value, aim, reached in lines]


def of_growth(growth: Growth) -> list[Figure]:
    """The figures of a large backlog."""
    return [
        Figure(f"{MANY:,} waiting: memory, {name}", f"{kib / 1024:+.1f} MiB", "< 64 MiB", kib < MAX_GROWTH_KIB)
        for name, kib in (
            ("1 h outage", growth.in_outage_kib),
            (f"then {growth.sent:,} sent", growth.sending_kib),
        )
    ]


def of_hostility(found: list[Hostility]) -> list[Figure]:
    """The figures of hostile servers: the worst of each."""
    slowest = max(found, key=lambda one: one.over_s)
    largest = max(found, key=lambda one: one.grown_kib)
    return [
        Figure(
            f"hostile servers ({len(found)}): the latest end of 16 attempts",
            f"deadline {slowest.over_s:+.2f} s",
            f"≤ 1 s; {type(slowest.behaviour).__name__} at {slowest.step}",
            slowest.over_s <= OVER_S,
        ),
        Figure(
            f"hostile servers ({len(found)}): memory of 16 attempts",
            f"{largest.grown_kib / 1024:+.1f} MiB",
            f"≤ 5 MiB; {type(largest.behaviour).__name__} at {largest.step}",
            largest.grown_kib <= MAX_HOSTILE_KIB,
        ),
    ]


def of_stops(stops: list[Stop]) -> list[Figure]:
    """The figures of stops: the slowest, and every exit code."""
    slowest = max(stops, key=lambda one: one.took_s)
    wrong = [f"{one.exit_code} at {one.step}" for one in stops if one.exit_code]
    return [
        Figure(f"SIGTERM while hung at {len(stops)} steps: exit codes", ", ".join(wrong) or "0", "0", not wrong),
        Figure(
            "SIGTERM while hung: the slowest exit, grace 1 s",
            f"{slowest.took_s:.2f} s at {slowest.step}",
            "≤ grace + 2 s",
            slowest.took_s <= GRACE_S + STOP_ALLOWED_S,
        ),
    ]


def _told(figures: list[Figure]) -> list[Figure]:
    for figure in figures:
        _say(str(figure))
    return figures


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
