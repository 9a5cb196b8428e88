"""A clock that is moved by hand."""

import time


class MovableClock:
    """The machine's clocks, plus what `move` added."""

    def __init__(self) -> None:
        self._ahead_s = self._set_s = 0.0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + round((self._ahead_s + self._set_s) * 1000)

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_s

    def move(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        self._ahead_s += seconds

    def set(self, seconds: float) -> None:
        """Set the wall clock ahead, or back, while no time passes."""
        self._set_s += seconds


class StillClock(MovableClock):
    """A wall clock that stands still until it is moved: for what counts requests over time."""

    def __init__(self) -> None:
        super().__init__()
        self._still_ms = time.time_ns() // 1_000_000

    def now_ms(self) -> int:
        return self._still_ms + round((self._ahead_s + self._set_s) * 1000)
