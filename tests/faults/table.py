"""The table of the catalogue in docs/explanation/faults.md, written between two markers by `--all --table FILE`."""

import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.catalogue import entries, reasons
from tests.faults.catalogue.numbers import FAULTS

if TYPE_CHECKING:
    from tests.faults.every import Outcome

BEGIN = "<!-- The table is written by ./run faults --all --table docs/explanation/faults.md -->"
END = "<!-- End of the table. -->"
_HEAD = "| number | fault | shown on | runs | failed | a run takes | when and where |\n|---|---|---|---|---|---|---|"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_ROW = re.compile(r"^\| (?P<numbers>[\d, ]+) \| (?P<fault>.*?) \| (?P<database>\w+) \|")
Key = tuple[str, str, str]


def write(page: Path, outcomes: Sequence["Outcome"]) -> None:
    """Replace the rows of these outcomes in the page's table; rows of other runs stay, and say when theirs was."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the table: it lacks the markers {BEGIN!r} and {END!r}")
    rows = _known_rows(old) | {_key(outcome): _row(outcome) for outcome in outcomes}
    page.write_text(f"{before}{BEGIN}\n\n{_table(rows)}\n\n{END}{after}", encoding="utf-8")


def _known_rows(text: str) -> dict[Key, str]:
    """The rows of a table whose entries still exist."""
    wanted = {(_numbers(entry.numbers), entry.name, _NAMES[one]) for entry in entries() for one in entry.databases}
    found = {}
    for line in text.splitlines():
        if (row := _ROW.match(line)) is not None:
            key = (row["numbers"], row["fault"], row["database"])
            if key in wanted:
                found[key] = line
    return found


def _table(rows: dict[Key, str]) -> str:
    shown = [row for _, row in sorted(rows.items(), key=lambda one: _order(one[0]))]
    why = [f"| {number} | {FAULTS[number]} | {reason} |" for number, reason in sorted(reasons().items())]
    not_injected = ["", "| number | fault | why it is not injected |", "|---|---|---|", *why] if why else []
    return "\n".join([_HEAD, *shown, *not_injected])


def _row(outcome: "Outcome") -> str:
    numbers, name, database = _key(outcome)
    place = f"{datetime.now(UTC).date().isoformat()}, {machine()}"
    if outcome.not_here:
        return f"| {numbers} | {name} | {database} | 0 | | | not on {machine()}: it lacks {outcome.not_here} |"
    mean_s = sum(outcome.seconds) / max(1, len(outcome.seconds))
    runs = f"{outcome.runs}" if outcome.entry.seeded else f"{outcome.runs}, no chance in it"
    return f"| {numbers} | {name} | {database} | {runs} | {len(outcome.failures)} | {mean_s:.1f} s | {place} |"


def _key(outcome: "Outcome") -> Key:
    return (_numbers(outcome.entry.numbers), outcome.entry.name, _NAMES[outcome.database])


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _order(key: Key) -> tuple[list[int], str, bool]:
    return [int(number) for number in key[0].split(", ")], key[1], key[2] != "SQLite"


def machine() -> str:
    """Where it ran, in a few words."""
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{platform.system()} {kernel}, {os.cpu_count()} cores, Python {'.'.join(map(str, sys.version_info[:3]))}"
