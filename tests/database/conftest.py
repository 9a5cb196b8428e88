"""A real database in a file, and a way to hold its writer so that works meet in one group."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from gatepost.database.sqlite import SqliteDatabase

BUSY_TIMEOUT_MS = 100  # a test must not wait five seconds for a lock that never comes


@contextlib.asynccontextmanager
async def notes_database(path: Path) -> AsyncIterator[SqliteDatabase]:
    """An open database with one more table, `notes`."""
    database = await SqliteDatabase.open(path, wait_for_owner_s=0, busy_timeout_ms=BUSY_TIMEOUT_MS)
    try:
        await database.write(create_notes)
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with notes_database(tmp_path / "gatepost.db") as database:
        yield database


def create_notes(tx: Connection) -> None:
    tx.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL UNIQUE, filling BLOB)")


def note(text: str, filling: bytes = b"") -> Callable[[Connection], str]:
    """A work that writes one note and returns its text."""

    def work(tx: Connection) -> str:
        tx.exec_driver_sql("INSERT INTO notes VALUES (?, ?)", (text, filling))
        return text

    return work


def notes(connection: Connection) -> list[str]:
    return list(connection.exec_driver_sql("SELECT text FROM notes ORDER BY text").scalars())


@contextlib.asynccontextmanager
async def held_writer(database: SqliteDatabase) -> AsyncIterator[None]:
    """Keep the writer inside a work until the block ends: what is written meanwhile waits and shares a group."""
    entered, leave = threading.Event(), threading.Event()

    def hold(tx: Connection) -> None:
        entered.set()
        leave.wait()

    holding = asyncio.create_task(database.write(hold))
    try:
        await asyncio.to_thread(entered.wait)
        yield
    finally:
        leave.set()
        await holding


async def outcomes_of_a_group(database: SqliteDatabase, *works: Callable[[Connection], object]) -> list[object]:
    """Run `works` in one group and return the value or the exception of each."""
    async with held_writer(database):
        writes = [asyncio.create_task(database.write(work)) for work in works]
        await asyncio.sleep(0)  # each task runs up to its place in the queue
        assert len(works) == database.waiting
    return await asyncio.gather(*writes, return_exceptions=True)
