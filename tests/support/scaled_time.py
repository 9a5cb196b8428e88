"""Time that runs faster: an event loop whose hours take seconds, and a clock for the product that agrees with it.

Every timer, timeout and sleep of the loop is shortened alike, so what is under test runs as it is. What happens outside
the loop (threads, the disk, other processes) takes the time it takes: for measurements the speed is set back to 1.
"""

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # an alias that depends on the machine
    speed = 1.0

    def select(self, timeout: float | None = None) -> Any:
        return super().select(timeout if timeout is None or timeout <= 0 else timeout / self.speed)


class ScaledLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` runs `speed` times as fast as the machine's; it never runs backwards."""

    def __init__(self) -> None:
        self._since_real = self._since_scaled = time.monotonic()
        self._scaled_selector = _Selector()
        super().__init__(self._scaled_selector)

    @property
    def speed(self) -> float:
        """How much faster; set it from within the loop only."""
        return self._scaled_selector.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._since_scaled, self._since_real = self.time(), time.monotonic()
        self._scaled_selector.speed = speed

    def time(self) -> float:
        return self._since_scaled + (time.monotonic() - self._since_real) * self._scaled_selector.speed


class ScaledClock:
    """The product's clock that goes with a loop: wall time and monotonic time run as the loop's time does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._began_ms = time.time_ns() // 1_000_000
        self._began = loop.time()

    def now_ms(self) -> int:
        return self._began_ms + round((self._loop.time() - self._began) * 1000)

    def monotonic(self) -> float:
        return self._loop.time()


def run_scaled(work: Coroutine[Any, Any, T], speed: float = 1.0) -> T:
    """Run `work` in a loop of its own that begins with this speed."""

    async def at_speed() -> T:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ScaledLoop)
        loop.speed = speed
        return await work

    with asyncio.Runner(loop_factory=ScaledLoop) as runner:
        return runner.run(at_speed())


def scaled_loop() -> ScaledLoop:
    """The running loop, which must be a scaled one."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ScaledLoop)
    return loop
