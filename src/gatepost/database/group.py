"""The one writing connection of a SQLite file: runs a group of works in one transaction and says what became of each.

Four guards stand here, without which it would report success for rows that are not there: see
docs/explanation/transactions.md. Nothing here knows of threads or futures.
"""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, RootTransaction

from gatepost.database.connection import Work
from gatepost.database.failures import is_unavailable, unavailable
from gatepost.database.own_files import MAX_LOG_BYTES, OwnFiles
from gatepost.database.scrubbing import scrub
from gatepost.database.work import WorkRefused, allow_endings, checked, refuse_endings
from gatepost.errors import DatabaseUnavailable

_USER_VERSIONS = 2**31


class Outcome(NamedTuple):
    """What became of one work: its value, or the error its caller is told."""

    value: Any
    error: BaseException | None


class _TransactionLost(Exception):
    """SQLite or a work ended the transaction the whole group shares; nothing of it is kept."""


class WritingConnection:
    """Runs groups of works; opened again by itself after a failure.

    Attributes:
        commits: commits that reached the disk.
        reruns: groups whose shared transaction was lost, so that each work ran once more, alone.
        files: what it writes into; once one of them was replaced, no work runs and none succeeds.
    """

    def __init__(self, engine: Engine, path: Path, *, max_log_bytes: int = MAX_LOG_BYTES) -> None:
        self.commits = 0
        self.reruns = 0
        self.files = OwnFiles(path, max_log_bytes=max_log_bytes)
        self._engine = engine
        self._path = path
        self._connection: Connection | None = None
        self._unfenced: BaseException | None = None

    @property
    def trouble(self) -> BaseException | None:
        """Why no write is taken at the moment: an earlier commit whose outcome is still unknown."""
        return self._unfenced

    def open(self) -> Connection:
        """Return the connection, opened if it is not."""
        if self._connection is None:
            self.files.check()  # another file at this path is not ours, and its log would not fit
            self._connection = self._engine.connect()
            self.files.opened()
        return self._connection

    def run(self, works: Sequence[Work[Any]]) -> list[Outcome]:
        """Run `works` in one transaction and return an outcome for each, in order; never raises for the database."""
        try:
            self.files.check()
            return self._run_group(works)
        except (
            DatabaseUnavailable
        ) as replaced:  # the connection is kept: what stands in its log is saved when it closes
            return self._all_failed(works, replaced)
        except _TransactionLost:
            self.reruns += 1
            return [self._run_group([work])[0] for work in works]

    def scrub(self) -> Outcome:
        """Make what was deleted unreadable between two transactions; see `Database.scrub`."""
        try:
            self.files.check()
            return Outcome(scrub(_driver(self._settled_connection()), str(self._path)), None)
        except Exception as error:
            if isinstance(error, sqlite3.Error):  # its commit may have failed as any other does
                self._unfenced = error
                self._fence()
            return Outcome(None, unavailable(self._path, error))

    def close(self) -> None:
        """Close the connection; as the last one on the file it moves the log into the file and removes it."""
        if self._unfenced is not None:
            self._fence()
        with contextlib.suppress(Exception):
            self.open()  # a reader that closed last leaves the log behind
        self._drop()

    def _run_group(self, works: Sequence[Work[Any]]) -> list[Outcome]:
        try:
            connection = self._settled_connection()
            self.files.make_room(_driver(connection))
            refuse_endings(connection)
            transaction = connection.begin()
        except Exception as error:
            if self._unfenced is None:
                self._drop()
            return self._all_failed(works, error)
        if len(works) == 1:
            outcomes = [self._run_alone(works[0], connection, transaction)]
            if outcomes[0].error is not None:
                return outcomes
        else:
            outcomes = [self._run_in_savepoint(work, connection, transaction) for work in works]
        return self._commit(transaction, outcomes)

    def _commit(self, transaction: RootTransaction, outcomes: list[Outcome]) -> list[Outcome]:
        try:
            transaction.commit()
        except Exception as error:
            self._unfenced = error
            self._fence()
            return [outcome if outcome.error else Outcome(None, unavailable(self._path, error)) for outcome in outcomes]
        self.commits += 1
        try:
            self.files.check()
        except DatabaseUnavailable as error:  # committed into a file that nobody will find
            return [outcome if outcome.error else Outcome(None, unavailable(self._path, error)) for outcome in outcomes]
        return outcomes

    def _run_alone(self, work: Work[Any], connection: Connection, transaction: RootTransaction) -> Outcome:
        outcome = self._outcome(work, connection)
        intact = _intact(connection, transaction)
        if outcome.error is None and not intact:
            outcome = Outcome(None, self._why_not_intact(connection))
        if outcome.error is not None:
            try:
                if not intact:
                    raise _TransactionLost
                transaction.rollback()
            except Exception:
                self._drop()
        return outcome

    def _run_in_savepoint(self, work: Work[Any], connection: Connection, transaction: RootTransaction) -> Outcome:
        # Savepoints by sqlite3 itself: through SQLAlchemy they cost as much as an INSERT. To SQLAlchemy a work in a
        # group therefore looks like one alone: its own begin_nested() is the outermost.
        raw = _driver(connection)
        try:
            raw.execute("SAVEPOINT work")
            outcome = self._outcome(work, connection)
            if not _intact(connection, transaction):
                raise _TransactionLost
            if outcome.error is not None:
                raw.execute("ROLLBACK TO work")
            raw.execute("RELEASE work")
        except (sqlite3.Error, _TransactionLost) as error:
            self._drop()
            raise _TransactionLost from error
        return outcome

    def _outcome(self, work: Work[Any], connection: Connection) -> Outcome:
        try:
            return Outcome(checked(work, connection), None)
        except BaseException as error:
            return Outcome(None, unavailable(self._path, error) if is_unavailable(error) else error)

    def _why_not_intact(self, connection: Connection) -> Exception:
        if not connection.closed and not connection.invalidated and connection.get_nested_transaction() is not None:
            return WorkRefused("a work left a savepoint open: use `with tx.begin_nested():`")
        return DatabaseUnavailable(f"{self._path}: the transaction ended inside a work; nothing of it was kept")

    def _settled_connection(self) -> Connection:
        if self._unfenced is not None:
            self._fence()
        if self._unfenced is not None:
            raise self._unfenced
        return self.open()

    def _fence(self) -> None:
        """After a COMMIT that raised: make sure its rows can never appear, or keep every write out.

        The frames of the failed commit may stand in the log. Closing the connection would let recovery adopt them
        (seen with EIO at the log's fsync), so it is kept; the next commit overwrites them. This one changes nothing
        but `user_version`. Until it succeeds the outcome is unknown, no work runs, and each write tries it again.
        """
        connection = self.open()
        raw = _driver(connection)
        try:
            if raw.in_transaction:
                raw.rollback()
            if (transaction := connection.get_transaction()) is not None:
                transaction.close()
            raw.execute("BEGIN IMMEDIATE")
            version = raw.execute("PRAGMA user_version").fetchone()[0]
            raw.execute(f"PRAGMA user_version={(version + 1) % _USER_VERSIONS}")
            raw.commit()
            self._unfenced = None
        except Exception as error:
            self._unfenced = error
            if raw.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    raw.rollback()

    def _drop(self) -> None:
        """Close the connection for good: whatever was open on it rolls back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        allow_endings(connection)
        with contextlib.suppress(DatabaseUnavailable):
            if not _is_closed(connection):  # else whoever closed it, as the last one, has removed the log
                self.files.check()
            self.files.closed()
        with contextlib.suppress(Exception):
            connection.invalidate()
        with contextlib.suppress(Exception):
            connection.close()

    def _all_failed(self, works: Sequence[Work[Any]], error: Exception) -> list[Outcome]:
        return [Outcome(None, unavailable(self._path, error)) for _ in works]


def _intact(connection: Connection, transaction: RootTransaction) -> bool:
    # SQLITE_FULL inside a statement ends the whole transaction, and SQLAlchemy does not notice: a later commit would
    # succeed with nothing in it.
    try:
        return (
            not connection.invalidated
            and _driver(connection).in_transaction
            and transaction.is_active
            and connection.get_transaction() is transaction
            and connection.get_nested_transaction() is None
        )
    except sqlite3.Error:  # closed under our hands
        return False


def _is_closed(connection: Connection) -> bool:
    try:
        return connection.closed or connection.invalidated or _driver(connection).in_transaction is None
    except sqlite3.Error:
        return True


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 (tells mypy what the recipe guarantees)
    return driver
