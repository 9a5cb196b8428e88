"""Databases that hold 100,000 messages, filled once for the run."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from gatepost.accounts.gate import Gate
from gatepost.database.columns import SCHEMA
from gatepost.database.opening import open_database
from gatepost.database.postgresql_session import Sessions
from gatepost.database.sqlite_engine import writing_engine
from gatepost.events import Events
from gatepost.outbox.tables import SQLITE_TRIGGERS
from tests.conformance.plans.filled import Filled, FilledPostgresql, FilledSqlite
from tests.conformance.plans.filling import BACKLOG, NOW_MS, SETTLED, Shape, rows_of
from tests.support.gate import cheap_gate
from tests.support.postgresql import Server

KINDS = ("sqlite", "postgresql")

Fill = Callable[[Shape], Filled]


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for the connections of all filled databases."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as running:
        yield running


@pytest.fixture(scope="session")
def fill_sqlite(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fill]:
    """Fills a file with rows of a shape, when it is wanted for the first time."""
    with ExitStack() as stack:
        yield cache(
            lambda shape: stack.enter_context(
                filled_sqlite(runner, tmp_path_factory.mktemp("plans") / "gatepost.db", shape)
            )
        )


@pytest.fixture(scope="session")
def fill_postgresql(runner: asyncio.Runner, postgresql_server: Server) -> Iterator[Fill]:
    """Fills a database of the server with rows of a shape, when it is wanted for the first time."""
    with ExitStack() as stack:
        yield cache(lambda shape: stack.enter_context(filled_postgresql(runner, postgresql_server, shape)))


@pytest.fixture(params=KINDS)
def fill(request: pytest.FixtureRequest) -> Fill:
    """Both databases, one after the other."""
    filling: Fill = request.getfixturevalue(f"fill_{request.param}")
    return filling


@pytest.fixture
def settled(fill: Fill) -> Filled:
    """100,000 messages of ten weeks; a few hundred wait."""
    return fill(SETTLED)


@pytest.fixture
def backlog(fill: Fill) -> Filled:
    """100,000 messages, and all of them wait."""
    return fill(BACKLOG)


@pytest.fixture(params=[SETTLED, BACKLOG], ids=lambda shape: shape.name)
def filled(fill: Fill, request: pytest.FixtureRequest) -> Filled:
    """Both shapes, one after the other."""
    return fill(request.param)


class _NewYear:
    """A clock that stands where the rows end."""

    def now_ms(self) -> int:
        return NOW_MS

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def gate() -> Iterator[Gate]:
    """The account flows' parts, but for the database: that is each test's own."""
    with cheap_gate(None, _NewYear(), Events()) as made:
        yield made


@contextmanager
def filled_sqlite(runner: asyncio.Runner, path: Path, shape: Shape) -> Iterator[Filled]:
    """Make a migrated file with these rows."""
    runner.run(_migrate(f"sqlite:///{path}"))
    raw = sqlite3.connect(path, isolation_level=None)
    raw.execute("PRAGMA synchronous=OFF")
    raw.execute("BEGIN")
    for trigger in SQLITE_TRIGGERS:  # they know births and moves; these rows have long lived
        raw.execute(f"DROP TRIGGER {trigger.split()[2]}")
    for table, names, rows in rows_of(shape):
        marks = ", ".join("?" * len(names))
        raw.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", rows)
    for trigger in SQLITE_TRIGGERS:
        raw.execute(trigger)
    raw.execute("COMMIT")
    raw.close()
    engine = writing_engine(path)
    yield FilledSqlite(runner, engine)
    engine.dispose()


@contextmanager
def filled_postgresql(runner: asyncio.Runner, server: Server, shape: Shape) -> Iterator[Filled]:
    """Make a migrated database with these rows and fresh statistics."""
    name = f"plans_{shape.name}"
    url = runner.run(server.create_database(name))
    runner.run(_migrate(url))
    runner.run(_fill_postgresql(url, shape))
    opener = Sessions(url).opener("plans", bounded=False)
    engine = create_async_engine("postgresql+asyncpg://", connect_args={"async_creator_fn": opener})
    yield FilledPostgresql(runner, engine)
    runner.run(engine.dispose())
    runner.run(server.drop_database(name))


async def _migrate(url: str) -> None:
    database = await open_database(url, wait_for_owner_s=0)
    await database.close()


async def _fill_postgresql(url: str, shape: Shape) -> None:
    connection = await asyncpg.connect(url)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")  # no triggers, see above
        for table, names, rows in rows_of(shape):
            await connection.copy_records_to_table(table.name, schema_name=SCHEMA, columns=names, records=rows)
    await connection.execute("VACUUM (ANALYZE)")  # autovacuum would have been here by now
    await connection.close()
