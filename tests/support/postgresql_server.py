"""A PostgreSQL server that runs, whoever started it: databases, users and sessions for tests."""

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.issued_secrets import ISSUED
from tests.support.issued_tokens import rows_of_postgresql


class Server:
    """A running PostgreSQL.

    Attributes:
        url: of its database `postgres`, as a superuser.
    """

    _strategy = ""

    def __init__(self, url: str) -> None:
        self.url = url

    def url_of(self, database: str) -> str:
        """The URL of another database of this server."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    async def execute(self, statement: str, *arguments: object, url: str | None = None) -> list[Any]:
        """Run one statement on a connection of its own and return its rows; outside a transaction."""
        connection = await asyncpg.connect(url or self.url)
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    async def create_database(self, name: str, template: str = "template0") -> str:
        """Make a database, and return its URL."""
        await self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" {self._strategy}')
        return self.url_of(name)

    async def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected; what stood in it is searched for secrets."""
        if ISSUED.listening:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # never made, or damaged
                await self._keep_rows(name)
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _keep_rows(self, name: str) -> None:
        connection = await asyncpg.connect(self.url_of(name), timeout=5, command_timeout=20)
        try:
            tokens, rows = await rows_of_postgresql(connection)
        finally:
            await connection.close()
        ISSUED.note_rows(tokens)
        ISSUED.keep(f"rows of {name}", "\n".join(rows))

    @contextlib.contextmanager
    def new_database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a database that exists while the block runs."""
        name = f"gatepost_{uuid.uuid4().hex}"
        try:
            yield run_apart(self.create_database(name, template))
        finally:
            run_apart(self.drop_database(name))

    async def end_sessions(self, url: str, application: str) -> int:
        """Have the server end every session of this name in a database, as an administrator does; returns how many."""
        sessions = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
        wait_ms = 5_000
        ended = f"SELECT pg_terminate_backend(pid, {wait_ms}) FROM ({sessions}) AS sessions"
        return len(await self.execute(ended, application, url=url))

    @contextlib.contextmanager
    def role(self, url: str, options: str = "") -> Iterator[str]:
        """The URL of the same database for a user of its own, who may log in and nothing else."""
        name = f"role_{uuid.uuid4().hex}"
        run_apart(self.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'hunter2' {options}", url=url))
        parts = urlsplit(url)
        try:
            yield urlunsplit(parts._replace(netloc=f"{name}:hunter2@{parts.netloc.rpartition('@')[2]}"))
        finally:
            run_apart(self.execute(f"DROP OWNED BY {name}", url=url))
            run_apart(self.execute(f"DROP ROLE {name}", url=url))


def run_apart(work: Any) -> Any:
    """Run a coroutine to its end from a fixture or a helper that is no coroutine, whatever loop runs here."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()
