"""Kills processes at random moments while they are under load, again and again, and compares the ledgers afterwards."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from gatepost.testing import SubmissionServer
from tests.faults.rest import come_to_rest, start_again
from tests.support.driver import Client, Driver
from tests.support.ledgers import Books, differences, link, read_books
from tests.support.programs import Program
from tests.support.service import Service

CLIENTS = 8
# Long enough that messages are under way at every moment, short enough that some are finished in every life.
MAIL_SERVER_DELAY_S = 0.01
LIFE_S = (0.02, 0.4)
START_S = (0.0, 0.15)
KILLED_DURING_START = 0.2
# Verifications go first, so while people register the welcomes wait. In these lives they go out, and are killed.
NOBODY_REGISTERS = 0.6
REST_TIMEOUT_S = 300.0
LINKS_TRIED = 5


@dataclass
class Report:
    """What a run came to; `differences` must be empty."""

    seed: int
    kills: int = 0
    kills_during_start: int = 0
    fronts_killed: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    asked: int = 0
    accounts: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    received: int = 0
    copies: int = 0
    found_sending: int = 0
    found_committing: int = 0
    mean_start_s: float = 0.0
    links_tried: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"{name:32} {value}" for name, value in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """The report as a table of two columns."""
        states = ", ".join(f"{state} {count:,}" for state, count in sorted(self.messages.items()))
        return [
            ("seed", str(self.seed)),
            ("kills", f"{self.kills} ({self.kills_during_start} of them during the start)"),
            *([("front ends killed besides", str(self.fronts_killed))] if self.fronts_killed else []),
            ("duration", f"{self.seconds:.0f} s"),
            *([("start until ready, mean", f"{self.mean_start_s * 1000:.0f} ms")] if self.mean_start_s else []),
            ("registrations asked for", f"{self.asked:,}"),
            ("acknowledged", f"{self.acknowledged:,}"),
            ("accounts", f"{self.accounts:,}"),
            ("messages", states),
            ("received by the mail server", f"{self.received:,}"),
            ("found `sending` after a kill", f"{self.found_sending:,}"),
            ("found `committing` after a kill", f"{self.found_committing:,}"),
            ("copies", f"{self.copies:,}"),
            ("mailed links tried", str(self.links_tried)),
            ("lost or wrong", str(len(self.differences))),
        ]


class KillRun:
    """What every run of kills has: chances, a report, and a last look at the ledgers."""

    def __init__(self, folder: Path, *, kills: int, seed: int) -> None:
        self.report = Report(seed)
        self._kills = kills
        self._chance = random.Random(seed)
        self._folder = folder
        self._starts_s: list[float] = []

    def _let_register(self, driver: Driver) -> None:
        if self._chance.random() < NOBODY_REGISTERS:
            driver.pause()
        else:
            driver.go_on()

    def _look_at_log(self, program: Program) -> None:
        for line in program.log:
            if line["level"] == "error":
                self.report.differences.append(f"an error was logged: {line}")

    async def _try_links(self, port: int, mail: SubmissionServer) -> None:
        """The mailed links work, those of messages that were sent twice before others."""
        counts = Counter(one.message_id for one in mail.messages)
        newest_last = sorted(mail.messages, key=lambda one: counts[one.message_id] > 1)
        links = dict.fromkeys(where for message in reversed(newest_last) if (where := link(message)) is not None)
        client = Client(port)
        for where in islice(links, LINKS_TRIED):  # each once: copies carry the same link, which works once
            answer = await client.post("/auth/verify", {"token": where.partition("token=")[2]})
            self.report.links_tried += 1
            if answer.status != 200:
                self.report.differences.append(f"a mailed link was answered {answer.status}: {answer.body!r}")
        client.drop()

    def _write_report(self, driver: Driver, books: Books, mail: SubmissionServer) -> None:
        report = self.report
        received = list(mail.messages)
        report.mean_start_s = sum(self._starts_s) / max(1, len(self._starts_s))
        report.acknowledged, report.asked = len(driver.acknowledged), sum(driver.asked.values())
        report.accounts = len(books.accounts)
        report.messages = dict(Counter(message.state for message in books.messages))
        report.received = len(received)
        report.copies = len(received) - len({one.message_id for one in received})
        deaths: Counter[Any] = Counter(
            counted for one in books.messages for outcome, counted in one.tries if outcome == "worker_died"
        )
        report.found_sending, report.found_committing = deaths[False], deaths[True]
        report.differences += differences(driver.acknowledged, books, received)
        report.differences += [f"surprising answer: {answer}" for answer in driver.surprises[:5]]


class ServiceKills(KillRun):
    """One service on a SQLite file, one mail server, one driver, and as many lives as there are kills, plus one."""

    async def run(self) -> Report:
        """Kill, come to rest, compare."""
        began = time.monotonic()
        with SubmissionServer.in_thread(delay_s=MAIL_SERVER_DELAY_S) as mail:
            service = Service(self._folder, mail.port, SHUTDOWN_GRACE_S=5)
            driver = Driver(service.port, clients=CLIENTS, seed=self.report.seed)
            driving = asyncio.create_task(driver.run())
            try:
                for _ in range(self._kills):
                    await self._one_life(service, driver)
                driver.leave()
                await asyncio.to_thread(start_again, service)
                await driving
                await self._come_to_rest(service)
                await self._try_links(service.port, mail)
                code = await asyncio.to_thread(service.stop)
            finally:
                driving.cancel()
                await asyncio.to_thread(service.close)
        self._write_report(driver, read_books(service.tables), mail)
        if code != 0:
            self.report.differences.append(f"the last life ended with exit code {code}")
        self.report.seconds = time.monotonic() - began
        return self.report

    async def _one_life(self, service: Service, driver: Driver) -> None:
        started = time.monotonic()
        self._let_register(driver)
        await asyncio.to_thread(service.start)
        if self._chance.random() < KILLED_DURING_START:
            self.report.kills_during_start += 1
            await asyncio.sleep(self._chance.uniform(*START_S))  # the random moment itself; nothing is waited for
        else:
            await asyncio.to_thread(service.wait_until_ready)
            self._starts_s.append(time.monotonic() - started)
            await asyncio.sleep(self._chance.uniform(*LIFE_S))
        if not service.alive:
            self.report.differences.append(f"life {self.report.kills} ended by itself:\n{service.text}")
        await asyncio.to_thread(service.kill)
        self.report.kills += 1
        self._look_at_log(service)

    async def _come_to_rest(self, service: Service) -> None:
        await asyncio.to_thread(come_to_rest, service, REST_TIMEOUT_S)
        self._look_at_log(service)
