"""Tasks that must not end before they are told to: one that does runs again, and that is told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gatepost.events import Events, WorkerRestarted

# After an error, which may come again at once. A task that was cancelled runs again in the same turn of the event loop.
RESTART_AFTER_S = 0.5


def told(task: asyncio.Task[Any]) -> str:
    """Say in a few words how a task ended."""
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return "it returned" if error is None else repr(error)


class Supervised:
    """A task for as long as its worker works; what it must not lose is kept outside of it.

    Args:
        name: for the event, and of the task.
        run: makes it; it ends by itself once its worker stops.
        events: told of each restart.
    """

    def __init__(self, name: str, run: Callable[[], Coroutine[Any, Any, None]], events: Events) -> None:
        self._name = name
        self._run = run
        self._events = events
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def running(self) -> bool:
        """Whether it runs at this moment."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Run it from now on."""
        if not self._stopping:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"gatepost-{self._name}")
            self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Wait for its end, which is the last one from now on. The task itself was told before."""
        self._stopping = True
        if self._task is not None:
            await asyncio.wait({self._task})

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = told(task)
        if self._stopping:
            return
        self._events.emit(WorkerRestarted(task=self._name, error=error))
        if task.cancelled():
            self.start()
        else:
            task.get_loop().call_later(RESTART_AFTER_S, self.start)
