"""A filled database that can be asked again and again: whatever runs on it is examined, and rolled back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.ext.asyncio import AsyncEngine

from gatepost.database.connection import Database, Work
from tests.conformance.plans.examining import Examined, examining_postgresql, examining_sqlite

T = TypeVar("T")

Act = Callable[[Database], Awaitable[object]]


class Filled:
    """A filled database; see the module.

    Args:
        runner: of the event loop everything runs in.
    """

    kind: str

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def examine(self, act: Act, *, without: tuple[str, ...] = ()) -> Examined:
        """Run `act` with this database: all its reads and writes in one transaction, which is rolled back.

        Args:
            act: what to run.
            without: indexes that are not there meanwhile.
        """
        found = Examined(self.kind)
        self._runner.run(self._run(act, found, without))
        return found

    def examine_work(self, work: Work[object], *, without: tuple[str, ...] = ()) -> Examined:
        """Run `work`; see `examine`."""
        return self.examine(lambda database: database.write(work), without=without)

    def tidy(self) -> None:
        """Take away what many writes that were rolled back have left: later looks would walk through it."""

    async def _run(self, act: Act, found: Examined, without: tuple[str, ...]) -> None:
        raise NotImplementedError


class FilledSqlite(Filled):
    """A file, behind an engine of the product's for writing."""

    kind = "sqlite"

    def __init__(self, runner: asyncio.Runner, engine: Engine) -> None:
        super().__init__(runner)
        self.engine = engine

    async def _run(self, act: Act, found: Examined, without: tuple[str, ...]) -> None:
        with self.engine.connect() as connection, connection.begin() as transaction:
            for index in without:
                connection.exec_driver_sql(f"DROP INDEX {index}")
            with examining_sqlite(connection, found):
                await act(_OneTransaction(lambda work: _soon(work(connection))))
            transaction.rollback()


class FilledPostgresql(Filled):
    """A database of a server, behind an engine whose sessions are opened as the product's are.

    Everything runs twice: planned for its values, and for any.
    """

    kind = "postgresql"

    def __init__(self, runner: asyncio.Runner, engine: AsyncEngine) -> None:
        super().__init__(runner)
        self.engine = engine

    def tidy(self) -> None:
        self._runner.run(self._vacuum())

    async def _vacuum(self) -> None:
        async with self.engine.connect() as connection:
            outside = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await outside.exec_driver_sql("VACUUM (INDEX_CLEANUP ON)")

    async def _run(self, act: Act, found: Examined, without: tuple[str, ...]) -> None:
        for mode in ("force_custom_plan", "force_generic_plan"):
            async with self.engine.connect() as connection:
                await connection.exec_driver_sql(f"SET LOCAL plan_cache_mode = {mode}")
                for index in without:
                    await connection.exec_driver_sql(f"DROP INDEX {index}")

                def examined(tx: Connection, work: Work[T]) -> T:
                    with examining_postgresql(tx, found):
                        return work(tx)

                await act(_OneTransaction(lambda work: connection.run_sync(examined, work)))
                await connection.rollback()


class _OneTransaction(Database):
    """A database for the flows, of which every write and read is part of one and the same transaction."""

    url = "examined"
    shared = True
    warnings = ()

    def __init__(self, run: Callable[[Work[T]], Awaitable[T]]) -> None:
        self._run = run

    async def write(self, work: Work[T]) -> T:
        return await self._run(work)

    async def read(self, query: Work[T]) -> T:
        return await self._run(query)


async def _soon(value: T) -> T:
    return value
