"""`gatepost queue`: how the queue stands, and the switch that holds all of it."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import typer

from gatepost.cli import text
from gatepost.cli.leaving import failing
from gatepost.cli.operating import Hints, perform
from gatepost.clock import SystemClock, iso
from gatepost.control.asking import somebody_listens
from gatepost.database.opening import open_for_reading
from gatepost.outbox.queue_stats import QueueStats, queue_stats
from gatepost.settings import Settings

queue_cli = typer.Typer(
    no_args_is_help=True, help="Look at the whole queue, hold it and release it, beside a running service or without."
)

Why = Annotated[str | None, typer.Option(help="Why; kept with what was done, at most 500 characters.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_HINTS = Hints(look="look with `gatepost queue stats`")


@queue_cli.command("hold")
def hold_queue(reason: Why = None, as_json: Json = False) -> None:
    """Stop all mail: no message is claimed until the queue is released. What is under way ends as it would have."""
    done = _act("hold", reason)
    if as_json:
        text.as_json(done)
    else:
        print(f"the queue is held since {done['held_since']}; `gatepost queue release` lets it go on")


@queue_cli.command("release")
def release_queue(reason: Why = None, as_json: Json = False) -> None:
    """Let the mail go on."""
    done = _act("release", reason)
    if as_json:
        text.as_json(done)
    else:
        print(f"the queue goes on, after {text.duration(done['held_s'])}")


@queue_cli.command("stats")
def show_stats(as_json: Json = False) -> None:
    """Show what waits and since when, whether the queue is held, who works and how fast it moves."""
    settings = Settings.load()
    now_ms = SystemClock().now_ms()
    stats = asyncio.run(_read(settings, now_ms))
    if as_json:
        text.as_json(plain(stats))
    else:
        text.pairs(in_words(stats, now_ms))


def plain(stats: QueueStats) -> dict[str, Any]:
    """Write it as JSON has it."""
    hold = stats.hold
    return {
        "by_state": dict(stats.by_state),
        "oldest_waiting_at": None if stats.oldest_waiting_at is None else iso(stats.oldest_waiting_at),
        "hold": None if hold is None else {"at": iso(hold.at), "actor": hold.actor, "reason": hold.reason},
        "workers": stats.workers,
        "accepted_per_second": stats.accepted_per_second,
    }


def in_words(stats: QueueStats, now_ms: int) -> list[tuple[str, object]]:
    """Write it as names and values for a person."""
    words: list[tuple[str, object]] = [("queue", "goes on")]
    if (hold := stats.hold) is not None:
        why = f": {hold.reason}" if hold.reason else ""
        words = [("queue", f"HELD since {iso(hold.at)} by {hold.actor}{why}")]
    words += [(state, count) for state, count in stats.by_state.items()]
    oldest = stats.oldest_waiting_at
    waits = "nothing waits" if oldest is None else f"for {text.duration(max(0, now_ms - oldest) / 1000)}"
    workers = stats.workers or "none: nothing is sent"
    return [*words, ("oldest waits", waits), ("workers", workers), ("accepted a second", stats.accepted_per_second)]


async def _read(settings: Settings, now_ms: int) -> QueueStats:
    database = await open_for_reading(settings.database_url)
    alone = settings.database_file is not None
    try:
        stats = await database.read(lambda connection: queue_stats(connection, now_ms, alone=alone))
    finally:
        await database.close()
    return without_the_dead(stats, settings)


def without_the_dead(stats: QueueStats, settings: Settings) -> QueueStats:
    """Count no workers where the process that owns a SQLite file is gone and its row is left."""
    file = settings.database_file
    gone = file is not None and not somebody_listens(file.resolve())
    return replace(stats, workers=0) if gone else stats


def _act(action: str, reason: str | None) -> dict[str, Any]:
    with failing(""):
        return asyncio.run(perform(Settings.load(), "queue", {"action": action, "reason": reason}, hints=_HINTS))
