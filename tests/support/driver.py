"""Registers distinct addresses over HTTP and writes down, outside the system under test, what it was promised."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.issued_secrets import ISSUED

PASSWORD = "a sentence nobody else would write"
ANSWER_TIMEOUT_S = 60.0
REFUSED_PAUSE_S = 0.01
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header fields in lower case."""

    status: int
    fields: dict[str, str]
    body: bytes
    duration_s: float


class Client:
    """One HTTP/1.1 connection that is kept, over plain streams: light enough to have a thousand."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Connect unless connected.

        Raises:
            OSError: nobody listens.
        """
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def get(self, path: str) -> Answer:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())

    async def post(self, path: str, body: object) -> Answer:
        return await self._ask(request_bytes(self._port, path, body))

    async def _ask(self, request: bytes) -> Answer:
        await self.connect()
        assert self._reader is not None
        assert self._writer is not None
        started = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                self._writer.write(request)
                head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(_field(line) for line in head[1:] if line)
                body = await self._reader.readexactly(min(int(fields.get("content-length", "0")), MAX_ANSWER_BYTES))
        except BaseException:
            self.drop()
            raise
        if fields.get("connection", "").lower() == "close":
            self.drop()
        return Answer(int(head[0].split(" ")[1]), fields, body, time.monotonic() - started)

    def drop(self) -> None:
        """Break the connection off, without a word."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None


class Driver:
    """A number of clients that register one new address after the other for as long as they are let.

    Args:
        ports: where the service listens; the clients are spread over them.
        clients: how many.
        seed: of the choice who asks again.
        label: how the addresses begin.

    Attributes:
        acknowledged: every address that was answered 202, how often.
        asked: how many requests were sent for each address, answered or not.
        refusals: answers 503, which are allowed: nothing was promised.
        surprises: every other answer.
    """

    def __init__(self, *ports: int, clients: int, seed: int, label: str = "load") -> None:
        self.acknowledged: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.refusals: list[Answer] = []
        self.surprises: list[Answer] = []
        self.durations_s: list[float] = []
        self._ports = ports
        self._clients = clients
        self._chance = random.Random(seed)
        self._label = label
        ISSUED.note("password", PASSWORD)
        self._count = 0
        self._leaving = asyncio.Event()
        self._asking = asyncio.Event()
        self._asking.set()
        self._answered = asyncio.Event()

    def leave(self) -> None:
        """Ask for nothing more; requests under way are waited for."""
        self._leaving.set()
        self._asking.set()

    def pause(self) -> None:
        """Begin no new registration until `go_on`."""
        self._asking.clear()

    def go_on(self) -> None:
        """Register again."""
        self._asking.set()

    async def run(self) -> None:
        """Register until `leave`."""
        at = [self._ports[number % len(self._ports)] for number in range(self._clients)]
        await asyncio.gather(*map(self._register_on_and_on, at))

    async def wait_for(self, acknowledged: int, timeout_s: float = 60.0) -> None:
        """Wait until so many addresses were promised."""
        await self._wait_until(lambda: len(self.acknowledged) >= acknowledged, timeout_s)

    async def wait_for_refusals(self, count: int, timeout_s: float = 60.0) -> None:
        """Wait until so many registrations were answered 503."""
        await self._wait_until(lambda: len(self.refusals) >= count, timeout_s)

    @property
    def answers(self) -> int:
        """How many there were so far, of any kind."""
        return self.acknowledged.total() + len(self.refusals) + len(self.surprises)

    async def wait_for_answers(self, count: int, timeout_s: float = 60.0) -> None:
        """Wait until so many registrations were answered, in whatever way."""
        await self._wait_until(lambda: self.answers >= count, timeout_s)

    async def wait_until_quiet(self, timeout_s: float = 60.0) -> None:
        """Wait until everything that was asked for is answered; after `pause`, and while nobody is killed."""
        await self._wait_until(lambda: self.answers == self.asked.total(), timeout_s)

    async def _wait_until(self, true: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not true():
                self._answered.clear()
                await self._answered.wait()

    async def _register_on_and_on(self, port: int) -> None:
        client = Client(port)
        while True:
            await self._asking.wait()
            if self._leaving.is_set():
                break
            self._count += 1
            await self._register(client, f"{self._label}-{self._count:06}@people.example")
        client.drop()

    async def _register(self, client: Client, address: str) -> None:
        """Ask until it is promised; half of those whose answer got lost are never asked again."""
        while not self._leaving.is_set():
            try:
                await client.connect()
            except OSError:
                await asyncio.sleep(REFUSED_PAUSE_S)  # the service is being started again
                continue
            try:
                self.asked[address] += 1
                answer = await client.post("/auth/register", registration(address))
            except (OSError, EOFError):
                if self._chance.random() < 0.5:
                    return
                continue
            if self._write_down(address, answer):
                return
            await asyncio.sleep(REFUSED_PAUSE_S)

    def _write_down(self, address: str, answer: Answer) -> bool:
        self._answered.set()
        if answer.status == 202:
            self.acknowledged[address] += 1
            self.durations_s.append(answer.duration_s)
            return True
        (self.refusals if answer.status == 503 else self.surprises).append(answer)
        return answer.status != 503


def registration(address: str) -> dict[str, str]:
    """The body of POST /auth/register."""
    return {"email": address, "password": PASSWORD, "name": "Mira"}


def request_bytes(port: int, path: str, body: object) -> bytes:
    """A whole POST as it goes over the wire."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
