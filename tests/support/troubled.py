"""A real database whose next writes go wrong as a test asks: not run at all, or run and never answered."""

from collections.abc import Callable
from typing import TypeVar

from gatepost.database.connection import Database, Work
from gatepost.errors import DatabaseUnavailable

T = TypeVar("T")


class Troubled(Database):
    """Stands before `database`.

    Attributes:
        errors: the next writes raise these, the last one first, and are not run.
        answers_to_lose: so many answers never arrive: the commit is durable and nobody is told.
    """

    def __init__(self, database: Database) -> None:
        self.url = database.url
        self.shared = database.shared
        self.warnings = database.warnings
        self.errors: list[Exception] = []
        self.answers_to_lose = 0
        self._database = database

    async def write(self, work: Work[T]) -> T:
        if self.errors:
            raise self.errors.pop()
        value = await self._database.write(work)
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
            raise DatabaseUnavailable("the answer to the commit was lost")
        return value

    async def read(self, query: Work[T]) -> T:
        return await self._database.read(query)

    async def ready(self) -> None:
        await self._database.ready()

    async def listen(self, ring: Callable[[], None]) -> None:
        await self._database.listen(ring)

    async def close(self) -> None:
        await self._database.close()
