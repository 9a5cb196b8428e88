"""Parts shared by the tests: a database of its own for each, a clock that moves, flows on top of both."""

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gatepost.accounts.gate import Gate
from gatepost.database.connection import Database
from gatepost.database.opening import open_database
from gatepost.database.sqlite import SqliteDatabase
from gatepost.events import Event, Events
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.gate import SECRET, cheap_gate
from tests.support.issued_secrets import ISSUED, summary
from tests.support.overheard import overhearing
from tests.support.postgresql import Server, run_apart, server


@pytest.fixture(scope="session", autouse=True)
def no_secret_stays_anywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """At the end of the run: no secret it issued stands in a database, a log or the metrics of any test."""
    folder = tmp_path_factory.getbasetemp()
    ISSUED.begin(folder)
    with overhearing(ISSUED):
        yield
    assert [] == ISSUED.search_everything(folder), "secrets stand where none may be"


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What pytest captured is what parts in this process logged."""
    for name, text in report.sections:
        if report.when == "teardown" and name.startswith("Captured"):  # the last report has everything
            ISSUED.keep(f"{name} of {report.nodeid}", text)


_COUNTS = pytest.StashKey[Counter[str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that reports what was looked for in this one."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["secrets"] = dict(ISSUED.counts())


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_testnodedown(node: Any) -> None:
    """Add up what the processes of this run tell."""
    counts = node.config.stash.setdefault(_COUNTS, Counter())
    counts.update(getattr(node, "workeroutput", {}).get("secrets", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that secrets were looked for, and how many."""
    counts = terminalreporter.config.stash.get(_COUNTS, Counter()) + ISSUED.counts()
    terminalreporter.write_line(summary(counts))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """The PostgreSQL of the whole run, started when the first test asks for it."""
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(postgresql_server: Server) -> Iterator[str]:
    """The name of a migrated PostgreSQL database nobody is connected to; others are copies of it."""
    with postgresql_server.new_database() as url:
        run_apart(_migrate(url))
        yield urlsplit(url).path.lstrip("/")


@pytest.fixture
def postgresql_url(postgresql_server: Server, migrated_template: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database for this test alone."""
    with postgresql_server.new_database(migrated_template) as url:
        yield url


async def _migrate(url: str) -> None:
    await (await open_database(url, wait_for_owner_s=0)).close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that nobody has open; others are copies of it."""
    path = tmp_path_factory.mktemp("migrated") / "gatepost.db"
    run_apart(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_file(tmp_path: Path, migrated_file: Path) -> Path:
    """A migrated SQLite file for this test alone."""
    return Path(shutil.copy(migrated_file, tmp_path / "gatepost.db"))


@pytest.fixture
async def database(sqlite_file: Path) -> AsyncIterator[SqliteDatabase]:
    """An empty, migrated database."""
    opened = await SqliteDatabase.open(sqlite_file, wait_for_owner_s=0)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> MovableClock:
    """A clock that runs, and can be moved."""
    return MovableClock()


@pytest.fixture
def heard() -> list[Event]:
    """Every event the flows and the worker emitted."""
    return []


@pytest.fixture
def gate(database: Database, clock: MovableClock, heard: list[Event]) -> Iterator[Gate]:
    """The account flows' parts with the default policy and the cheapest hashes."""
    events = Events()
    events.subscribe(heard.append)
    ISSUED.note_keys([SECRET])
    with cheap_gate(database, clock, events) as made:
        yield made
    ISSUED.keep("events", "\n".join(map(repr, heard)))


@pytest.fixture
def flows(gate: Gate) -> Flows:
    """The flows with the private answer."""
    return Flows(gate)


@pytest.fixture
def revealing(gate: Gate) -> Flows:
    """The flows where accounts may be revealed."""
    return Flows(replace(gate, reveal_accounts=True))
