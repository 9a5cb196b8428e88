"""A PostgreSQL database with the table `notes`, and a server of this folder's own that may be stopped and broken."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_session import Patience
from tests.conformance.database.barrier import PostgresqlBarrier
from tests.conformance.database.conftest import create_notes
from tests.support.postgresql import Cluster, own_cluster

# As patient as the product where the server answers, and not where it is silent.
QUICK = replace(Patience(), connect_s=1.0, begin_s=0.5, answer_s=1.5)


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresqlDatabase]:
    """An open database with the table `notes`."""
    database = await PostgresqlDatabase.open(url, wait_s=0, **options)
    try:
        await database.write(create_notes)
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[PostgresqlDatabase]:
    async with opened(postgresql_url) as database:
        yield database


@pytest.fixture
async def barrier(postgresql_url: str) -> AsyncIterator[PostgresqlBarrier]:
    async with PostgresqlBarrier.at(postgresql_url) as barrier:
        yield barrier


@pytest.fixture(scope="session")
def own_server() -> Iterator[Cluster]:
    """A server of our own: a test may stop it and change its settings, and leaves it as it was."""
    with own_cluster() as running:
        yield running


@pytest.fixture
def own_url(own_server: Cluster) -> Iterator[str]:
    """The URL of an empty database on `own_server`."""
    with own_server.new_database() as url:
        yield url
