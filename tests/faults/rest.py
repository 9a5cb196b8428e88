"""Brings an installation to rest and compares its ledgers; what nearly every fault test ends with."""

import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from gatepost.testing import SubmissionServer
from tests.support.driver import registration
from tests.support.installation import Installation
from tests.support.ledgers import Books, bring_copies_forward, differences, read_books, unsettled
from tests.support.service import Service
from tests.support.tables import Tables

REST_TIMEOUT_S = 60.0
_POLL_S = 0.02


class Running(Protocol):
    """One process on a file of its own, or several that share a database."""

    @property
    def tables(self) -> Tables: ...

    @property
    def alive(self) -> bool: ...

    @property
    def text(self) -> str: ...

    def stop(self) -> int: ...


def register(service: Service, address: str) -> int:
    """Register one address; returns the status."""
    return service.post("/auth/register", **registration(address))[0]


def start_again(service: Service) -> None:
    """Start after a kill, and let copies that are due later go out now.

    Two starts: the first finds what the dead process left and says when a copy is due; that is then brought forward,
    while nothing runs.
    """
    service.start()
    service.wait_until_ready()
    assert 0 == service.stop(), service.text
    bring_copies_forward(service.tables)
    service.start()
    service.wait_until_ready()


def come_to_rest(running: Running, timeout_s: float = REST_TIMEOUT_S) -> None:
    """Wait until no message is to be tried any more."""
    give_up_at = time.monotonic() + timeout_s
    while left := unsettled(running.tables):
        if isinstance(running, Installation):  # on SQLite only the process that owns the file may write
            bring_copies_forward(running.tables)
        assert running.alive, f"a process has ended:\n{running.text}"
        assert time.monotonic() < give_up_at, f"{left} messages are not settled after {timeout_s:g} s:\n{running.text}"
        time.sleep(_POLL_S)  # the database of another process tells nobody that it changed


def wait_until(true: Callable[[], bool], otherwise: str, timeout_s: float = REST_TIMEOUT_S) -> None:
    """Wait for a state that nobody announces: of a process, a file, or another process's database."""
    give_up_at = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < give_up_at, f"{otherwise}, after {timeout_s:g} s"
        time.sleep(_POLL_S)


def stopped_books(
    running: Running,
    mail: SubmissionServer,
    promised: Collection[str],
    templates: Sequence[str] = ("verification", "welcome"),
) -> Books:
    """Come to rest, stop with exit code 0, and find the three ledgers in agreement."""
    come_to_rest(running)
    assert 0 == running.stop(), running.text
    books = read_books(running.tables)
    assert [] == differences(promised, books, list(mail.messages), templates=templates)
    return books


def tell(figures: str) -> None:
    """Print what was measured; pytest shows it with -s."""
    sys.stdout.write(f"{figures}\n")
