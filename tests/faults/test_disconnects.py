"""Clients that go away before they are answered, and a thousand that want the same address."""

import asyncio
import random
from collections import Counter

from gatepost.testing import SubmissionServer
from tests.faults.rest import register, stopped_books
from tests.support.driver import Client, registration, request_bytes
from tests.support.service import Service

LEAVERS = 200
AT_ONCE = 1_000
ONE_ADDRESS = "everybody@people.example"


async def test_a_client_that_leaves_early_gets_all_or_nothing(service: Service, mail: SubmissionServer) -> None:
    """Whether its registration was stored or not, the account, its messages and the mail agree."""
    await asyncio.to_thread(service.start)
    await asyncio.to_thread(service.wait_until_ready)
    chance = random.Random(93)
    async with asyncio.timeout(60):
        await asyncio.gather(*(_send_and_leave(service, number, chance) for number in range(LEAVERS)))

    assert 202 == await asyncio.to_thread(register, service, "stays@people.example")
    # Stopped first: what those who left had asked for is then either done or never will be.
    assert 0 == await asyncio.to_thread(service.stop), service.text
    await asyncio.to_thread(service.start)
    await asyncio.to_thread(service.wait_until_ready)
    books = await asyncio.to_thread(stopped_books, service, mail, {"stays@people.example"})

    assert LEAVERS / 10 < len(books.accounts) <= LEAVERS + 1, "too few or too many left at the wrong moment"
    assert 2 * len(books.accounts) == len(mail.messages)
    assert [] == [line for line in service.log if line["level"] == "error"]


async def test_a_thousand_registrations_of_one_address_make_one_account(
    service: Service, mail: SubmissionServer
) -> None:
    """All are answered 202; there is one account, and one verification and one welcome went out."""
    await asyncio.to_thread(service.start)
    await asyncio.to_thread(service.wait_until_ready)
    clients = [Client(service.port) for _ in range(AT_ONCE)]
    for client in clients:
        await client.connect()

    answers = await asyncio.gather(*(client.post("/auth/register", registration(ONE_ADDRESS)) for client in clients))

    assert Counter({202: AT_ONCE}) == Counter(answer.status for answer in answers)
    assert 1 == len({answer.body for answer in answers})
    for client in clients:
        client.drop()
    books = await asyncio.to_thread(stopped_books, service, mail, {ONE_ADDRESS})
    assert [AT_ONCE] == [account.registrations for account in books.accounts.values()]
    sent = Counter(message.template for message in books.messages if message.state != "cancelled")
    assert Counter(verification=1, welcome=1) == sent
    assert 2 == len(mail.messages)


async def _send_and_leave(service: Service, number: int, chance: random.Random) -> None:
    """Send all of a request or a part, and break off: at once, or when the service has had a turn or more."""
    request = request_bytes(service.port, "/auth/register", registration(f"leaver-{number:03}@people.example"))
    length = len(request) if number % 2 else chance.randrange(len(request))
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(request[:length])
    await writer.drain()
    await asyncio.sleep(chance.choice([0, 0, 0.002, 0.01, 0.05]))  # the moment of leaving; nothing is waited for
    writer.transport.abort()
