"""Front ends and workers on PostgreSQL under load: what befalls the server is the entry's, what must hold is here."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gatepost.testing import SubmissionServer
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.driver import Driver

BEFORE, AFTER = 20, 20
WELL_AGAIN_S = 60.0
# What the worker says of a bug is the exception as Python writes it; what it says of a database is a sentence.
_BUG = re.compile(r"^\w+\(")


@dataclass(frozen=True)
class Load:
    """What runs while PostgreSQL is in trouble."""

    system: System
    driver: Driver
    mail: SubmissionServer

    async def refused(self, count: int, within_s: float) -> None:
        """Wait until so many more registrations were answered 503."""
        await self.driver.wait_for_refusals(len(self.driver.refusals) + count, within_s)

    async def well_again(self, within_s: float = WELL_AGAIN_S) -> None:
        """Wait until every front end is ready and more registrations have been promised."""
        await self.answers("/readyz", 200, within_s)
        await self.driver.wait_for(len(self.driver.acknowledged) + AFTER, within_s)

    async def answers(self, path: str, status: int, within_s: float = WELL_AGAIN_S) -> None:
        """Wait until every front end answers so."""
        for front in self.system.fronts:
            await asyncio.to_thread(front.wait_for_status, path, status, within_s)

    @property
    def slowest_refusal_s(self) -> float:
        """How long the slowest answer 503 took."""
        return max((answer.duration_s for answer in self.driver.refusals), default=0.0)


@contextlib.asynccontextmanager
async def under_load(
    rig: Rig, system: System | None = None, mail: SubmissionServer | None = None
) -> AsyncIterator[Load]:
    """Start, register from outside while the entry does its worst, then compare all ledgers.

    Whatever befell the database: every answer is 202 or 503 with Retry-After, the processes are those that were
    started, they are well again by themselves, and nothing is lost or wrong.

    Args:
        rig: of this run.
        system: not started yet; None: two front ends and two workers.
        mail: where it submits; None only without a system.
    """
    mail = mail or rig.mail_server()
    system = system or rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    pids = [program.pid for program in system.programs]
    async with rig.load(system) as driver:
        await driver.wait_for(BEFORE)
        load = Load(system, driver, mail)
        yield load
        await load.well_again()

    assert system.alive, system.text
    assert pids == [program.pid for program in system.programs]
    await asyncio.to_thread(rig.finish, system, driver, mail)
    assert [] == [answer for answer in driver.refusals if not int(answer.fields["retry-after"]) > 0]
    assert [] == bugs(system)
    rig.tell(refusals=len(driver.refusals), slowest_refusal_s=round(load.slowest_refusal_s, 1))


def bugs(system: System) -> list[str]:
    """What the programs logged that no state of the database explains."""
    lines = [line for program in system.programs for line in program.log]
    return [
        str(line)
        for line in lines
        if line["event"] == "request_failed" or (line["event"] == "worker_failed" and _BUG.match(line["error"]))
    ]
