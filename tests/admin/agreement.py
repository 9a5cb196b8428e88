"""The page beside the database and the mail server's ledger, at random instants under load, in a real service.

`python -m tests.admin.agreement 200` prints how far the page was behind at so many instants.
"""

import asyncio
import contextlib
import random
import sqlite3
import sys
import tempfile
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gatepost.testing import Refuse, Step, SubmissionServer
from tests.support.driver import Driver
from tests.support.live_page import figures, frames, open_stream, sign_in
from tests.support.service import Service

CLIENTS = 4
# The page may be so far behind the truth, on a machine that has nothing else to do.
WITHIN_S = 1.0
# How much of the load goes by for each instant that is looked at.
EACH_S = 0.1
_COUNT = """SELECT count(*) FILTER (WHERE state IN ('accepted', 'delivered', 'bounced')),
count(*) FILTER (WHERE state = 'failed') FROM messages"""


@dataclass
class Seen:
    """What somebody saw over time: instants of `time.monotonic()`, and the counts of accepted and failed then."""

    at: list[float] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)

    def add(self, at: float, counts: tuple[int, int]) -> None:
        self.at.append(at)
        self.counts.append(counts)

    def until(self, instant: float) -> tuple[int, int]:
        """What was seen last by then."""
        number = bisect_right(self.at, instant)
        return self.counts[number - 1] if number else (0, 0)

    def after(self, instant: float) -> tuple[int, int]:
        """What was seen first from then on."""
        return self.counts[min(bisect_left(self.at, instant), len(self.at) - 1)]


@dataclass(frozen=True)
class Agreement:
    """What came of it.

    Args:
        instants: how many were looked at.
        behind_s: for each, by how many seconds the page was behind the database.
        wrong: what did not agree, in words; empty: nothing.
        messages: how many the server took.
        refused: how many it refused.
        seconds: how long the load went on.
        stop_s: how long the service took to stop while the page was watched.
        within_s: how far behind the page may have been.
    """

    instants: int
    behind_s: tuple[float, ...]
    wrong: tuple[str, ...]
    messages: int
    refused: int
    seconds: float
    stop_s: float
    within_s: float

    def __str__(self) -> str:
        times = sorted(self.behind_s)
        return (
            f"{self.instants} instants in {self.seconds:.0f} s, {self.messages} messages taken, {self.refused} refused."
            f" The page was behind by {times[len(times) // 2] * 1000:.0f} ms (median), {times[-1] * 1000:.0f} ms at"
            f" most, and did not agree within {self.within_s:g} s at {len(self.wrong)} instants."
        )


def agree(folder: Path, instants: int, *, within_s: float = WITHIN_S, seed: int = 1) -> Agreement:
    """Let people register while somebody watches, and compare what was seen at random instants."""
    token = sign_in(f"sqlite:///{folder / 'gatepost.db'}")
    with SubmissionServer.in_thread() as mail, contextlib.closing(Service(folder, mail.port)) as service:
        mail.at(Step.RCPT, Refuse("550 5.1.1 No such user"), recipient="*7@people.example")
        service.start()
        service.wait_until_ready()
        began = time.monotonic()
        with _database(folder / "gatepost.db") as database, _page(service, token) as page:
            asyncio.run(_load(service.port, instants * EACH_S + within_s, seed))
            _wait_until(lambda: page.counts[-1] == database.counts[-1] == _ledger(mail, database))
            ended = time.monotonic()
        stop_s = time.monotonic() - ended
        ledger = [message.accepted_at for message in mail.messages]
    chance = random.Random(seed)
    chosen = [chance.uniform(began + within_s, ended) for _ in range(instants)]
    wrong = [words for instant in chosen if (words := _compare(instant, page, database, ledger, within_s))]
    behind = tuple(_behind_s(instant, page, database) for instant in chosen)
    return Agreement(instants, behind, tuple(wrong), len(ledger), page.counts[-1][1], ended - began, stop_s, within_s)


def _compare(instant: float, page: Seen, database: Seen, ledger: list[float], within_s: float) -> str | None:
    """Say what does not agree: every figure lies between what was true so long ago and what is true now."""
    shown = page.until(instant)
    before, now = database.until(instant - within_s), database.after(instant)
    taken = bisect_right(ledger, instant - within_s), bisect_right(ledger, instant)
    fits = all(low <= figure <= high for low, figure, high in zip(before, shown, now, strict=True))
    if fits and taken[0] <= shown[0] <= taken[1]:
        return None
    return f"the page showed {shown}, the database {before} to {now}, the server {taken}"


def _behind_s(instant: float, page: Seen, database: Seen) -> float:
    """Since when, at this instant, the database has said more than the page."""
    shown = page.until(instant)
    said = zip(database.at, database.counts, strict=True)
    return max((instant - at for at, counts in said if at <= instant and counts > shown), default=0.0)


def _ledger(mail: SubmissionServer, database: Seen) -> tuple[int, int]:
    return len(mail.messages), database.counts[-1][1]


async def _load(port: int, seconds: float, seed: int) -> None:
    driver = Driver(port, clients=CLIENTS, seed=seed)
    driving = asyncio.create_task(driver.run())
    await asyncio.sleep(seconds)
    driver.leave()
    await driving


@contextlib.contextmanager
def _page(service: Service, token: str) -> Iterator[Seen]:
    """Watch the page, until the service stops, which it does at the end."""
    seen, stream = Seen(), open_stream(service.port, token)

    def watch() -> None:
        for frame in frames(stream):
            found = figures(frame)
            seen.add(time.monotonic(), (found["accepted"], found["failed"]))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        _wait_until(lambda: bool(seen.at))
        yield seen
    finally:
        service.stop()
        watching.join()
        stream.close()


@contextlib.contextmanager
def _database(path: Path) -> Iterator[Seen]:
    """Count in the file again and again, without a line of the product's code."""
    seen, over = Seen(), threading.Event()

    def watch() -> None:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            while True:
                counts = connection.execute(_COUNT).fetchone()
                seen.add(time.monotonic(), counts)
                if over.wait(0.02):
                    return

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        _wait_until(lambda: bool(seen.at))
        yield seen
    finally:
        over.set()
        watching.join()


def _wait_until(true: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "the page, the database and the server did not come to agree"
        time.sleep(0.02)  # nothing tells one thread of what the others saw


def main() -> int:
    """Compare, print, and say by the exit code whether all agreed."""
    with tempfile.TemporaryDirectory() as folder:
        found = agree(Path(folder), int(sys.argv[1]))
    print(found, *found.wrong, sep="\n")  # noqa: T201
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
