"""How a process is told to stop, and how its parts learn of it."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_Handler = Callable[[int, FrameType | None], Any]


class StopSign:
    """An `asyncio.Event` that serves one run after the other, each in an event loop of its own."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Tell whoever waits, and whoever asks from now on."""
        self._event.set()

    def is_set(self) -> bool:
        """Whether this run is to stop."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Return when this run is to stop."""
        await self._event.wait()

    def renew(self) -> None:
        """Begin another run."""
        self._event = asyncio.Event()


def also_on_stop_signals(stop: Callable[[], None]) -> Callable[[], None]:
    """Call `stop` when a stop signal comes, before the handler that is installed now; returns the way back.

    A server waits for open streams before it ends the lifespan, so the lifespan must hear the signal itself to end
    them. Outside the main thread nothing is installed: signals are not to be had there.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    heard = {number: handler for number, handler in before.items() if callable(handler)}
    for number, handler in heard.items():
        signal.signal(number, _chained(stop, handler))

    def restore() -> None:
        for number, handler in heard.items():
            signal.signal(number, handler)

    return restore


def _chained(stop: Callable[[], None], before: _Handler) -> _Handler:
    def chained(number: int, frame: FrameType | None) -> None:
        stop()
        before(number, frame)

    return chained
