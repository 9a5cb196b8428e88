"""Hands one message over many times with a client alone: no outbox, no status, nothing composed but by the client.

`python -m benchmarks.clients CLIENT PORT COUNT CONNECTIONS` reads the message (RFC 5322) from standard input and prints
a JSON object: seconds and cpu_s of the sending. CLIENT is a name in CLIENTS.
"""

import asyncio
import json
import smtplib
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import aiosmtplib

from gatepost.transport.reply import Outcome
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client, SmtpTransport
from gatepost.transport.transport import Envelope, Progress

SENDER, RECIPIENT = "no-reply@gatepost.example", "ada@example.com"
HOST, HOSTNAME, TIMEOUT_S = "127.0.0.1", "bench.example", 60.0

# Sends `count` times to the port over so many connections.
Send = Callable[[int, int, int, bytes], None]


def _gatepost(client: Client) -> Send:
    async def sending(port: int, count: int, connections: int, message: bytes) -> None:
        transport = SmtpTransport(
            [Server(HOST, port, tls="none")],
            connections=connections,
            attempt_timeout_s=TIMEOUT_S,
            final_reply_timeout_s=TIMEOUT_S,
            client=client,
        )

        async def committing() -> bool:
            return True

        async def one() -> None:
            reply = await transport.submit(Envelope(SENDER, RECIPIENT, message), Progress(), committing)
            assert reply.outcome is Outcome.ACCEPTED, reply

        await _at_once(count, connections, one)
        await transport.close()

    return lambda *what: asyncio.run(sending(*what))


async def _aiosmtplib(port: int, count: int, connections: int, message: bytes) -> None:
    left = iter(range(count))

    async def keep_sending() -> None:
        client = aiosmtplib.SMTP(
            hostname=HOST, port=port, timeout=TIMEOUT_S, local_hostname=HOSTNAME, use_tls=False, start_tls=False
        )
        async with client:
            for _ in left:
                await client.sendmail(SENDER, [RECIPIENT], message)

    await asyncio.gather(*(keep_sending() for _ in range(connections)))


def _smtplib_kept(port: int, count: int, connections: int, message: bytes) -> None:
    def keep_sending(share: int) -> None:
        with smtplib.SMTP(HOST, port, HOSTNAME, TIMEOUT_S) as client:
            for _ in range(share):
                client.sendmail(SENDER, [RECIPIENT], message)

    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(keep_sending, shares(count, connections)))


def _smtplib_new(port: int, count: int, connections: int, message: bytes) -> None:
    def send(_: int) -> None:
        with smtplib.SMTP(HOST, port, HOSTNAME, TIMEOUT_S) as client:
            client.sendmail(SENDER, [RECIPIENT], message)

    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(send, range(count)))


async def _at_once(count: int, connections: int, one: Callable[[], Awaitable[None]]) -> None:
    """Call `one` so often, so many at a time."""
    left = iter(range(count))

    async def keep_calling(left: Iterator[int]) -> None:
        for _ in left:
            await one()

    await asyncio.gather(*(keep_calling(left) for _ in range(connections)))


def shares(count: int, parts: int) -> list[int]:
    """Divide `count` into parts as equal as can be."""
    return [count // parts + (1 if part < count % parts else 0) for part in range(parts)]


CLIENTS: dict[str, Send] = {
    "gatepost": _gatepost("gatepost"),
    "gatepost_over_aiosmtplib": _gatepost("aiosmtplib"),
    "aiosmtplib": lambda *what: asyncio.run(_aiosmtplib(*what)),
    "smtplib_kept": _smtplib_kept,
    "smtplib_new": _smtplib_new,
}


def main(client: str, port: int, count: int, connections: int) -> None:
    """Send, and print what it took."""
    message = sys.stdin.buffer.read()
    send = CLIENTS[client]
    began, cpu = time.perf_counter(), time.process_time()
    send(port, count, connections, message)
    print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
