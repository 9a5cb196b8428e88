"""The machine: room on the disk, how long a durable write takes, and whether the clock can be right."""

import ctypes
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from gatepost.cli.doctor.finding import Finding, ok, skipped, warning, wrong
from gatepost.settings import Settings

LOW_BYTES, TOO_LOW_BYTES = 1024**3, 100 * 1024**2
SLOW_SYNC_MS = 30.0
SYNCS = 15
_SYNCED_BYTES = 4_096
_MIB = 1024**2
# File systems that forget, and those on another machine, whose locks and syncs are promises of a network.
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})
_TIME_ERROR = 5  # adjtimex(2): the clock is kept by nobody
_TIMEX_BYTES = 512  # more than struct timex has anywhere
_EARLIEST_S = 1_735_689_600  # 2025-01-01: this version is younger


def examine_disk(settings: Settings) -> list[Finding]:
    """Look at the folder of a SQLite file: what is left, what keeps it, and how long fsync takes. Leaves nothing."""
    if settings.database_file is None:
        return [skipped("disk", "the database's server has it")]
    folder = settings.data_folder.absolute()
    if not folder.is_dir():
        return [skipped("disk", f"{folder} is not there yet")]
    found = [_room(folder), _kind(folder)]
    try:
        found.append(_syncs(folder))
    except OSError as error:
        found.append(
            wrong("fsync", f"{folder} cannot be written to: {error.strerror}", "Run this as the user of the service.")
        )
    return found


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    said = f"{free / _MIB:,.0f} MiB are free below {folder}"
    if free < TOO_LOW_BYTES:
        return wrong("disk", said, "Make room: without it nothing is promised, and registrations answer 503.")
    if free < LOW_BYTES:
        return warning("disk", said, "Make room soon: the log beside the database alone may take 1 GiB.")
    return ok("disk", said)


def _kind(folder: Path) -> Finding:
    kind = file_system_of(folder)
    if kind in _IN_MEMORY:
        return wrong(
            "file system", f"{folder} is in memory ({kind})", "Put the database on a disk: it is gone at a restart."
        )
    if kind in _REMOTE:
        return wrong(
            "file system",
            f"{folder} is on another machine ({kind})",
            "Put the database on a local disk, or use PostgreSQL: SQLite's locks do not hold there.",
        )
    return ok("file system", kind or "unknown")


def file_system_of(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Name the kind of file system a folder is on; empty where the system does not say.

    Args:
        folder: an absolute path.
        mounts: where the system says, as proc(5) describes it.
    """
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    best, kind = Path(), ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(before.split()[4].replace("\\040", " "))
        if folder.resolve().is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, after.split()[0]
    return kind


def _syncs(folder: Path) -> Finding:
    took_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            file.write(b"\0" * _SYNCED_BYTES)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began) * 1000)
    said = f"{statistics.median(took_ms):.1f} ms, at most {max(took_ms):.1f} ms"
    if statistics.median(took_ms) > SLOW_SYNC_MS:
        return warning("fsync", said, "Each registration waits for one: a faster disk, or PostgreSQL on one, is felt.")
    return ok("fsync", said)


def examine_clock(now_s: float) -> list[Finding]:
    """Say whether this machine's clock can be right, and whether anything keeps it. No other machine is asked."""
    if now_s < _EARLIEST_S:
        return [wrong("clock", f"it says {time.strftime('%F', time.gmtime(now_s))}", "Set it, and have NTP keep it.")]
    kept = _is_kept()
    if kept is None:
        return [skipped("clock", "this system does not say whether anything keeps its clock")]
    if kept:
        return [ok("clock", "the system says that it is synchronised")]
    return [
        warning(
            "clock",
            "the system says that nothing synchronises it",
            "Run chrony, systemd-timesyncd or ntpd, here or on the machine this container runs on.",
        )
    ]


def _is_kept() -> bool | None:
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):  # no such call here, or it is forbidden
        return None
    return None if answer < 0 else answer != _TIME_ERROR
