"""What the rest of the product knows of a database: `write`, `read`, `listen`, `ready`, `close`."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

# A work does no I/O besides its connection, may be run a second time (only the last run counts), never commits, and
# catches a database error only around `tx.begin_nested()`.
Work = Callable[[Connection], T]


class Database(Protocol):
    """A store that runs whole transactions."""

    url: str  # for logs: without a password
    shared: bool  # whether other processes may write to it at the same time: then workers prove by heartbeats they live
    warnings: tuple[str, ...]  # what was accepted at the start and should be looked at, one sentence each

    @property
    def log_bytes(self) -> int:
        """The size of the log of writes that stands beside the database file; 0 where there is none of ours."""
        return 0

    async def write(self, work: Work[T]) -> T:
        """Run `work(tx)` in one transaction and return its value once the commit is durable.

        Raises:
            DatabaseBusy: too many writes wait, or no connection became free in time; nothing was done.
            DatabaseUnavailable: full, locked, away, or the outcome of the commit is unknown.
            Exception: whatever `work` raised; then it left nothing behind.
        """
        ...

    async def read(self, query: Work[T]) -> T:
        """Run `query(connection)` on a connection that cannot write, beside all writes.

        Raises:
            DatabaseUnavailable: away or locked.
        """
        ...

    async def scrub(self) -> str | None:
        """Make what was deleted unreadable in the files, too, as far as that can be done; others wait meanwhile.

        Returns:
            What is left to do, or cannot be done from here: a sentence. None: nothing.

        Raises:
            DatabaseUnavailable: away, or no write is taken.
        """
        ...

    async def ready(self) -> None:
        """Say nothing when writes are taken and the schema is this version's; writes nothing.

        Raises:
            DatabaseUnavailable: with the reason, for /readyz.
        """
        ...

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` in this event loop whenever a commit of any process made a message due, until `close`.

        Returns once listening has begun or, where it cannot begin now, goes on trying; a lost listening connection is
        restored by itself and rings once then. Where this process is the only writer there is nothing to hear.
        """
        ...

    async def close(self) -> None:
        """Finish the writes that are queued, refuse later ones, release the file or the pool."""
        ...
