"""`./run faults --all`: every fault of the catalogue that can be injected here, one line each, and their table."""

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.faults import table
from tests.faults.catalogue import entries
from tests.faults.entry import Database, Entry
from tests.faults.running import run
from tests.support.postgresql import Cluster, cluster

_SHOWN = 600  # characters of a failure; the seed repeats it


@dataclass
class Outcome:
    """What the runs of one entry on one database came to."""

    entry: Entry
    database: Database
    seconds: list[float] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    not_here: str = ""

    @property
    def runs(self) -> int:
        """How many there were."""
        return len(self.seconds) + len(self.failures)

    def __str__(self) -> str:
        what = f"{self.entry.id} ({self.database})"
        if self.not_here:
            return f"not here  {what}: this machine lacks {self.not_here}"
        mean_s = sum(self.seconds) / max(1, len(self.seconds))
        chance = "" if self.entry.seeded else ", no chance in it"
        verdict = f"FAILED {len(self.failures)}" if self.failures else "holds   "
        return f"{verdict}  {what}: {self.runs} runs of {mean_s:.1f} s{chance}"


def main(options: argparse.Namespace) -> int:
    """Run, print, write the table, and return 0 when everything held."""
    outcomes = []
    with lazy_cluster() as postgresql:
        for entry in chosen(options.only):
            for database in entry.databases:
                if options.database in (None, database):
                    outcomes.append(_run_all(entry, database, options, postgresql))
                    sys.stdout.flush()
                    if options.table is not None:  # at once: a long run may be broken off
                        table.write(options.table, outcomes[-1:])
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    runs = sum(outcome.runs for outcome in outcomes)
    sys.stdout.write(f"{len(outcomes)} faults, {runs} runs, seed {options.seed}: {failed} failed\n")
    return 1 if failed or not outcomes else 0


def chosen(only: str) -> list[Entry]:
    """The entries that `--only` names, by number or by a part of their id; all of them without."""
    wanted = [one.strip() for one in only.split(",") if one.strip()]
    return [
        entry
        for entry in entries()
        if not wanted or any(int(one) in entry.numbers if one.isdecimal() else one in entry.id for one in wanted)
    ]


@contextlib.contextmanager
def lazy_cluster() -> Iterator[Callable[[], Cluster]]:
    """A PostgreSQL that syncs to the disk, started when it is first asked for."""
    with contextlib.ExitStack() as ends:
        yield functools.cache(lambda: ends.enter_context(cluster(durable=True)))


def _run_all(
    entry: Entry, database: Database, options: argparse.Namespace, postgresql: Callable[[], Cluster]
) -> Outcome:
    outcome = Outcome(entry, database, not_here=" and ".join(entry.missing()))
    seeds = range(options.seed, options.seed + (options.seeds if entry.seeded else 1))
    figures: dict[str, object] = {}
    for seed in seeds if not outcome.not_here else ():
        try:
            rig, seconds = run(entry, database, seed, postgresql)
        except BaseException as failure:  # a skip too: where it can be injected is what `needs` says
            if isinstance(failure, KeyboardInterrupt):
                raise
            outcome.failures[seed] = f"{type(failure).__name__}: {failure}"[:_SHOWN]
        else:
            outcome.seconds.append(seconds)
            figures = rig.figures
    told = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
    sys.stdout.write(f"{outcome}{f'; last: {told}' if told else ''}\n")
    for seed, failure_text in outcome.failures.items():
        sys.stdout.write(f"  --only {entry.id} --database {database} --seed {seed}\n  {failure_text}\n")
    return outcome
