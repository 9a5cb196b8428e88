"""The breaker of one server: whether messages go there now, how many at once, and when to probe it. Pure.

    closed ──fault──▶ open ──probe succeeded──▶ half-open ──success──▶ slow start: 2, 4, 8, … at once ──▶ closed
                       ▲ ▲─probe failed─┘            │                       │
                       └────────────── fault ────────┴───────────────────────┘

Time is handed in, in seconds of a clock that never goes back. A server that was away is not met with everything that
waited: one message shows whether it works, and each success lets twice as many follow.
"""

from dataclasses import dataclass
from enum import StrEnum

from gatepost.transport.outcome import Fault

# What a breaker that is closed allows: nobody counts.
UNLIMITED = 1_000_000
# How long a server that took no further connection is given no more than it had.
BOUND_S = 60.0


@dataclass(frozen=True)
class Intervals:
    """Seconds from a fault, or from a probe that failed, to the next probe; doubled each time up to the longest.

    Args:
        connection_s: after a failure to connect or of TLS, always: it costs nobody anything, and may end any moment.
        asked_s: after 421, another refusal before MAIL, or silence: the server asked for a pause.
        asked_longest_s: the longest of these.
        credentials_s: after a login that was refused: many servers lock an account that keeps trying.
        credentials_longest_s: the longest of these.
    """

    connection_s: float = 3.0
    asked_s: float = 3.0
    asked_longest_s: float = 60.0
    credentials_s: float = 30.0
    credentials_longest_s: float = 600.0

    def after(self, fault: Fault, times: int) -> float:
        """Seconds to wait after the same fault was seen `times` before in this outage."""
        match fault:
            case Fault.CONNECTION | Fault.TLS:
                return self.connection_s
            case Fault.CLOSING | Fault.SILENCE:
                first_s, longest_s = self.asked_s, self.asked_longest_s
            case Fault.AUTHENTICATION:
                first_s, longest_s = self.credentials_s, self.credentials_longest_s
        return float(min(first_s * 2 ** min(times, 30), longest_s))


class Change(StrEnum):
    """What the world should hear of."""

    FAILED = "failed"  # it cannot be used, and could be before
    STILL_FAILED = "still_failed"
    RECOVERED = "recovered"


class Breaker:
    """See the module.

    Args:
        intervals: between probes.
        full: messages at once from which on nobody counts any more: as many as there can be.
        probed: False where only a message shows whether it works.

    Attributes:
        cause: what opened it; None when it is closed.
        failed_at: when the outage began.
        probe_at: when the next probe is due; of use while `is_open`.
    """

    def __init__(self, intervals: Intervals, full: int, *, probed: bool = True) -> None:
        self._intervals = intervals
        self._full = full
        self._probed = probed
        self._allowance = UNLIMITED  # messages at once: 0 is open, 1 half-open
        self._under_way = 0  # of those that were begun since it opened last
        self._term = 0  # counts the openings: what was begun before one says nothing about the time after it
        self._times = 0  # faults in a row
        self._relapsed = False  # it seemed to be well and was not: a probe is not believed any more, only a message
        self._bound_until = float("-inf")
        self._announced = True  # whether FAILED was followed by RECOVERED
        self.cause: Fault | None = None
        self.failed_at = 0.0
        self.probe_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether no message goes there."""
        return self._allowance == 0

    @property
    def is_closed(self) -> bool:
        """Whether nobody counts what goes there."""
        return self._allowance == UNLIMITED

    @property
    def room(self) -> int:
        """How many more messages may go there now."""
        return UNLIMITED if self.is_closed else max(0, self._allowance - self._under_way)

    def begin(self) -> int:
        """Count a message as begun; the number returned belongs to its `end`."""
        self._under_way += 1
        return self._term

    def end(self, term: int, fault: Fault | None, *, answered: bool, now: float) -> Change | None:
        """Count a message as ended.

        Args:
            term: what `begin` returned.
            fault: of the server, None for none.
            answered: whether the server said anything about the message; a line that broke is no proof of health.
            now: the time.
        """
        if term != self._term:
            return None
        self._under_way -= 1
        if self.is_open:
            return None
        if fault is not None:
            return self._open(fault, now)
        return self._succeeded(now) if answered else None

    def bound(self, term: int, messages: int, now: float) -> None:
        """Count a message as ended that was one too many: the server serves so many others, and took no more.

        That is its limit and no fault. It is given no more than these for a while.
        """
        if term == self._term:
            self._under_way -= 1
            self._allowance = min(self._allowance, max(1, messages))
            self._bound_until = now + BOUND_S

    def ease(self, now: float) -> None:
        """End a bound whose time is over; in slow start it ends with the next success."""
        if self.cause is None and now >= self._bound_until:
            self._allowance = UNLIMITED

    def probe_failed(self, fault: Fault, now: float) -> Change:
        """A probe showed a fault."""
        self._wait(fault, now)
        return Change.STILL_FAILED

    def probe_succeeded(self) -> Change | None:
        """A probe showed none: one message may try."""
        self._allowance = 1
        return self._announce() if self._probed and not self._relapsed else None

    def _open(self, fault: Fault, now: float) -> Change:
        if self.cause is None:
            self.failed_at = now
        else:
            self._relapsed = True
        self._allowance, self._under_way = 0, 0
        self._term += 1
        self._wait(fault, now)
        news = Change.FAILED if self._announced else Change.STILL_FAILED
        self._announced = False
        return news

    def _wait(self, fault: Fault, now: float) -> None:
        self._times = self._times + 1 if fault is self.cause else 0
        self.cause = fault
        self.probe_at = now + self._intervals.after(fault, self._times)

    def _succeeded(self, now: float) -> Change | None:
        if self.cause is None:
            return None
        if now >= self._bound_until:
            self._allowance *= 2
        if self._allowance >= self._full:
            self._allowance = UNLIMITED
            self.cause, self._relapsed = None, False
        return self._announce()

    def _announce(self) -> Change | None:
        news = None if self._announced else Change.RECOVERED
        self._announced = True
        return news
