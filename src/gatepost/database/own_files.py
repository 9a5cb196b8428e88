"""The files behind the writing connection: are they still those at their paths, and how long is the log?

SQLite goes on writing into a file that was deleted or replaced, and says so to nobody: what is promised then is gone
with the process. Nothing here opens the files: closing a descriptor of a SQLite file would drop the connection's locks.
"""

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from gatepost.errors import DatabaseUnavailable

# SQLite moves the log into the file after every 4 MiB, unless somebody reads an old state. Beyond this the log would
# fill the disk and slow every read down; a backup of a large file must fit in.
MAX_LOG_BYTES = 1024 * 1024 * 1024
# What a log that has grown is cut back to, once everything in it was moved.
KEPT_LOG_BYTES = 16 * 1024 * 1024
# How long a full log waits for those who read it; a query of ours is over by then.
_READERS_TIMEOUT_MS = 500

_REPLACED = "was deleted or replaced while it is in use: nothing is accepted any more"


class _Identity(NamedTuple):
    device: int
    inode: int


class OwnFiles:
    """The database's file and its log, remembered by device and inode.

    Args:
        path: the file, resolved.
        max_log_bytes: how large the log may be.
    """

    def __init__(self, path: Path, *, max_log_bytes: int = MAX_LOG_BYTES) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._max_log_bytes = max_log_bytes
        self._file_was: _Identity | None = None
        self._log_was: _Identity | None = None

    @property
    def log_bytes(self) -> int:
        """The size of the log now; 0 where there is none."""
        found = _look(self._log)
        return 0 if found is None else found.st_size

    def opened(self) -> None:
        """Remember the file: a connection was opened just now. The first one is ours for good; the log comes later."""
        if self._file_was is None:
            self._file_was = _identity(_look(self._path))

    def closed(self) -> None:
        """Forget the log: the connection was closed in order, and as the last one it has removed the log."""
        self._log_was = None

    def check(self) -> None:
        """Say nothing while both files are those that were opened.

        Raises:
            DatabaseUnavailable: one is missing or another one; with the way out.
        """
        if self._file_was is not None and _identity(_look(self._path)) != self._file_was:
            raise DatabaseUnavailable(f"{self._path} {_REPLACED}. Put the file back, or restart the service")
        log_is = _identity(_look(self._log))
        if self._log_was is None:
            self._log_was = log_is  # SQLite makes it with the first write
        elif log_is != self._log_was:
            raise DatabaseUnavailable(
                f"{self._log} {_REPLACED}. Stop the service with SIGTERM, which saves what stood in it, and start it"
            )

    def make_room(self, connection: sqlite3.Connection) -> None:
        """See that the log has room for one more transaction.

        Args:
            connection: the writing one, outside a transaction.

        Raises:
            DatabaseUnavailable: the log is full, and somebody reads a state so old that it cannot be moved.
        """
        if self.log_bytes < self._max_log_bytes:
            return
        timeout_ms = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute(f"PRAGMA busy_timeout={_READERS_TIMEOUT_MS}")
        try:
            is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            connection.execute(f"PRAGMA busy_timeout={timeout_ms}")
        if is_busy:
            raise DatabaseUnavailable(
                f"{self._log} has grown to {self.log_bytes // 2**20:,} MiB, because a program that began to read long"
                " ago has not finished: end that program (a sqlite3 shell, a backup tool)"
            )


def _look(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _identity(found: os.stat_result | None) -> _Identity | None:
    return None if found is None else _Identity(found.st_dev, found.st_ino)
