"""What the test server decides anew for each message: greylists, throttles, and whatever a test thinks of.

A policy is set like any other behaviour, and remembers what it saw: one object, one memory.
"""

from collections import deque
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class Asked:
    """What a policy may look at.

    Args:
        return_path: the reverse-path of MAIL, "" before it.
        recipient: the last forward-path of RCPT, "" before it.
        connection: number of the connection, counted from 1.
        connections_now: how many are open, this one included.
        messages: how many the server took over this connection.
        time_s: the time of the event loop that the server runs in.
    """

    return_path: str
    recipient: str
    connection: int
    connections_now: int
    messages: int
    time_s: float


@runtime_checkable
class Policy(Protocol):
    """Decides whether the server refuses."""

    def refusal(self, asked: Asked) -> str | None:
        """Return the line to refuse with (a 421 also ends the connection), or None to go on as usual."""
        ...


class Greylist:
    """Refuse each pair of return path and recipient until `seconds` have passed since it was first seen.

    At `Step.RCPT`, where greylists work: `server.at(Step.RCPT, Greylist(300), recipient="*@grey.example")`.
    """

    def __init__(self, seconds: float = 300.0, line: str = "450 4.7.1 Greylisted, try again later") -> None:
        self.seconds = seconds
        self.line = line
        self.first_seen: dict[tuple[str, str], float] = {}

    def refusal(self, asked: Asked) -> str | None:
        """See `Policy.refusal`."""
        first = self.first_seen.setdefault((asked.return_path, asked.recipient), asked.time_s)
        return self.line if asked.time_s - first < self.seconds else None


class Throttle:
    """Go on as usual `times` times in any `seconds`, and refuse the rest.

    With a domain's pattern at `Step.RCPT` it is a provider that throttles; at `Step.CONNECT` it counts connections.
    """

    def __init__(self, times: int, seconds: float, line: str = "451 4.7.0 Too fast, slow down") -> None:
        self.times = times
        self.seconds = seconds
        self.line = line
        self._passed: deque[float] = deque()

    def refusal(self, asked: Asked) -> str | None:
        """See `Policy.refusal`."""
        while self._passed and asked.time_s - self._passed[0] >= self.seconds:
            self._passed.popleft()
        if len(self._passed) >= self.times:
            return self.line
        self._passed.append(asked.time_s)
        return None


@dataclass(frozen=True)
class AtOnce:
    """Serve so many connections at a time, and refuse one more; at `Step.CONNECT`, as servers do it."""

    connections: int
    line: str = "421 4.7.0 Too many connections"

    def refusal(self, asked: Asked) -> str | None:
        """See `Policy.refusal`."""
        return self.line if asked.connections_now > self.connections else None


@dataclass(frozen=True)
class PerConnection:
    """Take so many messages over one connection, then end it; at `Step.MAIL`, as servers do it."""

    messages: int
    line: str = "421 4.7.0 Too many messages in this session"

    def refusal(self, asked: Asked) -> str | None:
        """See `Policy.refusal`."""
        return self.line if asked.messages >= self.messages else None
