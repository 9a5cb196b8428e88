"""One suite over every database: `database` is SQLite in one run of a test and PostgreSQL in the other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gatepost.database.connection import Database
from gatepost.database.opening import open_database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database this run of the test has."""
    kind: str = request.param
    return kind


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """The URL of this test's own, migrated database."""
    if database_kind == "sqlite":
        return f"sqlite:///{request.getfixturevalue('sqlite_file')}"
    url: str = request.getfixturevalue("postgresql_url")  # not asked for by SQLite's run: it would start a server
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database."""
    opened = await open_database(database_url, wait_for_owner_s=0)
    yield opened
    await opened.close()


@pytest.fixture
async def processes(database: Database, database_url: str) -> AsyncIterator[list[Database]]:
    """The database as four processes have it open; a SQLite file has one process, which does four things at once."""
    if not database.shared:
        yield [database] * 4
        return
    async with AsyncExitStack() as opened:
        others = [await open_database(database_url, wait_for_owner_s=0) for _ in range(3)]
        for one in others:
            opened.push_async_callback(one.close)
        yield [database, *others]
