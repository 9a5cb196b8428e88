"""One more table, `notes`, and a barrier at which works wait, on either database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import Column, Connection, LargeBinary, MetaData, Table, Text, insert, select

from gatepost.database.connection import Database, Work
from gatepost.database.opening import open_database
from tests.conformance.database.barrier import Barrier, PostgresqlBarrier, SqliteBarrier

table = Table("notes", MetaData(), Column("text", Text, nullable=False, unique=True), Column("filling", LargeBinary))


def create_notes(tx: Connection) -> None:
    table.create(tx, checkfirst=True)


def note(text: str) -> Work[str]:
    """A work that writes one note and returns its text."""

    def work(tx: Connection) -> str:
        tx.execute(insert(table).values(text=text, filling=b""))
        return text

    return work


def notes(connection: Connection) -> list[str]:
    return list(connection.execute(select(table.c.text).order_by(table.c.text)).scalars())


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with the table `notes`."""
    opened = await open_database(database_url, wait_for_owner_s=0)
    await opened.write(create_notes)
    yield opened
    await opened.close()


@pytest.fixture
async def barrier(database_kind: str, database_url: str) -> AsyncIterator[Barrier]:
    """A barrier at which works of `database` wait until it opens."""
    async with AsyncExitStack() as stack:
        if database_kind == "sqlite":
            yield SqliteBarrier()
        else:
            yield await stack.enter_async_context(PostgresqlBarrier.at(database_url))
