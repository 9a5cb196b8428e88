"""Where works wait until a test lets them go on: a thread's event on SQLite, an advisory lock on PostgreSQL.

On PostgreSQL works run in the event loop, so they may wait only for the server.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Connection

from gatepost.database.connection import Database

_KEY = 4711
# As the settings have it: 12 connections, one of which listens and two read.
_POSTGRESQL_WRITERS = 9


class Barrier(Protocol):
    """Closed when it is made; lock timeouts bound the wait to five seconds on PostgreSQL."""

    writers: int  # how many works run at the same time

    def wait(self, tx: Connection) -> None:
        """Within a work or a query: wait until `open`."""

    async def arrived(self, number: int) -> None:
        """Return once that many works wait."""

    async def open(self) -> None:
        """Let all go on, and those that come later pass."""


class SqliteBarrier(Barrier):
    """See `Barrier`."""

    writers = 1

    def __init__(self) -> None:
        self._waiting = threading.Semaphore(0)
        self._opened = threading.Event()

    def wait(self, tx: Connection) -> None:
        self._waiting.release()
        self._opened.wait()

    async def arrived(self, number: int) -> None:
        for _ in range(number):
            await asyncio.to_thread(self._waiting.acquire)

    async def open(self) -> None:
        self._opened.set()


class PostgresqlBarrier(Barrier):
    """See `Barrier`."""

    writers = _POSTGRESQL_WRITERS

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator["PostgresqlBarrier"]:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute("SELECT pg_advisory_lock($1)", _KEY)
            yield cls(connection)
        finally:
            await connection.close()

    def wait(self, tx: Connection) -> None:
        tx.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_KEY})")

    async def arrived(self, number: int) -> None:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted"
        while await self._connection.fetchval(waiting, _KEY) < number:
            pass

    async def open(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock_all()")


@asynccontextmanager
async def held_writers(database: Database, barrier: Barrier) -> AsyncIterator[None]:
    """Keep every writer inside a work until the block ends: what is written meanwhile waits."""
    holding = [asyncio.create_task(database.write(barrier.wait)) for _ in range(barrier.writers)]
    try:
        await barrier.arrived(barrier.writers)
        yield
    finally:
        await barrier.open()
        await asyncio.gather(*holding)
