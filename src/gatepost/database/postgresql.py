"""PostgreSQL behind `write` and `read`: a transaction each on a bounded number of connections.

The parts: `postgresql_start` the first connection and the migrations, `postgresql_session` what a connection must be,
`postgresql_line` a transaction, `postgresql_lines` who waits for one, `postgresql_listener` the bell. Loaded only where
GATEPOST_DATABASE_URL names PostgreSQL, because asyncpg is an extra.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from gatepost.database.connection import Database, Work
from gatepost.database.postgresql_line import Line, line_engine
from gatepost.database.postgresql_lines import Lines
from gatepost.database.postgresql_listener import Listener
from gatepost.database.postgresql_scrub import free_space
from gatepost.database.postgresql_session import Patience, Sessions
from gatepost.database.postgresql_start import migrated, opened_for_reading
from gatepost.database.schema import current_revision, head_revision
from gatepost.errors import DatabaseUnavailable

T = TypeVar("T")

READ_CONNECTIONS = 2
LISTEN_CONNECTIONS = 1


class PostgresqlDatabase(Database):
    """A migrated database on a PostgreSQL server; made by `PostgresqlDatabase.open`.

    Attributes:
        url: for logs, without login.
        shared: True: other processes may write to it at the same time.
        warnings: what should be looked at, one sentence each.
    """

    shared = True

    def __init__(self, sessions: Sessions, connections: int, warnings: tuple[str, ...]) -> None:
        self.url = sessions.masked_url
        self.warnings = warnings
        self._sessions = sessions
        self._writers = _lines(sessions, connections - READ_CONNECTIONS - LISTEN_CONNECTIONS, reading=False)
        self._readers = _lines(sessions, READ_CONNECTIONS, reading=True)
        self._listeners: list[Listener] = []

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        wait_s: float,
        on_waiting: Callable[[str], None] | None = None,
        connections: int = 12,
        patience: Patience = Patience(),
    ) -> "PostgresqlDatabase":
        """Connect, migrate, and check that what is committed there is durable.

        Args:
            url: `postgresql://user:password@host:port/database`; what follows `?` is asyncpg's.
            wait_s: seconds to wait for a server that is away or starting.
            on_waiting: called once with a sentence before waiting.
            connections: most connections at the same time: one listens, two read, the others write.
            patience: how long is waited for what.

        Raises:
            SchemaTooNew: a later version migrated it.
            StartRefused: it is away, refuses the login, takes no writes, or its commits are not durable.
        """
        sessions = Sessions(url, patience)
        warnings = await migrated(sessions, wait_s=wait_s, on_waiting=on_waiting)
        return cls(sessions, connections, warnings)

    async def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in one transaction and return its value once the commit is durable; see `Database.write`."""
        return await self._writers.run(work)

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` beside all writes, on one snapshot; see `Database.read`."""
        return await self._readers.run(query)

    async def scrub(self) -> str | None:
        """Have the server free the space of what was deleted; see `Database.scrub`."""
        return await free_space(self._sessions)

    async def ready(self) -> None:
        """Say nothing when writes are taken and the schema is this version's; see `Database.ready`."""
        self._writers.check()
        trouble = await self.read(_trouble)
        if trouble is not None:
            raise DatabaseUnavailable(f"the {self._sessions.name} {trouble}")

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever a commit of any process made a message due; see `Database.listen`."""
        listener = Listener(self._sessions, ring)
        self._listeners.append(listener)
        await listener.start()

    async def close(self) -> None:
        """Finish what is queued, refuse the rest, close the connections; may be called twice."""
        await asyncio.gather(*(listener.stop() for listener in self._listeners))
        await self._writers.close()
        await self._readers.close()


class PostgresqlReader:
    """Reads a database on a PostgreSQL server beside the service, or with none running."""

    def __init__(self, sessions: Sessions) -> None:
        self.url = sessions.masked_url
        self._readers = _lines(sessions, 1, reading=True)

    @classmethod
    async def open(cls, url: str) -> "PostgresqlReader":
        """Open a database of this version's schema; migrates nothing.

        Raises:
            StartRefused: it is away, refuses the login, or has another schema revision.
        """
        sessions = Sessions(url)
        await opened_for_reading(sessions)
        return cls(sessions)

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on one snapshot; see `Database.read`."""
        return await self._readers.run(query)

    async def close(self) -> None:
        """Close the connection."""
        await self._readers.close()


def _lines(sessions: Sessions, number: int, *, reading: bool) -> Lines:
    engine = line_engine(sessions, reading=reading)
    lines = [Line(engine, sessions, reading=reading) for _ in range(number)]
    return Lines(lines, sessions, "read" if reading else "write")


def _trouble(connection: Connection) -> str | None:
    """Why no write would be taken, in words that complete "the database …"; fits `read`."""
    standby, read_only = connection.exec_driver_sql(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only') = 'on'"
    ).one()
    if standby or read_only:
        return f"takes no writes ({'it is a standby' if standby else 'default_transaction_read_only is on'})"
    revision = current_revision(connection)
    if revision != head_revision():
        return f"has schema revision {revision}, not {head_revision()}: restart"
    return None
