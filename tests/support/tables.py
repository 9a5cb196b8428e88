"""The tables of an installation, read and changed past the product, on either database."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncpg

T = TypeVar("T")
Row = Sequence[Any]

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 30.0
_INDEXES = """SELECT indexrelid FROM pg_index JOIN pg_class ON oid = indrelid
    WHERE relnamespace = 'gatepost'::regnamespace AND relkind = 'r'"""
# asyncpg wants a loop, and a test may have one already: each call has its own, on a thread.
_LOOPS = ThreadPoolExecutor(max_workers=8, thread_name_prefix="tables")


class Tables(Protocol):
    """Questions and changes in SQL that both databases understand; tables are named without their schema."""

    def read(self, *queries: str) -> list[list[Row]]:
        """The rows of each query, all from one moment."""
        ...

    def change(self, statement: str) -> int:
        """Commit one statement; returns how many rows it met."""
        ...

    def damage(self) -> list[str]:
        """What the database itself finds wrong with its files."""
        ...


class SqliteTables:
    """A SQLite file, opened anew for every call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, *queries: str) -> list[list[Row]]:
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            return [connection.execute(query).fetchall() for query in queries]

    def change(self, statement: str) -> int:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement).rowcount

    def damage(self) -> list[str]:
        found, orphans = self.read("PRAGMA integrity_check", "PRAGMA foreign_key_check")
        return [line for (line,) in found if line != "ok"] + [str(row) for row in orphans]


class PostgresqlTables:
    """A PostgreSQL database that several programs share. Not to be called from within an event loop's own thread.

    Args:
        url: as the programs get it.
        admin_url: of the same database, for a role that may do everything.

    Attributes:
        name: of the database.
    """

    def __init__(self, url: str, admin_url: str) -> None:
        self.name = admin_url.rpartition("/")[2]
        self.url = url
        self.admin_url = admin_url

    def read(self, *queries: str) -> list[list[Row]]:
        async def ask(connection: asyncpg.Connection) -> list[list[Row]]:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return [[tuple(row) for row in await connection.fetch(query)] for query in queries]

        return self._run(ask)

    def change(self, statement: str) -> int:
        async def do(connection: asyncpg.Connection) -> int:
            said = re.search(r"\d+$", await connection.execute(statement))
            return int(said[0]) if said else 0

        return self._run(do)

    def damage(self) -> list[str]:
        """Every index says where every row is, and no more (amcheck)."""

        async def look(connection: asyncpg.Connection) -> list[str]:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA public")
            found = []
            for (index,) in await connection.fetch(_INDEXES):
                try:
                    await connection.execute(f"SELECT public.bt_index_check({index}, true)")
                except asyncpg.PostgresError as error:
                    found.append(str(error))
            return found

        return self._run(look)

    def _run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async def once() -> T:
            connection = await connect(self.admin_url)
            try:
                return await work(connection)
            finally:
                connection.terminate()

        return _LOOPS.submit(asyncio.run, once()).result()


async def connect(url: str) -> asyncpg.Connection:
    """A session of a test's own, which finds our tables."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=STATEMENT_TIMEOUT_S,
        server_settings={"search_path": "gatepost,public", "application_name": "test"},
    )
