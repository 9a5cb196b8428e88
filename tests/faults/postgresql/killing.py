"""Kills workers, and now and then a front end, while all of them are under load on one PostgreSQL database."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.kill_report import Report
from tests.faults.killing import (
    CLIENTS,
    KILLED_DURING_START,
    MAIL_SERVER_DELAY_S,
    REST_TIMEOUT_S,
    START_S,
    KillRun,
)
from tests.faults.rest import come_to_rest
from tests.faults.tries import Receipts
from tests.support.driver import Driver
from tests.support.installation import Installation
from tests.support.programs import Program
from tests.support.tables import PostgresqlTables
from tests.support.witness import Witness

WORKERS, FRONTS, SLOTS = 2, 2, 8
FRONT_KILLED = 0.15
# A dead worker's messages are taken over half a minute after its last beat. Half of the dead are made that old at
# once, so that the other worker takes over while more is killed; the rest waits for the end of the run.
TAKEN_OVER_AT_ONCE = 0.5
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class WorkerKills(KillRun):
    """Two workers, two front ends, one mail server, one driver."""

    def __init__(self, folder: Path, tables: PostgresqlTables, *, kills: int, seed: int, acknowledged: int = 0) -> None:
        super().__init__(folder, kills=kills, seed=seed, acknowledged=acknowledged)
        self._tables = tables
        self._killed: set[str] = set()

    async def run(self) -> Report:
        """Kill, restart at once, come to rest, compare."""
        self._began_at = began = time.monotonic()
        with SubmissionServer.in_thread(delay_s=MAIL_SERVER_DELAY_S) as mail:
            receipts = Receipts(mail)
            installation = Installation(
                self._folder,
                self._tables,
                mail.port,
                fronts=FRONTS,
                workers=WORKERS,
                slots=SLOTS,
                SHUTDOWN_GRACE_S=5,
            )
            try:
                await asyncio.to_thread(installation.start)
                witness = Witness(self._tables)
                await asyncio.to_thread(witness.begin)
                driver = await self._kill_under_load(installation, mail)
                self.report.seconds_killing = time.monotonic() - began
                await asyncio.to_thread(self._come_to_rest, installation)
                await self._try_links(installation.ports[0], mail)
                code = await asyncio.to_thread(installation.stop)
            finally:
                await asyncio.to_thread(installation.close)
        await asyncio.to_thread(self._compare, driver, witness, mail, receipts)
        self.report.differences += await asyncio.to_thread(list, self._look_within(witness))
        if code != 0:
            self.report.differences.append(f"a program ended with exit code {code}")
        self.report.seconds = time.monotonic() - began
        return self.report

    async def _kill_under_load(self, installation: Installation, mail: SubmissionServer) -> Driver:
        driver = Driver(*installation.ports, clients=CLIENTS, seed=self.report.seed)
        driving = asyncio.create_task(driver.run())
        try:
            while self._goes_on(driver):
                self._let_register(driver)
                await self._kill_a_worker(installation, driver, mail)
                if self._chance.random() < FRONT_KILLED:
                    await asyncio.to_thread(self._kill, self._chance.choice(installation.fronts))
                    self.report.fronts_killed += 1
        finally:
            driver.leave()
            await asyncio.to_thread(installation.wait_for_status, "/readyz", 200)
            await driving
        return driver

    async def _kill_a_worker(self, installation: Installation, driver: Driver, mail: SubmissionServer) -> None:
        worker = self._chance.choice(installation.workers)
        if self._chance.random() < KILLED_DURING_START and not _has_begun(worker):
            self.report.kills_during_start += 1
            await asyncio.sleep(self._chance.uniform(*START_S))  # the random moment itself; nothing is waited for
        else:
            await asyncio.to_thread(worker.wait_for_log, "service_started")
            await self._live(driver, mail)
        await asyncio.to_thread(self._kill, worker)
        self.report.kills += 1
        if self._chance.random() < TAKEN_OVER_AT_ONCE:
            await asyncio.to_thread(installation.age_the_dead)

    def _kill(self, program: Program) -> None:
        if not program.alive:
            self.report.differences.append(f"a program ended by itself:\n{program.text}")
        program.kill()
        self._killed.add(str(program.pid))
        self._look_at_log(program)
        program.start()

    def _come_to_rest(self, installation: Installation) -> None:
        for worker in installation.workers:
            worker.wait_for_log("service_started")
        installation.age_the_dead()
        come_to_rest(installation, REST_TIMEOUT_S)
        for program in installation.programs:
            self._look_at_log(program)

    def _look_within(self, witness: Witness) -> Iterator[str]:
        """What only PostgreSQL itself can tell."""
        for owner in witness.held_for_dead():
            if owner.split(":")[1] not in self._killed:
                yield f"{owner} lived, and its messages were taken over"
        ((deadlocks,),) = self._tables.read(_DEADLOCKS)[0]
        if deadlocks:
            yield f"{deadlocks} deadlocks: rows are not taken in one order"


def _has_begun(worker: Program) -> bool:
    return any(line["event"] == "service_started" for line in worker.log)
