"""How a SQLite file is opened: one recipe for the connection that writes, one for those that read.

sqlite3 in Python 3.11 must never emit BEGIN itself (`isolation_level=None`), and SQLAlchemy must emit it through the
`begin` event: of four recipes tried, this is the only one under which no row survived a ROLLBACK. So never
`skip_autocommit_rollback=True` and never `execution_options(isolation_level=…)`.
"""

import contextlib
import os
import sqlite3
import stat
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event

from gatepost.database.own_files import KEPT_LOG_BYTES
from gatepost.database.work import watch
from gatepost.errors import StartRefused

BUSY_TIMEOUT_MS = 5_000
_STATEMENTS_KEPT = 512  # prepared statements per connection


def writing_engine(path: Path, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """An engine for the one writing connection: every transaction takes the write lock when it begins.

    A deferred transaction that turns into a write fails at once with BUSY_SNAPSHOT, whatever the busy timeout says.
    """

    def connect() -> sqlite3.Connection:
        connection = _connect(f"file:{quote(str(path))}?mode=rw", busy_timeout_ms)
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            connection.close()
            raise sqlite3.OperationalError(f"this file system allows no write-ahead log (journal mode {mode})")
        connection.execute("PRAGMA synchronous=FULL")  # NORMAL loses acknowledged commits in a power cut
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted leaves no bytes behind; some builds have it off
        connection.execute(f"PRAGMA journal_size_limit={KEPT_LOG_BYTES}")
        return connection

    engine = create_engine("sqlite://", creator=connect, hide_parameters=True, poolclass=NullPool)
    event.listen(engine, "begin", _begin_immediate)
    watch(engine)
    return engine


def reading_engine(path: Path, *, connections: int, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Engine:
    """An engine whose connections cannot write: SQLite opens the file itself read-only.

    `mode=ro` and not `PRAGMA query_only`: a query cannot switch it off, and such a connection never checkpoints, not
    even as the last to close, so the file keeps exactly one connection that moves frames out of the log.
    """

    def connect() -> sqlite3.Connection:
        return _connect(f"file:{quote(str(path))}?mode=ro", busy_timeout_ms)

    engine = create_engine(
        "sqlite://", creator=connect, hide_parameters=True, poolclass=QueuePool, pool_size=connections, max_overflow=0
    )
    event.listen(engine, "begin", _begin_deferred)
    return engine


def prepare_file(path: Path) -> Path:
    """Create folders (0700) and the file (0600) where they are missing; -wal and -shm take the file's mode.

    What is there already keeps what its owner let a group do, for a backup tool; the rest of the machine is shut out.

    Returns:
        The file without symbolic links: two names of one file must meet at one lock.

    Raises:
        StartRefused: the folder or the file cannot be created or written.
    """
    try:
        path = path.resolve()
        # One by one: `parents=True` would leave those above the last one open to everybody.
        for folder in reversed([one for one in path.parents if not one.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        # Before the first SQLite connection: closing a descriptor of the file would drop that connection's locks.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for file in (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))):
            _shut_out_others(file)
    except OSError as error:
        raise StartRefused(
            f"cannot write the database {path}: {error.strerror}. Give this user write access to {path.parent}, "
            "or set GATEPOST_DATABASE_URL to a file elsewhere."
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StartRefused(
            f"cannot write in {path.parent}, where SQLite keeps the log of {path.name}: give this user write access "
            "to the folder, or set GATEPOST_DATABASE_URL to a file elsewhere."
        )
    return path


def _shut_out_others(file: Path) -> None:
    """A copy, or a backup that was put back, may have opened it to everybody on the machine."""
    with contextlib.suppress(OSError):  # missing, or another user's: then it is for that one to say
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & stat.S_IRWXO:
            file.chmod(mode & ~stat.S_IRWXO)


def _connect(uri: str, busy_timeout_ms: int) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=busy_timeout_ms / 1000,
        isolation_level=None,
        check_same_thread=False,  # opened and closed by one thread, used by another, never by two at a time
        cached_statements=_STATEMENTS_KEPT,
    )


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
