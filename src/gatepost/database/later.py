"""A database that is opened later: parts are built before the process may own a file."""

from collections.abc import Callable
from typing import TypeVar

from gatepost.database.connection import Database, Work
from gatepost.database.work import traced
from gatepost.errors import NotStarted

T = TypeVar("T")


class OpenedLater(Database):
    """Stands for the database until the lifespan has opened it, and after it is closed.

    Args:
        url: where it will be.
        traceparent: names the span that is current in the caller's task; asked for with each write.

    Attributes:
        opened: the database behind it; None before and after.
    """

    def __init__(self, url: str, traceparent: Callable[[], str | None] = lambda: None) -> None:
        self.url = url
        self._traceparent = traceparent
        self.opened: Database | None = None

    @property
    def shared(self) -> bool:  # type: ignore[override]
        """See `Database.shared`; raises NotStarted while nothing is open."""
        return self._database().shared

    @property
    def warnings(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `Database.warnings`; raises NotStarted while nothing is open."""
        return self._database().warnings

    @property
    def log_bytes(self) -> int:
        """See `Database.log_bytes`; raises NotStarted while nothing is open."""
        return self._database().log_bytes

    async def write(self, work: Work[T]) -> T:
        """See `Database.write`; raises NotStarted while nothing is open."""
        traceparent = self._traceparent()
        return await self._database().write(work if traceparent is None else traced(work, traceparent))

    async def read(self, query: Work[T]) -> T:
        """See `Database.read`; raises NotStarted while nothing is open."""
        return await self._database().read(query)

    async def scrub(self) -> str | None:
        """See `Database.scrub`; raises NotStarted while nothing is open."""
        return await self._database().scrub()

    async def ready(self) -> None:
        """See `Database.ready`; raises NotStarted while nothing is open."""
        await self._database().ready()

    async def listen(self, ring: Callable[[], None]) -> None:
        """See `Database.listen`; raises NotStarted while nothing is open."""
        await self._database().listen(ring)

    async def close(self) -> None:
        """Close what is open; may be called twice."""
        database, self.opened = self.opened, None
        if database is not None:
            await database.close()

    def _database(self) -> Database:
        if self.opened is None:
            raise NotStarted(
                "Gatepost is not running: include its router in an app whose lifespan runs"
                " (a TestClient needs `with TestClient(app) as client:`)"
            )
        return self.opened
