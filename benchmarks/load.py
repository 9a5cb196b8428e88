"""A light HTTP client: raw asyncio protocols on kept connections, because it shares the cores with what it measures."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

PASSWORD = "a sentence only you would write"


@dataclass
class Load:
    """What came of it. Latencies in milliseconds; `client_cpu` is the client's share of one core."""

    latencies_ms: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    began_at_s: float = 0.0
    elapsed_s: float = 0.0
    client_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies_ms) / self.elapsed_s

    def must_all_be(self, status: int) -> "Load":
        """A rate of errors is no rate.

        Raises:
            RuntimeError: some answer had another status.
        """
        if set(self.statuses) != {status}:
            raise RuntimeError(f"answers by status: {self.statuses}, expected only {status}")
        return self


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""
        self._length = 0
        self._answer: asyncio.Future[int] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send one request; the future is its status."""
        assert self.transport is not None
        self._data, self._length = b"", 0
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._length:
            head, end, _ = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._length = len(head) + 4 + int(length or 0)
        if len(self._data) >= self._length and self._answer is not None and not self._answer.done():
            self._answer.set_result(int(self._data[9:12]))


def registrations(tag: str) -> Iterator[bytes]:
    """Requests that register one new address after another."""
    for number in count():
        body = f'{{"email":"{tag}{number}@example.com","password":"{PASSWORD}","name":"Ada"}}'.encode()
        yield post("/auth/register", body, forwarded())


def forwarded() -> str:
    """The header field by which a proxy names another client for each request: one client alone is soon limited."""
    octets = random.getrandbits(24).to_bytes(3)
    return f"X-Forwarded-For: 10.{octets[0]}.{octets[1]}.{octets[2]}"


def post(path: str, body: bytes, *fields: str) -> bytes:
    """A POST with a JSON body and further header fields."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *fields]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def one_by_one(port: int, requests: Iterator[bytes], *, total: int) -> Load:
    """Send one request after the other on one connection; the latencies are in their order."""
    return saturate(port, requests, total=total, connections=1)


def saturate(port: int, requests: Iterator[bytes], *, total: int, connections: int) -> Load:
    """Keep `connections` requests in flight until `total` are answered."""
    return asyncio.run(_saturate(port, requests, lambda done: done < total, connections))


def saturate_for(port: int, requests: Iterator[bytes], *, seconds: float, connections: int) -> Load:
    """Keep `connections` requests in flight for so long; those still open at the end are dropped."""

    async def bounded() -> Load:
        load = Load()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _saturate(port, requests, lambda done: True, connections, load)
        return load

    return asyncio.run(bounded())


def paced(port: int, requests: Iterator[bytes], *, total: int, per_s: float, connections: int = 64) -> Load:
    """Send at fixed instants, whatever the answers do; a latency counts from the instant it was due."""
    return asyncio.run(_paced(port, requests, total, per_s, connections))


async def _saturate(
    port: int, requests: Iterator[bytes], more: Callable[[int], bool], connections: int, load: Load | None = None
) -> Load:
    load = Load() if load is None else load
    begun = 0

    async def keep_asking(line: _Connection) -> None:
        nonlocal begun
        while more(begun):
            begun += 1
            due = time.perf_counter()
            await _ask(line, next(requests), due, load)

    async with _lines(port, connections) as lines, _measured(load):
        await asyncio.gather(*map(keep_asking, lines))
    return load


async def _paced(port: int, requests: Iterator[bytes], total: int, per_s: float, connections: int) -> Load:
    load = Load()
    free: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()

    async def one(line: _Connection, due: float) -> None:
        await _ask(line, next(requests), due, load)
        free.put_nowait(line)

    async with _lines(port, connections) as lines, _measured(load), asyncio.TaskGroup() as group:
        for line in lines:
            free.put_nowait(line)
        start = time.perf_counter()
        for number in range(total):
            due = start + number / per_s
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(await free.get(), due))
    return load


async def _ask(line: _Connection, request: bytes, due: float, load: Load) -> None:
    status = await line.ask(request)
    load.latencies_ms.append((time.perf_counter() - due) * 1000)
    load.statuses[status] = load.statuses.get(status, 0) + 1


@contextlib.asynccontextmanager
async def _lines(port: int, connections: int) -> AsyncIterator[list[_Connection]]:
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(_Connection, "127.0.0.1", port))[1] for _ in range(connections)]
    try:
        yield lines
    finally:
        for line in lines:
            if line.transport is not None:
                line.transport.abort()


@contextlib.asynccontextmanager
async def _measured(load: Load) -> AsyncIterator[None]:
    load.began_at_s, began, cpu = time.time(), time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        load.elapsed_s = time.perf_counter() - began
        load.client_cpu = (time.process_time() - cpu) / load.elapsed_s
