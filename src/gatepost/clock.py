"""The two clocks everything reads: wall time for what is stored, monotonic time for what is waited for.

Nothing else in the package calls `time.time()`: a clock is handed in, so tests move it instead of sleeping.
"""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is, for whoever stores or waits."""

    def now_ms(self) -> int:
        """Wall time in whole milliseconds since 1970-01-01T00:00:00Z; may jump either way."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never runs backwards."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


def iso(instant_ms: int) -> str:
    """Write an instant (milliseconds since the epoch) as RFC 3339 text in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute(instant_ms: int) -> str:
    """Write the minute of an instant in a form that readers of every language understand: 2026-11-23 04:59 UTC."""
    return iso(instant_ms)[:16].replace("T", " ") + " UTC"
