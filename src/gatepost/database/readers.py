"""Reads beside the writer: a few threads, each query on a connection that cannot write and sees one snapshot."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from gatepost.database.connection import Work
from gatepost.database.failures import deliverable, is_unavailable, result_code, unavailable
from gatepost.database.sqlite_engine import BUSY_TIMEOUT_MS, reading_engine
from gatepost.database.work import plain
from gatepost.errors import DatabaseBusy, DatabaseUnavailable

T = TypeVar("T")

READ_THREADS = 2
MAX_WAITING_READS = 4_096
_BUSY_RETRY_AFTER_S = 2


class Readers:
    """Runs queries of one SQLite file.

    Args:
        path: the file; it must exist.
        threads: how many queries run at a time.
        busy_timeout_ms: how long a query waits for a lock; readers wait for nobody but a recovery of the log.
    """

    def __init__(self, path: Path, *, threads: int = READ_THREADS, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        self._path = path
        self._engine = reading_engine(path, connections=threads, busy_timeout_ms=busy_timeout_ms)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="gatepost-read")
        self._places = threading.BoundedSemaphore(MAX_WAITING_READS + threads)
        self._closed = False

    async def read(self, query: Work[T]) -> T:
        """Run `query` and return its value; everything it reads is of one moment.

        Raises:
            DatabaseBusy: too many queries wait.
            DatabaseUnavailable: the file cannot be read or is closed, or the system gives no thread to read in.
        """
        if self._closed:
            raise DatabaseUnavailable(f"{self._path} is closed: the process is stopping")
        if not self._places.acquire(blocking=False):
            raise DatabaseBusy(f"{self._path}: {MAX_WAITING_READS} reads wait already", _BUSY_RETRY_AFTER_S)
        try:
            answer = self._threads.submit(self.run, query)
        except RuntimeError as error:  # "can't start new thread": a limit on processes, or no memory for one
            self._places.release()
            raise DatabaseUnavailable(f"{self._path}: no thread to read in: {error}") from error
        answer.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(answer)

    def run(self, query: Work[T]) -> T:
        """Run `query` in the calling thread."""
        try:
            with self._engine.connect() as connection:
                try:
                    with connection.begin():
                        return plain(query(connection))
                except BaseException as error:
                    if is_unavailable(error):
                        connection.invalidate()  # the next query opens the file anew
                    raise
        except BaseException as error:
            # Plain READONLY: the query tried to write. That is a bug in it and no matter of the disk.
            if is_unavailable(error) and result_code(error) != sqlite3.SQLITE_READONLY:
                raise unavailable(self._path, error) from error
            told = deliverable(error)
            if told is error:
                raise
            raise told from error

    def close(self) -> None:
        """Finish the queries that run or wait, refuse later ones, close the connections."""
        self._closed = True
        self._threads.shutdown(wait=True)
        self._engine.dispose()
