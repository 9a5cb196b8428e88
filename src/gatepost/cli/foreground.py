"""A run in the foreground: the first signal stops it and lets it finish, the second waits for nothing, the end is 0."""

import asyncio
import contextlib
import os
import threading
from typing import Protocol

from gatepost.app import Gatepost
from gatepost.signals import STOP_SIGNALS

LEAVING_S = 0.5


class Run(Protocol):
    """What runs: `gatepost serve` and `gatepost worker` are the two."""

    @property
    def started(self) -> bool:
        """Whether anything can have been promised or claimed yet."""
        ...

    async def live(self) -> None:
        """Start, work until Gatepost has stopped, and close everything.

        Raises:
            StartRefused: it cannot start here.
        """
        ...

    async def end(self) -> None:
        """Bring `live` to its end; called once, at the first signal, when Gatepost has begun to stop."""
        ...

    def hurry(self) -> None:
        """Wait for nothing that is under way; called at every further signal."""
        ...


class Foreground:
    """Runs one `Run` in an event loop of its own and turns signals into its end."""

    def __init__(self, gatepost: Gatepost, run: Run) -> None:
        self._gatepost = gatepost
        self._run = run
        self._living: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    def live(self) -> None:
        """Live until stopped; a stop, even during the start, is no error.

        Raises:
            StartRefused: it cannot start here.
        """
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(self._live())

    async def _live(self) -> None:
        self._living = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        await self._run.live()
        _leave_soon()

    def _on_signal(self) -> None:
        if not self._run.started:
            if self._living is not None:
                self._living.cancel()  # nothing was promised yet
        elif self._ending is None:
            self._gatepost.begin_stop()
            self._ending = asyncio.create_task(self._run.end())
        else:
            self._gatepost.begin_stop(grace_s=0)
            self._run.hurry()


def _leave_soon() -> None:
    """End the process even when a thread hangs in a name look-up: everything is closed, nobody waits for it."""
    leaving = threading.Timer(LEAVING_S, os._exit, (0,))
    leaving.daemon = True
    leaving.start()
