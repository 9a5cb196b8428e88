"""Crowds, and clients that do strange things: all at once, twice, half, slowly, or twenty times before the person."""

import asyncio
import contextlib
import json
from collections import Counter

from tests.faults.entry import BOTH, POSTGRESQL, SQLITE, fault
from tests.faults.rest import register
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.driver import Client, registration, request_bytes
from tests.support.ledgers import link
from tests.support.programs import resident_kib
from tests.support.service import Service

REASONS: dict[int, str] = {
    95: "Gatepost calls no webhooks yet",
}
AT_ONCE = 1_000
ONE_ADDRESS = "everybody@people.example"
LEAVERS = 200
KEY = "9f7f6d3e-0d1c-4f0e-8f4e-6b1d2c3a4b5c"
SCANS = 20
SLOW_CLIENTS, SLOW_BYTES, SLOW_PAUSE_S = 200, 20, 0.05
ORDINARY = 20
ORDINARY_WITHIN_S = 5.0
MAX_CHUNKS, CHUNK_BYTES = 4_096, 64 * 1024
MAX_GROWTH_KIB = 64 * 1024


@fault(91, name="a thousand registrations of one address", shows="I1 I3", databases=BOTH)
async def a_thousand_of_one_address(rig: Rig) -> None:
    """All at once, all answered 202 alike; one account, one verification and one welcome."""
    mail = rig.mail_server()
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    clients = [Client(system.ports[number % len(system.ports)]) for number in range(AT_ONCE)]
    for client in clients:
        await client.connect()
    answers = await asyncio.gather(*(client.post("/auth/register", registration(ONE_ADDRESS)) for client in clients))
    for client in clients:
        client.drop()

    assert Counter({202: AT_ONCE}) == Counter(answer.status for answer in answers)
    assert 1 == len({answer.body for answer in answers})
    books = await asyncio.to_thread(rig.finish, system, {ONE_ADDRESS}, mail)
    assert [AT_ONCE] == [account.registrations for account in books.accounts.values()]
    sent = Counter(message.template for message in books.messages if message.state != "cancelled")
    assert Counter(verification=1, welcome=1) == sent
    assert 2 == len(mail.messages)


@fault(92, name="the same Idempotency-Key twice", shows="I1 I3", databases=BOTH, seeded=True)
def the_same_key_twice(rig: Rig) -> None:
    """At once, again after a kill, again after a restart, and with another body: one registration, and 409."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    address = f"{rig.seed}@people.example"
    answers = [_register_with_key(system.fronts[0], address)]
    answers.append(_register_with_key(system.fronts[-1], address))
    system.fronts[0].kill()
    system.revive()
    answers.append(_register_with_key(system.fronts[0], address))
    assert 0 == system.stop(), system.text
    system.start()
    answers.append(_register_with_key(system.fronts[0], address))

    assert [(202, answers[0][1])] * 4 == answers
    assert 409 == _register_with_key(system.fronts[0], f"other-{address}")[0]
    books = rig.finish(system, {address}, mail)
    assert [1] == [account.registrations for account in books.accounts.values()]


@fault(93, name="clients leave", shows="I1 I2 I3", databases=BOTH, seeded=True, ci=POSTGRESQL)
async def clients_leave(rig: Rig) -> None:
    """Two hundred break off, half of them in the middle of their request: stored whole or not at all."""
    mail = rig.mail_server()
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    async with asyncio.timeout(60):
        await asyncio.gather(*(_send_and_leave(rig, system, number) for number in range(LEAVERS)))
    assert 202 == await asyncio.to_thread(register, system.fronts[0], "stays@people.example")
    # Stopped first: what those who left had asked for is then either done or never will be.
    assert 0 == await asyncio.to_thread(system.stop), system.text
    errors = [line for program in system.programs for line in program.log if line["level"] == "error"]
    await asyncio.to_thread(system.start)
    books = await asyncio.to_thread(rig.finish, system, {"stays@people.example"}, mail)

    assert [] == errors
    assert LEAVERS / 10 < len(books.accounts) <= LEAVERS + 1, "too few or too many left at the wrong moment"
    assert 2 * len(books.accounts) == len(mail.messages)


@fault(94, name="slow clients and endless bodies", shows="I1 I5 I6", databases=BOTH)
async def slow_clients(rig: Rig) -> None:
    """Two hundred that send a byte now and then, one that never ends: others are served, and memory is bounded."""
    mail = rig.mail_server()
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    (front, *_) = system.fronts
    before_kib = resident_kib(front.pid, "VmHWM")
    dripping = [asyncio.create_task(_drip(front.port)) for _ in range(SLOW_CLIENTS)]
    endless = asyncio.create_task(_never_end(front.port))
    addresses = [f"ordinary-{number}@people.example" for number in range(ORDINARY)]
    client = Client(front.port)
    answers = [await client.post("/auth/register", registration(address)) for address in addresses]
    await asyncio.gather(*dripping)
    refused = await endless
    client.drop()

    assert [202] * ORDINARY == [answer.status for answer in answers]
    slowest_s = max(answer.duration_s for answer in answers)
    growth_kib = resident_kib(front.pid, "VmHWM") - before_kib
    assert b" 413 " in refused, refused
    assert slowest_s < ORDINARY_WITHIN_S
    assert growth_kib < MAX_GROWTH_KIB
    await asyncio.to_thread(rig.finish, system, addresses, mail)
    rig.tell(slowest_ms=round(slowest_s * 1000), growth_kib=growth_kib)


@fault(97, name="a scanner fetches the link", shows="I1", databases=BOTH, ci=SQLITE)
def a_scanner_fetches_the_link(rig: Rig) -> None:
    """GET and HEAD twenty times before the person clicks: nothing is used up, and the link works once."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    address = "scanned@people.example"
    assert 202 == register(system.fronts[0], address)
    where = next(found for one in mail.wait_for_blocking(2, 20) if (found := link(one)) is not None)
    path = "/" + where.split("/", 3)[3]
    statuses = [front.request(("GET", "HEAD")[number % 2], path)[0] for number, front in _in_turns(system, SCANS)]
    token = where.partition("token=")[2]
    clicked = [system.fronts[0].post("/auth/verify", token=token)[0] for _ in range(2)]

    assert [200] * SCANS == statuses
    assert clicked[0] == 200
    assert clicked[1] in range(400, 500)
    books = rig.finish(system, {address}, mail)
    assert [True] == [account.verified for account in books.accounts.values()]


def _in_turns(system: System, count: int) -> list[tuple[int, Service]]:
    return [(number, system.fronts[number % len(system.fronts)]) for number in range(count)]


def _register_with_key(front: Service, address: str) -> tuple[int, bytes]:
    body = json.dumps(registration(address)).encode()
    status, _, answer = front.request("POST", "/auth/register", body, Idempotency_Key=KEY)
    return status, answer


async def _send_and_leave(rig: Rig, system: System, number: int) -> None:
    """Send all of a request or a part, and break off: at once, or when the service has had a turn or more."""
    port = system.ports[number % len(system.ports)]
    request = request_bytes(port, "/auth/register", registration(f"leaver-{number:03}@people.example"))
    length = len(request) if number % 4 // 2 else rig.chance.randrange(len(request))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request[:length])
    await writer.drain()
    await asyncio.sleep(rig.chance.choice([0, 0, 0.002, 0.01, 0.05]))  # the moment of leaving; nothing is waited for
    writer.transport.abort()


async def _drip(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in request_bytes(port, "/auth/register", registration("slow@people.example"))[:SLOW_BYTES]:
        writer.write(bytes([byte]))
        await asyncio.sleep(SLOW_PAUSE_S)  # the slowness itself
    writer.transport.abort()


async def _never_end(port: int) -> bytes:
    """A body in chunks, of which there is always one more; returns what was answered meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = f"Host: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    writer.write(f"POST /auth/register HTTP/1.1\r\n{fields}\r\n".encode())
    chunk = f"{CHUNK_BYTES:x}\r\n".encode() + b" " * CHUNK_BYTES + b"\r\n"
    answer = asyncio.create_task(reader.read(64))
    try:
        async with asyncio.timeout(ORDINARY_WITHIN_S):
            for _ in range(MAX_CHUNKS):
                with contextlib.suppress(OSError):  # whoever answered may have hung up
                    writer.write(chunk)
                    await writer.drain()
                if answer.done():
                    break
                await asyncio.sleep(0)
            return await answer
    finally:
        writer.transport.abort()
