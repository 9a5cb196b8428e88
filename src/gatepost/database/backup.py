"""A copy of a SQLite file of one moment, made beside the process that owns it: nobody waits for it, nothing is locked.

SQLite's online backup copies page by page. One read transaction around all of it keeps them of one moment: without it
every commit of the service would begin the copy anew, and under load it would never end. Meanwhile the log cannot be
cut; see MAX_LOG_BYTES.
"""

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gatepost.errors import StartRefused

PAGES_AT_ONCE = 1_024
_BUSY_TIMEOUT_S = 5.0
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)  # a stick, a share

# Called with how much of it is done, from 0 to 1.
Progress = Callable[[float], None]


@dataclass(frozen=True)
class Backup:
    """A backup that was made: its size, and how long that took."""

    file: Path
    size_bytes: int
    took_s: float


def back_up(source: Path, target: Path, *, on_progress: Progress) -> Backup:
    """Copy a database into a new file, look through the copy, and only then give it its name.

    Whatever ends this before its end leaves nothing behind. The copy is readable by its user alone: it holds what the
    database holds.

    Args:
        source: the SQLite file; it may be written to meanwhile, and be of an earlier schema.
        target: a file that is not there yet, in a folder that is.
        on_progress: hears how far it is; what it raises ends the copying.

    Raises:
        StartRefused: the target is there, either of them cannot be used, or the copy is damaged, as its source is then.
    """
    began = time.monotonic()
    if target.exists():
        raise StartRefused(f"{target} is there already, and nothing is overwritten: name another file.")
    if not source.is_file():
        raise StartRefused(f"there is no database {source}.")
    try:
        with _unfinished(target) as copy:
            _copy(source, copy, on_progress)
            _refuse_damage(source, copy)
            size_bytes = copy.stat().st_size
            _settle(copy, target)
    except (OSError, sqlite3.Error) as error:
        raise StartRefused(f"cannot back up {source} as {target}: {error}.") from error
    return Backup(target, size_bytes, time.monotonic() - began)


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """An empty file beside the target, which is gone at the end."""
    copy = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy(source: Path, copy: Path, on_progress: Progress) -> None:
    def tell(status: int, remaining: int, total: int) -> None:
        on_progress(1 - remaining / total if total else 1.0)

    with closing(_open(source, "mode=ro")) as reading, closing(_open(copy, "mode=rw")) as writing:
        writing.execute("PRAGMA synchronous=OFF")  # it is made durable at the end, as a whole
        writing.execute("PRAGMA journal_mode=OFF")
        reading.execute("BEGIN")
        if reading.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'").fetchone() == (0,):
            raise StartRefused(f"{source} is no database of Gatepost.")
        reading.backup(writing, pages=PAGES_AT_ONCE, progress=tell, sleep=0)


def _refuse_damage(source: Path, copy: Path) -> None:
    # Immutable: no log and no lock is made for it.
    with closing(_open(copy, "mode=ro&immutable=1")) as reading:
        found: str = reading.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StartRefused(
            f"the copy of {source} is damaged ({found.splitlines()[-1]}), so the database is: keep the backups there"
            " are, and look at the disk."
        )


def _settle(copy: Path, target: Path) -> None:
    """Make the copy durable, and give it its name; where somebody else took that meanwhile, refuse."""
    _sync(copy)
    try:
        os.link(copy, target)  # unlike a rename it never takes the place of a file
    except OSError as error:
        if error.errno not in _NO_LINKS or target.exists():
            raise
        copy.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, options: str) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?{options}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
