"""Hears on a connection of its own what any process's commit made due, and restores that connection by itself."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

from gatepost.database.columns import BELL
from gatepost.database.postgresql_session import LINE_ERRORS, ServerUnfit, Sessions

_LONGEST_PAUSE_S = 5.0
_GOODBYE_S = 1.0


class Listener:
    """Rings for every commit that made a message due.

    Args:
        sessions: where the database is.
        ring: called in the event loop; must not raise.
    """

    def __init__(self, sessions: Sessions, ring: Callable[[], None]) -> None:
        self._sessions = sessions
        self._ring = ring
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it listens, or has tried to and goes on trying."""
        self._task = asyncio.create_task(self._keep_listening())
        await self._tried.wait()

    async def stop(self) -> None:
        """Stop listening and close the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_listening(self) -> None:
        failures = 0
        missed = False
        while True:
            try:
                connection = await self._sessions.open("listen")
            except (*LINE_ERRORS, ServerUnfit):
                failures += 1
            else:
                try:
                    await connection.add_listener(BELL, self._heard)
                    if missed:
                        self._ring()  # for what was committed while nobody listened
                    failures = 0
                    self._tried.set()
                    await self._until_lost(connection)
                except LINE_ERRORS:
                    failures += 1
                finally:
                    with contextlib.suppress(*LINE_ERRORS):
                        await connection.close(timeout=_GOODBYE_S)
            missed = True
            self._tried.set()
            await asyncio.sleep(min(_LONGEST_PAUSE_S, 0.1 * 2**failures) * random.uniform(0.5, 1))  # noqa: S311

    async def _until_lost(self, connection: Any) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        patience = self._sessions.patience
        while not lost.is_set():
            try:
                async with asyncio.timeout(patience.look_s):
                    await lost.wait()
            except TimeoutError:  # a line whose traffic is dropped says nothing, so it is asked
                await connection.execute("SELECT 1", timeout=patience.begin_s)

    def _heard(self, *_: object) -> None:
        self._ring()
