"""One suite over every database: `database` is SQLite in one run of a test and PostgreSQL in the other."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gatepost.database.connection import Database
from gatepost.database.opening import open_database
from tests.support.postgresql import Server, run_apart


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database this run of the test has."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def migrated_template(postgresql_server: Server) -> Iterator[str]:
    """The name of a migrated PostgreSQL database nobody is connected to; others are copies of it."""
    name = f"gatepost_template_{uuid.uuid4().hex}"
    run_apart(_make_template(postgresql_server, name))
    yield name
    run_apart(postgresql_server.drop_database(name))


@pytest.fixture
async def database_url(database_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The URL of this test's own database: migrated on PostgreSQL, missing on SQLite."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'gatepost.db'}"
        return
    server: Server = request.getfixturevalue("postgresql_server")
    template: str = request.getfixturevalue("migrated_template")
    name = f"gatepost_{uuid.uuid4().hex}"
    yield await server.create_database(name, template)
    await server.drop_database(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty, migrated database."""
    opened = await open_database(database_url, wait_for_owner_s=0)
    yield opened
    await opened.close()


async def _make_template(server: Server, name: str) -> None:
    database = await open_database(await server.create_database(name), wait_for_owner_s=0)
    await database.close()
