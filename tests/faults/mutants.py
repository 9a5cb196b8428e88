"""Ten bugs planted in a copy of the source, one at a time: each must turn its faults red (`./run faults --mutants`).

A rig that finds nothing wrong with them finds nothing wrong at all. The same faults are run on an unchanged copy first:
what is red without a bug catches none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
RUN_TIMEOUT_S = 600.0
HELD, RED, BROKEN = 0, 1, 3


@dataclass(frozen=True)
class Change:
    """One piece of the source that is replaced.

    Attributes:
        file: below src/gatepost.
        old: what is there, exactly once.
        new: what is put in its place.
    """

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Catch:
    """What must go red: a fault of the catalogue with so many seeds, or a test file, on one database."""

    entry: str
    database: str = "sqlite"
    seeds: int = 1

    @property
    def is_test(self) -> bool:
        """Whether it is a test file, and no fault of the catalogue."""
        return self.entry.startswith("tests/")

    def __str__(self) -> str:
        return f"{self.entry} on {self.database}"


@dataclass(frozen=True)
class Mutant:
    """One planted bug, and where it must be noticed."""

    name: str
    changes: tuple[Change, ...]
    caught_by: tuple[Catch, ...]


# The catalogue freezes a worker at any moment; here it is one that has a message before the mark, and one behind it.
_TAKE_OVER = "tests/faults/postgresql/test_take_over.py"
_ANYBODYS = '_OURS[0] | (messages.c.claim_number >= bindparam("of_claim_number") * 0)'

MUTANTS = (
    Mutant(
        "commit after the answer",
        (
            Change(
                "accounts/registration.py",
                "        done = await gate.database.write(lambda tx: _register(tx, gate, asked, request))\n",
                '        __import__("asyncio").ensure_future(\n'
                "            gate.database.write(lambda tx: _register(tx, gate, asked, request))\n"
                "        )\n"
                "        return None\n",
            ),
        ),
        (Catch("29-EIO-on-fdatasync"), Catch("1-killed-at-random-under-load", seeds=3)),
    ),
    Mutant(
        "synchronous=NORMAL",
        (Change("database/sqlite_engine.py", "PRAGMA synchronous=FULL", "PRAGMA synchronous=NORMAL"),),
        (Catch("26-power-cuts"),),
    ),
    Mutant(
        "tries counted after the try",
        (
            Change("outbox/claim.py", "            claim_number=messages.c.claim_number + 1,\n", ""),
            Change(
                "outbox/settle.py",
                '            attempts=messages.c.attempts + bindparam("counts"),\n',
                '            attempts=messages.c.attempts + bindparam("counts"),\n'
                "            claim_number=messages.c.claim_number + 1,\n",
            ),
        ),
        (Catch("5-killed-at-RCPT"),),
    ),
    Mutant(
        "no fence",
        (
            Change(
                "outbox/settle.py",
                "update(messages).where(which, *_OURS, IS_SENDING)",
                f"update(messages).where(which, {_ANYBODYS}, IS_SENDING)",
            ),
        ),
        (Catch(_TAKE_OVER, "postgresql"),),
    ),
    Mutant(
        "no give-back",
        (
            Change(
                "delivery/worker.py",
                "        return await break_off(self._desk, [one for one in self._open if not one.over])\n",
                "        return 0\n",
            ),
        ),
        (Catch("10-SIGTERM-while-the-mail-server-tarpits"),),
    ),
    Mutant(
        "retry on 5yz",
        (
            Change(
                "transport/reply.py",
                "        outcome=row.outcome,\n",
                "        outcome=Outcome.TRANSIENT if row.outcome is Outcome.PERMANENT else row.outcome,\n",
            ),
        ),
        (Catch("70-550-at-RCPT"),),
    ),
    Mutant(
        "unbounded claim",
        (Change("outbox/claim.py", '"at_most": limit - len(claimed)', '"at_most": 1_000_000'),),
        (Catch("98-a-hundred-thousand-messages-wait"),),
    ),
    Mutant(
        "deferred transaction",
        (Change("database/sqlite_engine.py", 'sql("BEGIN IMMEDIATE")', 'sql("BEGIN")'),),
        # Fault 35 alone was not enough: a work mostly begins with a write, and the gap is narrow.
        (Catch("tests/database/test_foreign_lock.py"), Catch("35-a-foreign-program-writes")),
    ),
    Mutant(
        "dedupe off",
        (
            Change(
                "accounts/caps.py",
                "    return Wish.WAITING if young or on_its_way(last) else Wish.GRANTED\n",
                "    return Wish.GRANTED\n",
            ),
        ),
        (Catch("91-a-thousand-registrations"),),
    ),
    Mutant(
        "settle without owner check",
        (
            Change(
                "outbox/settle.py",
                "        .where(which, *_OURS, IS_SENDING_OR_COMMITTING)\n",
                f"        .where(which, {_ANYBODYS}, IS_SENDING_OR_COMMITTING)\n",
            ),
        ),
        (Catch(_TAKE_OVER, "postgresql"),),
    ),
)


def main(options: Namespace) -> int:
    """Plant each bug and look; returns 0 when every one was caught by a fault that holds without it."""
    wanted = [one for one in MUTANTS if not options.only or any(part in one.name for part in options.only.split(","))]
    holds: dict[Catch, bool] = {}
    missed = []
    for mutant in wanted:
        verdict = "NOT CAUGHT"
        for catch in mutant.caught_by:
            if catch not in holds:
                holds[catch] = _run(catch, (), options.seed)[0] == HELD
            if not holds[catch]:
                sys.stdout.write(f"{mutant.name}: {catch} is red without it, too\n")
                continue
            code, said = _run(catch, mutant.changes, options.seed)
            if code == RED:
                verdict = f"caught by {catch}: {said}"
                break
        if verdict == "NOT CAUGHT":
            missed.append(mutant.name)
        sys.stdout.write(f"{mutant.name}: {verdict}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(wanted) - len(missed)} of {len(wanted)} planted bugs were caught, seed {options.seed}\n")
    return 1 if missed else 0


def _run(catch: Catch, changes: tuple[Change, ...], seed: int) -> tuple[int, str]:
    """Run one fault against a copy of the source with these changes; returns the exit code and a complaint."""
    with tempfile.TemporaryDirectory(prefix="gatepost-mutant-") as folder:
        copy = Path(folder, "src")
        shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        for change in changes:
            plant(copy, change)
        try:
            done = subprocess.run(
                [sys.executable, "-m", *_command(catch, seed)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(copy)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=RUN_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return RED, f"did not end within {RUN_TIMEOUT_S:g} s"
    complaint = next((line.strip() for line in done.stdout.splitlines() if _complains(line)), "")
    # The run of a test file may be in a fixture: then it is an error to pytest, and an assertion all the same.
    if done.returncode == RED and not any(word in done.stdout for word in ("FAILED", "AssertionError")):
        return BROKEN, done.stderr.strip().rpartition("\n")[2]  # the run itself ended: that catches nothing
    return done.returncode, complaint[:200]


def _command(catch: Catch, seed: int) -> list[str]:
    if catch.is_test:
        return ["pytest", "-q", catch.entry]
    chosen = ["--all", "--only", catch.entry, "--database", catch.database]
    return ["tests.faults", *chosen, "--seeds", str(catch.seeds), "--seed", str(seed)]


def _complains(line: str) -> bool:
    return line.startswith(("  ", "E  ")) and not line.lstrip().startswith("--only")


def plant(source: Path, change: Change) -> None:
    """Change one file of a copy of the source.

    Raises:
        ValueError: the old text is not there exactly once.
    """
    path = source / "gatepost" / change.file
    text = path.read_text()
    if text.count(change.old) != 1:
        raise ValueError(f"{change.file} has {text.count(change.old)} times what is to be replaced: {change.old!r}")
    path.write_text(text.replace(change.old, change.new))
