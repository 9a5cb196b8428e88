"""A new version is rolled out: each program is stopped and started again, one after the other, under load."""

import asyncio

from gatepost.testing import SubmissionServer
from tests.faults.rest import stopped_books
from tests.support.driver import Driver
from tests.support.installation import Installation
from tests.support.witness import Witness

ROUNDS = 2
BETWEEN = 20


async def test_programs_restarted_one_by_one_lose_nothing_and_send_nothing_twice(
    installation: Installation, mail: SubmissionServer
) -> None:
    """SIGTERM to each in turn: exit code 0, the others go on, no message has a copy and none waits for a heartbeat."""
    await asyncio.to_thread(installation.start)
    witness = Witness(installation.tables)
    await asyncio.to_thread(witness.begin)
    driver = Driver(*installation.ports, clients=8, seed=9)
    driving = asyncio.create_task(driver.run())
    for program in installation.programs * ROUNDS:
        await driver.wait_for(len(driver.acknowledged) + BETWEEN)
        assert 0 == await asyncio.to_thread(program.stop), program.text
        await asyncio.to_thread(program.start)
    for front in installation.fronts:
        await asyncio.to_thread(front.wait_until_ready)
    for worker in installation.workers:
        await asyncio.to_thread(worker.wait_for_log, "service_started")
    driver.leave()
    await driving

    books = await asyncio.to_thread(stopped_books, installation, mail, driver.acknowledged)
    assert [] == driver.surprises
    assert [] == await asyncio.to_thread(witness.wrong)
    assert len(mail.messages) == len({message.message_id for message in mail.messages})
    assert {"accepted", "given_back"} >= {outcome for message in books.messages for outcome, _ in message.tries}
