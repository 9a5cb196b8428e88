"""One connection to PostgreSQL and the transactions on it, one after another.

SQLAlchemy is told that the connection commits by itself (AUTOCOMMIT), and BEGIN and COMMIT are sent from here: so the
answer to COMMIT is seen (a server that lost the transaction answers ROLLBACK, without an error), and what was lost
before COMMIT was sent can be told from what was lost in it.
"""

import asyncio
import contextlib
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool, RootTransaction, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from gatepost.database.connection import Work
from gatepost.database.failures import deliverable
from gatepost.database.postgresql_failures import is_conflict, is_read_only, is_unavailable, may_pass, unavailable
from gatepost.database.postgresql_session import LINE_ERRORS, ServerUnfit, Sessions
from gatepost.database.work import WorkRefused, allow_endings, checked, plain, refuse_endings, watch
from gatepost.errors import DatabaseUnavailable

T = TypeVar("T")

_STATEMENTS_KEPT = 512  # prepared statements
_BEGIN_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"  # everything one query reads is of one moment


class RunAgain(Exception):
    """Nothing of the transaction was kept, and another run may succeed.

    Args:
        error: why; of the database or the network.
        away: the server cannot be reached.
    """

    def __init__(self, error: BaseException, *, away: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.away = away


def line_engine(sessions: Sessions, *, reading: bool) -> AsyncEngine:
    """An engine that opens connections for lines; see `Line`."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={
            "async_creator_fn": sessions.opener("read" if reading else "write", reading=reading),
            "prepared_statement_cache_size": _STATEMENTS_KEPT,
        },
    )
    watch(engine.sync_engine)
    event.listen(engine.sync_engine, "handle_error", _on_error)
    return engine


class Line:
    """A place for one transaction at a time; its connection is opened when it is needed, and again after a failure.

    Args:
        engine: opens the connection; see `line_engine`.
        sessions: where the database is.
        reading: transactions are snapshots that cannot write, and nothing is committed.
    """

    def __init__(self, engine: AsyncEngine, sessions: Sessions, *, reading: bool) -> None:
        self._engine = engine
        self._sessions = sessions
        self._generation = sessions.generation
        self._name = f"the {sessions.name}"
        self._patience = sessions.patience
        self._reading = reading
        self._connection: AsyncConnection | None = None
        self._driver: Any = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, dead or alive."""
        return self._connection is not None

    async def transact(self, work: Work[T]) -> T:
        """Run `work` in one transaction and return its value once the commit is durable.

        Raises:
            RunAgain: nothing was kept.
            DatabaseUnavailable: the server takes no transaction, or the line was lost in COMMIT.
            Exception: whatever `work` raised; then it left nothing behind.
        """
        connection = await self._begun()
        driver = self._driver
        # Whatever goes on then breaks off with a lost connection.
        end = asyncio.get_running_loop().call_later(self._patience.transaction_s, driver.terminate)
        try:
            value = await connection.run_sync(self._run, work)
            await self._end(driver)
        except Exception as error:
            lost = driver.is_closed()
            await self._clear(driver)
            told = self._told(error, lost, overdue=end.when() <= asyncio.get_running_loop().time())
            if told is error:
                raise
            raise told from error
        except BaseException:  # this task itself is cancelled: the event loop ends
            await self._drop()
            raise
        finally:
            end.cancel()
        return value

    async def close(self) -> None:
        """Close the connection; it is opened again when it is needed."""
        connection, driver = self._connection, self._driver
        self._connection = self._driver = None
        with contextlib.suppress(*LINE_ERRORS, SQLAlchemyError):
            if driver is not None:
                await driver.close(timeout=self._patience.begin_s)
        with contextlib.suppress(*LINE_ERRORS, SQLAlchemyError):
            if connection is not None and connection.sync_connection is not None:
                allow_endings(connection.sync_connection)
                await connection.close()

    async def _begun(self) -> AsyncConnection:
        if self._generation != self._sessions.generation:
            await self._drop()
        if self._connection is not None:
            with contextlib.suppress(*LINE_ERRORS):  # lost while it was idle: that costs a new one and no error
                await self._begin()
                return self._connection
            await self._drop()
        self._generation = self._sessions.generation
        try:
            self._connection = await self._engine.connect()
            self._driver = (await self._connection.get_raw_connection()).driver_connection
            if self._connection.sync_connection is not None:
                refuse_endings(self._connection.sync_connection)
            await self._begin()
        except (*LINE_ERRORS, DBAPIError, ServerUnfit) as error:
            await self._drop()
            if may_pass(error):
                raise RunAgain(error, away=True) from error
            raise unavailable(self._name, error) from error
        return self._connection

    async def _begin(self) -> None:
        await self._driver.execute(_BEGIN_READING if self._reading else _BEGIN_WRITING, timeout=self._patience.begin_s)

    def _run(self, connection: Connection, work: Work[T]) -> T:
        # In SQLAlchemy's greenlet. Its transaction is only a mark here: for begin_nested(), and for what a work may.
        transaction = connection.begin()
        try:
            value = plain(work(connection)) if self._reading else checked(work, connection)
            self._check_intact(connection, transaction)
        except BaseException as error:
            told = error if _is_cancelled(error) else deliverable(error)
            if told is error:
                raise
            raise told from error
        finally:
            with contextlib.suppress(Exception):
                transaction.close()
        return value

    def _check_intact(self, connection: Connection, transaction: RootTransaction) -> None:
        if self._driver.is_closed():
            raise ConnectionResetError("the connection was lost within the transaction")
        if connection.get_nested_transaction() is not None:
            raise WorkRefused("a work left a savepoint open: use `with tx.begin_nested():`")
        if connection.get_transaction() is not transaction or not self._driver.is_in_transaction():
            raise DatabaseUnavailable(f"{self._name}: the transaction ended inside a work; nothing of it was kept")

    async def _end(self, driver: Any) -> None:
        if self._reading:
            with contextlib.suppress(*LINE_ERRORS):  # what was read was read
                await driver.execute("ROLLBACK", timeout=self._patience.begin_s)
            return
        try:
            answer = await driver.execute("COMMIT")
        except asyncpg.IntegrityConstraintViolationError as error:  # a deferred constraint
            raise IntegrityError("COMMIT", None, error) from error
        except LINE_ERRORS as error:
            if isinstance(error, asyncpg.PostgresError) and not driver.is_closed():
                raise  # the server rolled back, and says why
            driver.terminate()
            raise DatabaseUnavailable(
                f"{self._name}: the connection was lost in COMMIT, so nobody knows whether it was kept ({error!r})"
            ) from error
        if answer != "COMMIT":
            raise WorkRefused("a work went on after a database error: catch it around tx.begin_nested()")

    def _told(self, error: Exception, lost: bool, overdue: bool) -> Exception:
        if isinstance(error, DatabaseUnavailable | WorkRefused):
            return error
        if lost and overdue:
            return DatabaseUnavailable(
                f"{self._name}: a transaction took longer than {self._patience.transaction_s:g} s and was broken off"
            )
        if lost or is_conflict(error):
            return RunAgain(error)
        if not self._reading and is_read_only(error):
            self._sessions.renew(self._generation)
            return RunAgain(error)
        if is_unavailable(error) and not is_read_only(error):  # a query that tried to write is a bug
            return unavailable(self._name, error)
        return error

    async def _clear(self, driver: Any) -> None:
        """Leave nothing of the transaction: by a rollback, or by closing the connection."""
        try:
            if not driver.is_closed():
                if driver.is_in_transaction():
                    await driver.execute("ROLLBACK", timeout=self._patience.begin_s)
                return
        except LINE_ERRORS:
            pass
        await self._drop()

    async def _drop(self) -> None:
        if self._driver is not None:
            self._driver.terminate()  # at once: a dead line would take its time to say goodbye
        await self.close()


def _on_error(context: ExceptionContext) -> None:
    context.is_disconnect = False  # SQLAlchemy would close the connection; its line does
    if isinstance(context.original_exception, TimeoutError) and context.connection is not None:
        driver: Any = context.connection.connection.driver_connection
        driver.terminate()  # no answer in time: whatever comes later is for nobody


def _is_cancelled(error: BaseException) -> bool:
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
