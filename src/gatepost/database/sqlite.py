"""SQLite behind `write` and `read`: one process owns the file, one thread writes, a few read.

The parts: `file_lock` proves the ownership, `writer` holds the queue and the thread, `group` the transaction,
`readers` the reads, `schema` the migrations.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gatepost.database.connection import Database, Work
from gatepost.database.damage import refuse_damage
from gatepost.database.failures import is_unavailable, way_out
from gatepost.database.file_lock import FileLock
from gatepost.database.group import WritingConnection
from gatepost.database.readers import Readers
from gatepost.database.schema import current_revision, head_revision, migrate, refuse_unknown
from gatepost.database.sqlite_engine import BUSY_TIMEOUT_MS, prepare_file, writing_engine
from gatepost.database.writer import Writer
from gatepost.errors import DatabaseUnavailable, StartRefused

T = TypeVar("T")


class SqliteDatabase(Database):
    """An owned, migrated SQLite file; made by `SqliteDatabase.open`.

    Attributes:
        url: for logs.
        path: the file, resolved.
        shared: False: the lock keeps every other process from writing.
        warnings: none.
    """

    shared = False
    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, lock: FileLock, connection: WritingConnection, readers: Readers) -> None:
        self.url = f"sqlite:///{path}"
        self.path = path
        self._lock = lock
        self._connection = connection
        self._writer = Writer(connection.run, str(path))
        self._readers = readers
        self._closing = threading.Lock()

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        wait_for_owner_s: float,
        on_waiting: Callable[[str], None] | None = None,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> "SqliteDatabase":
        """Own the file (made where it is missing), migrate it, and start its threads.

        Args:
            path: the file.
            wait_for_owner_s: seconds to wait for a process that owns the file now.
            on_waiting: called once with a sentence before waiting.
            busy_timeout_ms: how long a transaction waits for a foreign program's write lock.

        Raises:
            DatabaseInUse: its owner was still there after that time.
            SchemaTooNew: a later version migrated it.
            StartRefused: it cannot be written, is held by another program, or is no database.
        """
        path = prepare_file(path)
        lock = await FileLock.take(path, wait_for_owner_s=wait_for_owner_s, on_waiting=on_waiting)
        opening = asyncio.ensure_future(asyncio.to_thread(cls._start, path, lock, busy_timeout_ms))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # a migration cannot be broken off: the lock stays until it is through
                await (await opening).close()
            raise

    @classmethod
    def _start(cls, path: Path, lock: FileLock, busy_timeout_ms: int) -> "SqliteDatabase":
        connection = WritingConnection(writing_engine(path, busy_timeout_ms=busy_timeout_ms), path)
        try:
            refuse_damage(connection.open(), path)
            migrate(connection.open(), str(path))
        except BaseException as error:
            connection.close()
            lock.release()
            if is_unavailable(error):
                raise StartRefused(f"cannot open the database {path}: {way_out(error)}") from error
            raise
        return cls(path, lock, connection, Readers(path, busy_timeout_ms=busy_timeout_ms))

    @property
    def commits(self) -> int:
        """Commits since the start; a group of works is one."""
        return self._connection.commits

    @property
    def reruns(self) -> int:
        """Groups whose shared transaction was lost, so that each work ran once more, alone."""
        return self._connection.reruns

    @property
    def log_bytes(self) -> int:
        """See `Database.log_bytes`."""
        return self._connection.files.log_bytes

    @property
    def waiting(self) -> int:
        """Works that wait for the writer."""
        return self._writer.waiting

    async def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in one transaction and return its value once the commit is durable; see `Database.write`."""
        return await self._writer.write(work)

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` beside all writes, on one snapshot; see `Database.read`."""
        return await self._readers.read(query)

    async def scrub(self) -> str | None:
        """Write the file anew and cut the log, between two transactions; see `Database.scrub`."""
        left: str | None = await self._writer.alone(self._connection.scrub)
        return left

    async def ready(self) -> None:
        """Say nothing when writes are taken and the schema is this version's; see `Database.ready`."""
        self._writer.check()
        self._connection.files.check()
        if (trouble := self._connection.trouble) is not None:
            raise DatabaseUnavailable(f"{self.path}: {way_out(trouble)}")
        revision = await self.read(current_revision)
        if revision != head_revision():
            raise DatabaseUnavailable(f"{self.path} has schema revision {revision}, not {head_revision()}: restart")

    async def listen(self, ring: Callable[[], None]) -> None:
        """Do nothing: whoever writes is in this process, and rings by itself; see `Database.listen`."""

    async def close(self) -> None:
        """Finish what is queued, refuse the rest, close and free the file; may be called twice."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        with self._closing:
            self._writer.stop()
            self._readers.close()
            self._connection.close()  # last, because only it may move the log into the file
            self._lock.release()


class SqliteReader:
    """Reads a SQLite file beside the process that owns it, or with none running; takes no lock, moves no frames."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self.path = path
        self._readers = Readers(path, threads=1)

    @classmethod
    async def open(cls, path: Path) -> "SqliteReader":
        """Open an existing file of this version's schema.

        Raises:
            StartRefused: it is missing, cannot be read, or has another schema revision.
        """
        return await asyncio.to_thread(cls._open, path)

    @classmethod
    def _open(cls, path: Path) -> "SqliteReader":
        path = path.resolve()
        if not path.is_file():
            raise StartRefused(
                f"there is no database {path}: start the service once (`gatepost serve`), "
                "or set GATEPOST_DATABASE_URL to the file it uses."
            )
        reader = cls(path)
        try:
            revision = reader._readers.run(current_revision)
            refuse_unknown(revision, str(path))
            if revision != head_revision():
                raise StartRefused(
                    f"{path} has schema revision {revision or 'none'}, this Gatepost needs {head_revision()}: "
                    "run `gatepost migrate`, or start the service once."
                )
        except BaseException as error:
            reader._readers.close()
            if isinstance(error, DatabaseUnavailable):
                raise StartRefused(f"cannot read the database {error}") from error
            raise
        return reader

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on one snapshot; see `Database.read`."""
        return await self._readers.read(query)

    async def close(self) -> None:
        """Close the connection."""
        await asyncio.to_thread(self._readers.close)
