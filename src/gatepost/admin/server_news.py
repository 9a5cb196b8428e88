"""What this process heard of its submission servers: since when one cannot be used, and why."""

from dataclasses import dataclass

from gatepost.clock import Clock
from gatepost.events import Event, Events, ServerFailed, ServerRecovered


@dataclass(frozen=True)
class Outage:
    """Why a server cannot be used.

    Args:
        since: when that was noticed, milliseconds since the epoch.
        heard_at: when it was tried last.
        cause: one of `gatepost.transport.outcome.Fault`.
        reply_text: what it said, or what went wrong, in one line.
    """

    since: int
    heard_at: int
    cause: str
    reply_text: str


class ServerNews:
    """Remembers the outage of each server until it is over.

    Args:
        events: tell of servers that fail and recover.
        clock: says when.
    """

    def __init__(self, events: Events, clock: Clock) -> None:
        self._clock = clock
        self._outages: dict[str, Outage] = {}
        events.subscribe(self._on_event)

    def outage_of(self, server: str) -> Outage | None:
        """The outage of a server by its name, `host:port`; None: nothing was heard of one."""
        return self._outages.get(server)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ServerFailed):
            now_ms = self._clock.now_ms()
            before = self._outages.get(event.server)
            since = before.since if before else now_ms
            self._outages[event.server] = Outage(since, now_ms, event.cause, event.reply_text)
        elif isinstance(event, ServerRecovered):
            self._outages.pop(event.server, None)
