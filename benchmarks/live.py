"""What it costs that many operators watch: processor time of the service with and without viewers, at the same load."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.figures import Aim, Figure, Kind, Measure, Result
from benchmarks.load import paced, registrations
from benchmarks.places import CHEAP_HASH, gatepost, workplace
from benchmarks.processes import Process
from benchmarks.sink import start_sink
from tests.support.live_page import COOKIE, LIVE, sign_in

VIEWERS = 200
PER_S = 5.0
TITLE = "Two hundred browsers on the activity page"


@dataclass
class _Seen:
    """What the viewers were sent: bytes, and the frames of the one that got most."""

    sent_bytes: int = 0
    frames: list[int] = field(default_factory=list)


class _Viewer(asyncio.Protocol):
    """Reads what it is sent and counts it, at hardly any cost: it shares the cores with what is measured."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.received = 0
        self.frames = 0
        self.status = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.status = self.status or data[9:12]
        self.received += len(data)
        self.frames += data.count(b'id="tiles"')


def run(quick: bool, kind: Kind) -> Result:
    """Alternate at the same load: nobody watches, then all of them."""
    rounds, viewers, seconds = (1, 20, 4.0) if quick else (3, VIEWERS, 15.0)
    alone: list[float] = []
    watched: list[float] = []
    idle: list[float] = []
    frames: list[float] = []
    sizes: list[float] = []
    with workplace(kind) as place, start_sink(place.folder) as sink:
        url = place.url("a")
        with gatepost(place, sink.port, CHEAP_HASH):
            pass  # migrates
        token = sign_in(url)
        with gatepost(place, sink.port, CHEAP_HASH) as service:
            paced(service.port, registrations("warm"), total=20, per_s=PER_S).must_all_be(202)
            for number in range(rounds):
                alone.append(_share(service, seconds, f"a{number}-"))
                share, seen = asyncio.run(_with_viewers(service, token, viewers, seconds, f"b{number}-"))
                watched.append(share - alone[-1])
                frames.append(max(seen.frames) / seconds)
                sizes.append(seen.sent_bytes / max(1, sum(seen.frames)) / 1024)
                share, _ = asyncio.run(_with_viewers(service, token, viewers, seconds, None))
                idle.append(share)
    more = Figure.of(f"service: what {viewers} viewers add at that load", "% of a core", watched)
    figures = [
        Figure.of(f"service without viewers, {PER_S:.0f} registrations a second", "% of a core", alone),
        more,
        Figure.of(f"service with {viewers} viewers and nothing to do", "% of a core", idle),
        Figure.of("frames each viewer got", "a second", frames),
        Figure.of("size of a frame", "KiB", sizes),
    ]
    notes = [
        f"{viewers} connections read every frame; {seconds:.0f} s a round, {PER_S:.0f} registrations a second with the"
        " cheapest hash, each with two messages, so that every frame differs from the one before.",
        "Processor time of the service's process from /proc, all threads. That of a PostgreSQL server is not in it.",
    ]
    return Result("live", TITLE, figures, [(more, Aim("≤", 10))], notes)


def _share(service: Process, seconds: float, label: str) -> float:
    """The service's share of a core in per cent, at the load."""
    began, cpu = time.monotonic(), service.cpu_s()
    paced(service.port, registrations(label), total=int(seconds * PER_S), per_s=PER_S).must_all_be(202)
    return 100 * (service.cpu_s() - cpu) / (time.monotonic() - began)


async def _with_viewers(
    service: Process, token: str, viewers: int, seconds: float, label: str | None
) -> tuple[float, _Seen]:
    async with _watching(service.port, token, viewers) as connected:
        before = [(one.received, one.frames) for one in connected]
        if label is None:
            began, cpu = time.monotonic(), service.cpu_s()
            await asyncio.sleep(seconds)
            share = 100 * (service.cpu_s() - cpu) / (time.monotonic() - began)
        else:
            share = await asyncio.to_thread(_share, service, seconds, label)
        seen = _Seen()
        for one, (received, frames) in zip(connected, before, strict=True):
            if one.status != b"200":
                raise RuntimeError(f"a viewer was answered {one.status!r}")
            seen.sent_bytes += one.received - received
            seen.frames.append(one.frames - frames)
    return share, seen


@asynccontextmanager
async def _watching(port: int, token: str, viewers: int) -> AsyncIterator[list[_Viewer]]:
    """So many browsers that have their first frame."""
    head = f"GET {LIVE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {COOKIE}={token}\r\n\r\n"
    loop = asyncio.get_running_loop()
    connected = []
    for _ in range(viewers):
        _, one = await loop.create_connection(lambda: _Viewer(head.encode()), "127.0.0.1", port)
        connected.append(one)
    deadline = time.monotonic() + 30
    while not all(one.frames for one in connected):
        if time.monotonic() > deadline:
            raise RuntimeError("not every viewer got a frame")
        await asyncio.sleep(0.05)
    try:
        yield connected
    finally:
        for one in connected:
            one.transport.abort()


MEASURE = Measure("live", TITLE, run)
