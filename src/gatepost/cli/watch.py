"""`gatepost messages watch`: the newest messages as they move, twice a second, until somebody ends it.

A table in place on a terminal; elsewhere a line for each move, or JSON with --json. It reads only.
"""

import asyncio
import contextlib
import json
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection

from gatepost.cli import text
from gatepost.cli.queue import in_words, without_the_dead
from gatepost.clock import SystemClock, iso
from gatepost.database.opening import Reader, open_for_reading
from gatepost.errors import DatabaseBusy, DatabaseUnavailable
from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.queue_stats import QueueStats, queue_stats
from gatepost.outbox.search import MessageRow, page
from gatepost.settings import Settings
from gatepost.signals import STOP_SIGNALS

LOOK_EVERY_S = 0.5
_TROUBLED = frozenset({State.DEFERRED, State.FAILED, State.BOUNCED, State.EXPIRED, State.UNKNOWN, State.HELD})


@dataclass(frozen=True)
class Look:
    """What stood in the outbox at one moment."""

    at: int
    stats: QueueStats
    rows: Sequence[MessageRow]


def watch_messages(settings: Settings, limit: int, *, as_json: bool) -> None:
    """Watch until SIGINT or SIGTERM.

    Raises:
        StartRefused: the database cannot be read.
    """
    asyncio.run(_watch(settings, limit, as_json=as_json))


async def _watch(settings: Settings, limit: int, *, as_json: bool) -> None:
    ended = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    database = await open_for_reading(settings.database_url)
    try:
        with _shown(as_json=as_json) as show:
            while not ended.is_set():
                try:
                    show(await _look(database, settings, limit))
                except (DatabaseUnavailable, DatabaseBusy) as trouble:  # it is looked at again in a moment
                    text.complain(str(trouble))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), LOOK_EVERY_S)
    finally:
        await database.close()


async def _look(database: Reader, settings: Settings, limit: int) -> Look:
    now_ms = SystemClock().now_ms()
    alone = settings.database_file is not None

    def query(connection: Connection) -> tuple[QueueStats, Sequence[MessageRow]]:
        return queue_stats(connection, now_ms, alone=alone), page(connection, limit=limit)

    stats, rows = await database.read(query)
    return Look(now_ms, without_the_dead(stats, settings), rows)


@contextlib.contextmanager
def _shown(*, as_json: bool) -> Iterator[Callable[[Look], None]]:
    if as_json or not sys.stdout.isatty():
        yield Moves(as_json=as_json).show
        return
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        yield lambda look: live.update(frame(look), refresh=True)


class Moves:
    """Prints each message once as it is found, and again whenever it has moved or was tried."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._seen: dict[uuid.UUID, tuple[str, int]] = {}

    def show(self, look: Look) -> None:
        """Print what moved since the look before, oldest first."""
        now = {row.id: (row.state, row.attempts) for row in look.rows}
        for row in reversed(look.rows):
            if self._seen.get(row.id) != now[row.id]:
                self._print(look.at, row)
        self._seen = now

    def _print(self, at: int, row: MessageRow) -> None:
        moved: dict[str, Any] = {
            "at": iso(at),
            "id": str(row.id),
            "state": row.state,
            "reason": row.reason,
            "template": row.template,
            "recipient": row.recipient,
            "attempts": row.attempts,
        }
        if self._as_json:
            print(json.dumps(moved), flush=True)
        else:
            print(
                text.printable(" ".join("-" if value is None else str(value) for value in moved.values())), flush=True
            )


def frame(look: Look) -> Group:
    """Draw what stands in the outbox: how the queue is, and the newest messages."""
    head = Table.grid(padding=(0, 2))
    head.add_row(*(Text.assemble((f"{name} ", "dim"), text.printable(value)) for name, value in _head(look)))
    table = Table(
        *("created", "state", "reason", "template", "recipient", "tries", "id"), box=None, pad_edge=False, expand=True
    )
    for row in look.rows:
        cells = (iso(row.created_at)[11:19], row.state, row.reason, row.template, row.recipient, row.attempts, row.id)
        shown = ["" if cell is None else text.printable(cell) for cell in cells]
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in shown), style=_style(row.state))
    return Group(head, Text(), table, Text("Ctrl+C ends this", style="dim"))


def _head(look: Look) -> list[tuple[str, object]]:
    return [(name, value) for name, value in in_words(look.stats, look.at) if value != 0]


def _style(state: str) -> str:
    if state in _TROUBLED:
        return "yellow"
    return "bold" if state in UNACCEPTED else ""
