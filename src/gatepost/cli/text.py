"""Writes what people read: plain columns, and nothing that could steer a terminal."""

import contextlib
import json
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatepost.clock import iso

_WIDE = 100_000  # a pipe or a file has no right edge


def printable(value: object) -> str:
    """Show control characters instead of obeying them: replies and names come from strangers."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in str(value))


def columns(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; None is an empty place."""
    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text("" if value is None else printable(value), overflow="fold") for value in row))
    _print(table)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and their values; a value of None is left out."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value is not None:
            table.add_row(Text(name, style="bold"), Text(printable(value), overflow="fold"))
    _print(table)


def as_json(value: object) -> None:
    """Print a value of plain parts as JSON."""
    print(json.dumps(value, indent=2))


def passage(value: str) -> None:
    """Print text of several lines: as it is into a pipe or a file, and with nothing that steers on a terminal."""
    if sys.stdout.isatty():
        value = "\n".join(printable(line) for line in value.split("\n"))
    print(value, end="" if value.endswith("\n") else "\n")


def instant(at_ms: int) -> str:
    """Write an instant for a person, to the second, in UTC."""
    return f"{iso(at_ms)[:19].replace('T', ' ')} UTC"


def duration(seconds: float) -> str:
    """Write how long something took or lasts in its two largest units: 45 s, 3 min 5 s, 2 d 4 h."""
    left = round(seconds)
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def announce(*lines: str) -> None:
    """Print at once what a running process has to say of itself; nobody reading it is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        for line in lines:
            print(line)
        sys.stdout.flush()


def complain(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(f"gatepost: {printable(sentence)}", file=sys.stderr)


def _print(table: Table) -> None:
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())  # rich fills the last column with spaces
