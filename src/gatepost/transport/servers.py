"""The servers of one transport: which of them a message may go to now, how many messages, and when to look again.

A failed server is probed with a connection and not with a message: so an outage writes nothing into the outbox, no
message waits in a connection that hangs, and a first server that is back is noticed while the second carries the mail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from gatepost.events import CredentialsRefused, Events, ProbeFailed, ServerFailed, ServerRecovered, SettingWarned
from gatepost.transport.breaker import Breaker, Change, Intervals
from gatepost.transport.outcome import Fault, Outcome, Phase
from gatepost.transport.rate import GATHER_S, Rate
from gatepost.transport.reply import CLOSING, Reply, broken_off, one_line
from gatepost.transport.transport import UNBOUNDED

# Makes a connection to the server of this number and keeps it; says what is wrong with it, or None. It is told what the
# server failed by: one that says 421 may be content with the connections it has.
Probe = Callable[[int, Fault | None], Awaitable[Reply | None]]


@dataclass(frozen=True)
class Bounds:
    """What a server may be given.

    Args:
        full: messages at once, at most; a server that comes back is given fewer at first.
        rates: messages a second for each server, None for as many as it takes.
        intervals: between probes.
    """

    full: int
    rates: tuple[float | None, ...] = ()
    intervals: Intervals = field(default_factory=Intervals)


class Watched:
    """One server: its name, its breaker, its rate, and what is going on about it."""

    def __init__(self, name: str, breaker: Breaker, rate: Rate | None) -> None:
        self.name = name
        self.breaker = breaker
        self.rate = rate
        self.probing: asyncio.Task[None] | None = None
        self.refilled: asyncio.TimerHandle | None = None
        self.bound_told = False

    def room(self, now: float) -> int:
        """How many messages may begin here now."""
        self.breaker.ease(now)
        room = self.breaker.room
        return room if self.rate is None else min(room, self.rate.room(now))


class Servers:
    """Knows each server's breaker and rate, probes those that failed, and tells when there is room again.

    Args:
        names: `host:port` of each, in the order of preference.
        bounds: what each may be given.
        probe: see `Probe`; None where only a message shows whether it works.
        events: told of servers that fail and recover; None for nobody.
    """

    def __init__(self, names: list[str], bounds: Bounds, probe: Probe | None, events: Events | None) -> None:
        rates = bounds.rates or (None,) * len(names)
        self._watched = [
            Watched(
                name, Breaker(bounds.intervals, bounds.full, probed=probe is not None), Rate(rate) if rate else None
            )
            for name, rate in zip(names, rates, strict=True)
        ]
        self._probe = probe
        self._events = events or Events()
        self._listeners: list[Callable[[], None]] = []
        self._closed = False

    # What a transport tells its caller.

    def room(self) -> int:
        """See `Transport.room`."""
        if self._closed:
            return 0
        now, room = asyncio.get_running_loop().time(), 0
        for one in self._watched:
            self._keep_probing(one)
            room += one.room(now)
            if one.breaker.is_closed:
                break  # what this one has no room for waits for it: a rate is no reason to go elsewhere
        return min(room, UNBOUNDED)

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`."""
        self._listeners.append(more)

    def usable(self) -> Mapping[str, bool]:
        """See `Transport.usable`."""
        return {one.name: not one.breaker.is_open for one in self._watched}

    # A message's way.

    def candidates(self) -> list[int]:
        """The numbers of the servers that a message may be given to now, in the order of preference."""
        now = asyncio.get_running_loop().time()
        for one in self._watched:
            one.breaker.ease(now)
        return [number for number, one in enumerate(self._watched) if one.breaker.room]

    def begin(self, number: int) -> "Visit":
        """Count a message as begun with a server; to be followed by `Visit.end`."""
        one, now = self._watched[number], asyncio.get_running_loop().time()
        if one.rate is not None:
            one.rate.take(now)
            self._wake_when_refilled(one, now)
        return Visit(self, one, one.breaker.begin())

    def end(self, one: Watched, term: int, reply: Reply | None, beside: int) -> None:
        """Count a message as ended; see `Visit.end`."""
        before, now = one.breaker.cause, asyncio.get_running_loop().time()
        counted = not one.breaker.is_closed
        if beside and reply is not None and reply.phase is Phase.GREETING and reply.code == CLOSING:
            one.breaker.bound(term, beside, now)
            self._warn_of_bound(one, beside)
            return
        fault = None if reply is None else reply.fault
        answered = reply is not None and (reply.code is not None or reply.outcome is Outcome.ACCEPTED)
        change = one.breaker.end(term, fault, answered=answered, now=now)
        self._changed(one, change, reply, before, now)
        if counted:  # each end makes room
            self._stir()

    def none_can(self) -> Reply:
        """Say that no server can be used at present, and why."""
        states = ", ".join(f"{one.name} ({one.breaker.cause or 'too much to do'})" for one in self._watched)
        text = f"No mail server can be used at present: {states}."
        return Reply(Outcome.UNREACHABLE, Phase.CONNECT, text=one_line(text), fault=self._watched[0].breaker.cause)

    # What changes.

    def _warn_of_bound(self, one: Watched, connections: int) -> None:
        if not one.bound_told:
            one.bound_told = True
            refused = f"{one.name} refused a connection beside {connections}"
            self._events.emit(SettingWarned(detail=f"{refused}: is GATEPOST_WORKER_SLOTS more than it allows?"))

    def _changed(
        self, one: Watched, change: Change | None, reply: Reply | None, before: Fault | None, now: float
    ) -> None:
        if change is Change.RECOVERED:
            after_s = round(now - one.breaker.failed_at, 3)
            self._events.emit(ServerRecovered(server=one.name, after_s=after_s))
        elif change is not None and reply is not None:
            self._events.emit(_failure(one, change, reply, before, now))
        self._keep_probing(one)

    def _stir(self) -> None:
        """Tell whoever listens, unless there is no room after all."""
        if self._listeners and self.room():
            for more in self._listeners:
                more()

    def _wake_when_refilled(self, one: Watched, now: float) -> None:
        if one.rate is None or one.refilled is not None or self._closed:
            return
        # Also when there is room still: whoever took as many as there was room for does not know of those since.
        in_s = max(one.rate.ready_in_s(now), GATHER_S)
        one.refilled = asyncio.get_running_loop().call_later(in_s, self._refilled, one)

    def _refilled(self, one: Watched) -> None:
        one.refilled = None
        now = asyncio.get_running_loop().time()
        if one.rate is not None and one.rate.ready_in_s(now):
            self._wake_when_refilled(one, now)  # the timer was a moment early
        else:
            self._stir()

    # Probes.

    def _keep_probing(self, one: Watched) -> None:
        if one.breaker.is_open and (one.probing is None or one.probing.done()) and not self._closed:
            one.probing = asyncio.create_task(self._probe_until_it_works(one), name=f"gatepost-probe-{one.name}")

    async def _probe_until_it_works(self, one: Watched) -> None:
        loop = asyncio.get_running_loop()
        while one.breaker.is_open:
            await asyncio.sleep(max(0.0, one.breaker.probe_at - loop.time()))
            reply = await self._probed(one)
            before, now = one.breaker.cause, loop.time()
            if reply is None:
                change = one.breaker.probe_succeeded()
            else:
                change = one.breaker.probe_failed(reply.fault or Fault.CONNECTION, now)
            self._changed(one, change, reply, before, now)
        self._stir()

    async def _probed(self, one: Watched) -> Reply | None:
        if self._probe is None:
            return None
        try:
            return await self._probe(self._watched.index(one), one.breaker.cause)
        except Exception as error:  # a bug of ours must not end the probing: mail would wait for ever
            return broken_off(f"internal error: {error!r}", Phase.CONNECT, one.name)

    async def close(self) -> None:
        """Probe no more; there is no room any more."""
        self._closed = True
        for one in self._watched:
            if one.refilled is not None:
                one.refilled.cancel()
        probing = [one.probing for one in self._watched if one.probing is not None]
        for task in probing:
            task.cancel()
        await asyncio.gather(*probing, return_exceptions=True)


class Visit:
    """One message with one server, from `Servers.begin` to its end."""

    def __init__(self, servers: Servers, one: Watched, term: int) -> None:
        self._servers = servers
        self._one = one
        self._term = term
        self._over = False

    def end(self, reply: Reply | None, *, beside: int = 0) -> None:
        """Say what it came to; only the first call counts.

        Args:
            reply: None for nothing that says anything about the server.
            beside: connections to the same server that are alive.
        """
        if not self._over:
            self._over = True
            self._servers.end(self._one, self._term, reply, beside)


def _failure(one: Watched, change: Change, reply: Reply, before: Fault | None, now: float) -> ServerFailed:
    cause = one.breaker.cause
    kind = ServerFailed if change is Change.FAILED else ProbeFailed
    if cause is Fault.AUTHENTICATION and (change is Change.FAILED or before is not cause):
        kind = CredentialsRefused  # said once, when it begins: from then on it is an operator's matter
    return kind(
        server=one.name,
        cause=str(cause),
        phase=str(reply.phase),
        reply_code=reply.code,
        reply_text=reply.text,
        probe_in_s=round(one.breaker.probe_at - now, 3),
    )
