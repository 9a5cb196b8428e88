"""Which errors of a database mean "not now", and the sentence that names the file and the way out."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gatepost.errors import DatabaseUnavailable

_DAMAGED = "the file is damaged or no SQLite database; stop the service and restore a backup"
_FORBIDDEN = "the file or its folder cannot be written; give this user write access to both"
_HELD = "another program holds its write lock; end that program (a sqlite3 shell, a backup tool)"

# By SQLite's primary result code. What is not here (a syntax error, a missing table) is a bug and passes unchanged.
_WAYS_OUT = {
    sqlite3.SQLITE_PERM: _FORBIDDEN,
    sqlite3.SQLITE_BUSY: _HELD,
    sqlite3.SQLITE_LOCKED: _HELD,
    sqlite3.SQLITE_NOMEM: "SQLite got no memory; give the process more",
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_IOERR: "the disk did not read or write; look for its errors in the system's log, and for free space",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full; free some space, a running service then recovers by itself",
    sqlite3.SQLITE_CANTOPEN: _FORBIDDEN + ", and see that the disk has space and the process free file descriptors",
    sqlite3.SQLITE_PROTOCOL: _HELD,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}
_PRIMARY_CODE = 0xFF


def result_code(error: BaseException) -> int | None:
    """SQLite's extended result code behind `error`, or None when SQLite gave none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(original, "sqlite_errorcode", None)
    return code


def is_unavailable(error: BaseException) -> bool:
    """Say whether `error` comes from the disk, the file or a lock, so that the same work may succeed later."""
    code = result_code(error)
    return code is not None and code & _PRIMARY_CODE in _WAYS_OUT


def unavailable(path: Path, error: BaseException) -> DatabaseUnavailable:
    """Make the caller's error from the database's, with the cause chained."""
    if isinstance(error, DatabaseUnavailable):
        told = DatabaseUnavailable(str(error), error.retry_after_s)  # one each: callers must not share a traceback
    else:
        told = DatabaseUnavailable(f"{path}: {way_out(error)}")
    told.__cause__ = error
    return told


def way_out(error: BaseException) -> str:
    """One clause that says what is wrong and what to do, ending with the database's own words."""
    original = error.orig if isinstance(error, DBAPIError) else error
    code = result_code(error)
    advice = None if code is None else _WAYS_OUT.get(code & _PRIMARY_CODE)
    return f"{advice or 'the database failed'} ({original})"


def deliverable(error: BaseException) -> Exception:
    """Wrap what must not pass through a future: StopIteration is refused by it, SystemExit would end the loop."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    wrapped = RuntimeError(f"a function handed to the database raised {error!r}")
    wrapped.__cause__ = error
    return wrapped
