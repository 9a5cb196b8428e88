"""An installation on PostgreSQL under load: what befalls it is the test's, what must hold afterwards is here."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

from gatepost.testing import SubmissionServer
from tests.faults.rest import stopped_books, tell
from tests.support.driver import Driver
from tests.support.installation import Installation
from tests.support.witness import Witness

CLIENTS = 8
BEFORE, AFTER = 20, 20
WELL_AGAIN_S = 60.0
# What the worker says of a bug is the exception as Python writes it; what it says of a database is a sentence.
_BUG = re.compile(r"^\w+\(")


@contextlib.asynccontextmanager
async def under_load(installation: Installation, mail: SubmissionServer, *, seed: int) -> AsyncIterator[Driver]:
    """Start, register from outside while the test does its worst, then compare all ledgers.

    Whatever befell the database: every answer is 202 or 503, the processes are those that were started, they are well
    again by themselves, and nothing is lost or wrong.
    """
    await asyncio.to_thread(installation.start)
    witness = Witness(installation.tables)
    await asyncio.to_thread(witness.begin)
    pids = installation.pids
    driver = Driver(*installation.ports, clients=CLIENTS, seed=seed)
    driving = asyncio.create_task(driver.run())
    try:
        await driver.wait_for(BEFORE)
        yield driver
        await well_again(installation, driver)
    finally:
        driver.leave()
        await driving

    assert installation.alive, installation.text
    assert pids == installation.pids
    books = await asyncio.to_thread(stopped_books, installation, mail, driver.acknowledged)
    assert [] == await asyncio.to_thread(witness.wrong)
    assert [] == driver.surprises
    assert [] == [answer for answer in driver.refusals if not int(answer.fields["retry-after"]) > 0]
    assert [] == bugs(installation)
    slowest_s = max((answer.duration_s for answer in driver.refusals), default=0.0)
    tell(
        f"{len(driver.acknowledged):,} acknowledged, {len(books.accounts):,} accounts, {len(driver.refusals):,} answers"
        f" 503 (the slowest after {slowest_s:.1f} s), {len(mail.messages):,} messages received"
    )


async def well_again(installation: Installation, driver: Driver, within_s: float = WELL_AGAIN_S) -> None:
    """Wait until every front end is ready and more registrations have been promised."""
    await asyncio.to_thread(installation.wait_for_status, "/readyz", 200, within_s)
    await driver.wait_for(len(driver.acknowledged) + AFTER, within_s)


async def refused(driver: Driver, count: int, within_s: float) -> None:
    """Wait until so many more registrations were answered 503."""
    await driver.wait_for_refusals(len(driver.refusals) + count, within_s)


def bugs(installation: Installation) -> list[str]:
    """What the programs logged that no state of the database explains."""
    lines = [line for program in installation.programs for line in program.log]
    return [
        str(line)
        for line in lines
        if line["event"] == "request_failed" or (line["event"] == "worker_failed" and _BUG.match(line["error"]))
    ]
