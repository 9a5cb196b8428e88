"""The database: reachable, of this version's schema, whole and writable; and whether the queue in it moves."""

import os
from pathlib import Path

from sqlalchemy import Connection

from gatepost.cli import text
from gatepost.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from gatepost.cli.queue import without_the_dead
from gatepost.control.asking import somebody_listens
from gatepost.database.now import database_now
from gatepost.database.opening import Reader, open_for_reading
from gatepost.database.schema import head_revision
from gatepost.errors import GatepostError, StartRefused
from gatepost.outbox.queue_stats import QueueStats, queue_stats
from gatepost.settings import Settings

MAX_CLOCKS_APART_S = 2.0
MAX_WAITING_S = 900.0
_MIGRATE = "Run `gatepost migrate`, or start the service once"
# What a promise needs to write to.
_MAY_WRITE = """SELECT NOT pg_is_in_recovery() AND NOT current_setting('default_transaction_read_only')::boolean
AND has_table_privilege('messages', 'INSERT, UPDATE, DELETE')"""


async def examine_database(settings: Settings, now_ms: int) -> list[Finding]:
    """Look at the database, and at how the queue in it stands.

    Args:
        settings: the effective settings.
        now_ms: wall time of this machine in milliseconds.
    """
    file = settings.database_file
    if file is not None and not file.exists():
        folder = _first_there(file.absolute().parent)
        if not os.access(folder, os.W_OK | os.X_OK):
            return [wrong("database", f"{file} is not there, and {folder} cannot be written to", _access(folder))]
        return [skipped("database", f"{file} is not there yet", f"{_MIGRATE}.")]
    try:
        database = await open_for_reading(settings.database_url)
    except StartRefused as refusal:
        return [wrong("database", "it cannot be used", f"{refusal}")]
    try:
        return await _examine(database, settings, now_ms)
    except GatepostError as trouble:
        return [wrong("database", "it cannot be read", f"{trouble}")]
    finally:
        await database.close()


async def _examine(database: Reader, settings: Settings, now_ms: int) -> list[Finding]:
    file = settings.database_file
    found = [ok("database", f"{database.url} is reachable"), ok("migrations", f"at revision {head_revision()}")]
    if file is not None:
        found.append(await _whole(database))
        found.append(_writable(file.resolve()))
        stats = await database.read(lambda connection: queue_stats(connection, now_ms, alone=True))
        return [*found, *_queue(without_the_dead(stats, settings), now_ms)]
    writable, at_database = await database.read(_ask_postgresql)
    found.append(
        ok("writing", "it takes writes")
        if writable
        else wrong(
            "writing", "it takes no writes", "Name the primary, and the schema's owner, in GATEPOST_DATABASE_URL."
        )
    )
    apart_s = abs(at_database - now_ms) / 1000
    found.append(
        ok("clock of the database", f"{apart_s:.1f} s from this machine's")
        if apart_s <= MAX_CLOCKS_APART_S
        else warning(
            "clock of the database",
            f"it is {text.duration(apart_s)} from this machine's",
            "Have both kept by NTP: links would live too long or too short.",
        )
    )
    stats = await database.read(lambda connection: queue_stats(connection, now_ms, alone=False))
    return [*found, *_queue(stats, now_ms)]


def _ask_postgresql(connection: Connection) -> tuple[bool, int]:
    return bool(connection.exec_driver_sql(_MAY_WRITE).scalar()), int(connection.scalar(database_now().select()) or 0)


async def _whole(database: Reader) -> Finding:
    def look(connection: Connection) -> str:
        return str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())

    found = await database.read(look)
    if found == "ok":
        return ok("pages", "every page of the file is whole")
    return wrong("pages", f"the file is damaged: {found.splitlines()[-1]}", "Restore a backup; look at the disk.")


def _writable(file: Path) -> Finding:
    for path in (file.parent, file):
        if not os.access(path, os.W_OK):
            return wrong("writing", f"{path} cannot be written to by this user", _access(path))
    listens = somebody_listens(file)
    return ok("writing", "a service owns the file" if listens else "the file may be written to; no service runs")


def _queue(stats: QueueStats, now_ms: int) -> list[Finding]:
    found = []
    if (hold := stats.hold) is not None:
        found.append(
            warning("queue", f"it is held since {text.instant(hold.at)} by {hold.actor}", "`gatepost queue release`")
        )
    if not stats.workers:
        found.append(warning("workers", "none lives: nothing is sent", "Start `gatepost serve` or `gatepost worker`."))
    oldest = stats.oldest_waiting_at
    if oldest is not None and now_ms - oldest > MAX_WAITING_S * 1000:
        waits = text.duration((now_ms - oldest) / 1000)
        found.append(
            warning("queue", f"a message waits for {waits}", "`gatepost messages list --state deferred` says why.")
        )
    return found or [ok("queue", f"it moves; {sum(stats.by_state.values())} messages are not over yet")]


def _first_there(folder: Path) -> Path:
    return next(one for one in (folder, *folder.parents) if one.exists())


def _access(path: Path) -> str:
    return f"Give the user the service runs as write access to {path}, or set GATEPOST_DATABASE_URL to another place."
