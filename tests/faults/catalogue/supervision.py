"""Faults within a worker: one of its tasks ends although nobody told it to."""

import asyncio
import signal
from functools import partial

from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.rig import Rig
from tests.support import meddler

CANCELLED = 20
WITHIN_S = 0.15


@fault(18, name="a task of the worker is cancelled", shows="I1 I3 I7", databases=BOTH, seeded=True, ci=SQLITE)
async def task_cancelled(rig: Rig) -> None:
    """Its claim loop, its commits, its heartbeat or an attempt, twenty times under load: each runs again, told."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    for worker in system.workers:
        worker.hook = partial(meddler.listen, rig.seed)
    await asyncio.to_thread(rig.start, system)
    async with rig.load(system) as driver:
        await driver.wait_for(10)
        for _ in range(CANCELLED):
            await asyncio.sleep(rig.chance.uniform(0, WITHIN_S))  # the random moment itself; nothing is waited for
            rig.chance.choice(system.workers).send(signal.SIGUSR1)
        await driver.wait_for(len(driver.acknowledged) + 10)
    told = [line["task"] for worker in system.workers for line in worker.log if line["event"] == "worker_restarted"]
    rig.tell(restarted=len(told))
    await asyncio.to_thread(rig.finish, system, driver, mail)
    assert told, "no task was cancelled: the meddler does not know their names any more"
