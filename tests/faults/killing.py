"""Kills processes at random moments while they are under load, again and again, and compares the ledgers afterwards."""

import asyncio
import contextlib
import random
import sys
import time
from collections import Counter
from itertools import islice
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.kill_report import Report
from tests.faults.rest import come_to_rest, start_again, tell
from tests.faults.tries import Messages, Receipts, look_at_tries
from tests.support.driver import Client, Driver
from tests.support.ledgers import differences, link, read_books
from tests.support.programs import Program
from tests.support.service import Service
from tests.support.witness import MOVES, Witness

CLIENTS = 8
# Long enough that messages are under way at every moment, short enough that some are finished in every life.
MAIL_SERVER_DELAY_S = 0.01
LIFE_S = (0.02, 0.4)
START_S = (0.0, 0.15)
KILLED_DURING_START = 0.2
# Verifications go first, so while people register the welcomes wait. In these lives they go out, and are killed.
NOBODY_REGISTERS = 0.6
# Where many registrations are wanted, a life lasts until it has brought its share; not longer than this.
LIFE_MOST_S = 8.0
# A run that is short of registrations after all its kills goes on, up to so many times as many kills.
MOST_KILLS = 2
REST_TIMEOUT_S = 600.0
LINKS_TRIED = 5
TOLD_EVERY = 50
# A message that is in flight at many deaths is held, as if it caused them; whether it was is looked at in its tries.
ENDS = ("held",)
MOVES_UNDER_KILLS = MOVES | {("sending", "held")}


class KillRun:
    """What every run of kills has: chances, shares, a report, and a last look at the ledgers.

    Args:
        folder: where the programs run.
        kills: how many, at least.
        seed: of the choices.
        acknowledged: so many registrations at least; lives last as long as that takes.
    """

    def __init__(self, folder: Path, *, kills: int, seed: int, acknowledged: int = 0) -> None:
        self.report = Report(seed)
        self._kills = kills
        self._wanted = acknowledged
        self._chance = random.Random(seed)
        self._folder = folder
        self._starts_s: list[float] = []
        self._somebody_registers = True
        self._began_at = time.monotonic()

    def _goes_on(self, driver: Driver) -> bool:
        if self.report.kills and self.report.kills % TOLD_EVERY == 0:
            seconds = time.monotonic() - self._began_at
            tell(f"{self.report.kills} kills, {len(driver.acknowledged):,} acknowledged, {seconds:.0f} s")
            sys.stdout.flush()  # whoever waits for a long run may read it from a file
        if self.report.kills < self._kills:
            return True
        return len(driver.acknowledged) < self._wanted and self.report.kills < MOST_KILLS * self._kills

    def _let_register(self, driver: Driver) -> None:
        self._somebody_registers = self._chance.random() >= NOBODY_REGISTERS
        if self._somebody_registers:
            driver.go_on()
        else:
            driver.pause()

    async def _live(self, driver: Driver, mail: SubmissionServer) -> None:
        """Let one life bring its share, and then last up to a random moment."""
        with contextlib.suppress(TimeoutError):
            if self._wanted and self._somebody_registers:
                await driver.wait_for(len(driver.acknowledged) + self._share(driver), LIFE_MOST_S)
            elif self._wanted:
                waiting = max(0, 2 * len(driver.acknowledged) - len(mail.messages))
                await mail.wait_for(len(mail.messages) + self._chance.randint(0, waiting), LIFE_MOST_S)
        await asyncio.sleep(self._chance.uniform(*LIFE_S))  # the random moment itself; nothing is waited for

    def _share(self, driver: Driver) -> int:
        """How many registrations this life must bring so that all of them together bring those that are wanted."""
        lives_left = max(1.0, (self._kills - self.report.kills) * (1 - KILLED_DURING_START) * (1 - NOBODY_REGISTERS))
        missing = max(0, self._wanted - len(driver.acknowledged))
        return round(missing / lives_left * self._chance.uniform(0.5, 1.5))

    def _look_at_log(self, program: Program) -> None:
        for line in program.log:
            if line["level"] == "error":
                self.report.differences.append(f"an error was logged: {line}")

    async def _try_links(self, port: int, mail: SubmissionServer) -> None:
        """The mailed links work, those of messages that were sent twice before others."""
        counts = Counter(one.message_id for one in mail.messages)
        newest_last = sorted(mail.messages, key=lambda one: counts[one.message_id] > 1)
        links = (where for message in reversed(newest_last) if (where := link(message)) is not None)
        tried: set[str] = set()
        client = Client(port)
        for where in islice(links, 2 * LINKS_TRIED):
            if where in tried or len(tried) == LINKS_TRIED:  # each once: copies carry the same link, which works once
                continue
            tried.add(where)
            answer = await client.post("/auth/verify", {"token": where.partition("token=")[2]})
            self.report.links_tried += 1
            if answer.status != 200:
                self.report.differences.append(f"a mailed link was answered {answer.status}: {answer.body!r}")
        client.drop()

    def _compare(self, driver: Driver, witness: Witness, mail: SubmissionServer, receipts: Receipts) -> None:
        """Compare the ledgers of an installation that has ended, and look at each try."""
        report, tables, received = self.report, witness.tables, list(mail.messages)
        books = read_books(tables)
        report.mean_start_s = sum(self._starts_s) / max(1, len(self._starts_s))
        report.acknowledged, report.asked = len(driver.acknowledged), sum(driver.asked.values())
        report.accounts = len(books.accounts)
        report.messages = dict(Counter(message.state for message in books.messages))
        report.received = len(received)
        report.copies = len(received) - len({one.message_id for one in received})
        report.differences += differences(driver.acknowledged, books, received, ends=ENDS)
        report.differences += witness.wrong(MOVES_UNDER_KILLS)[:5]
        report.enter(look_at_tries(witness.moves(), Messages.of(tables), receipts.instants))
        report.differences += [f"surprising answer: {answer}" for answer in driver.surprises[:5]]
        if report.acknowledged < self._wanted:
            report.differences.append(f"{report.acknowledged} acknowledged, and {self._wanted} were wanted")


class ServiceKills(KillRun):
    """One service on a SQLite file, one mail server, one driver, and as many lives as there are kills, plus one."""

    async def run(self) -> Report:
        """Kill, come to rest, compare."""
        self._began_at = began = time.monotonic()
        with SubmissionServer.in_thread(delay_s=MAIL_SERVER_DELAY_S) as mail:
            receipts = Receipts(mail)
            service = Service(self._folder, mail.port, SHUTDOWN_GRACE_S=5)
            try:
                witness = await asyncio.to_thread(_observed, service)
                driver = Driver(service.port, clients=CLIENTS, seed=self.report.seed)
                driving = asyncio.create_task(driver.run())
                while self._goes_on(driver):
                    await self._one_life(service, driver, mail)
                self.report.seconds_killing = time.monotonic() - began
                driver.leave()
                await asyncio.to_thread(start_again, service)
                await driving
                await asyncio.to_thread(come_to_rest, service, REST_TIMEOUT_S)
                self._look_at_log(service)
                await self._try_links(service.port, mail)
                code = await asyncio.to_thread(service.stop)
            finally:
                await asyncio.to_thread(service.close)
        await asyncio.to_thread(self._compare, driver, witness, mail, receipts)
        if code != 0:
            self.report.differences.append(f"the last life ended with exit code {code}")
        self.report.seconds = time.monotonic() - began
        return self.report

    async def _one_life(self, service: Service, driver: Driver, mail: SubmissionServer) -> None:
        started = time.monotonic()
        self._let_register(driver)
        await asyncio.to_thread(service.start)
        if self._chance.random() < KILLED_DURING_START:
            self.report.kills_during_start += 1
            await asyncio.sleep(self._chance.uniform(*START_S))  # the random moment itself; nothing is waited for
        else:
            await asyncio.to_thread(service.wait_until_ready)
            self._starts_s.append(time.monotonic() - started)
            await self._live(driver, mail)
        if not service.alive:
            self.report.differences.append(f"life {self.report.kills} ended by itself:\n{service.text}")
        await asyncio.to_thread(service.kill)
        self.report.kills += 1
        self._look_at_log(service)


def _observed(service: Service) -> Witness:
    """Let the tables be made, and a witness of every move be put into them while no process owns the file."""
    service.start()
    service.wait_until_ready()
    assert 0 == service.stop(), service.text
    witness = Witness(service.tables)
    witness.begin()
    return witness
