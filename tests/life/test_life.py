"""The life of a process, without HTTP: what is told at its start, and what differs between one life and the next."""

from pathlib import Path
from typing import Any

import pytest

from gatepost import Gatepost, Settings
from gatepost.errors import StartRefused
from gatepost.events import Event, Events, ServiceStarted, SettingWarned, WorkerStarted
from gatepost.transport.memory import MemoryTransport


def product(url: str, heard: list[Event], **arguments: Any) -> Gatepost:
    """Gatepost on this database, whose events are kept."""
    events = Events()
    events.subscribe(heard.append)
    settings = Settings(database_url=url, secret_keys="0123456789abcdefghijklmnopqrstuv", sender="a@tideline.example")
    return Gatepost(settings, events=events, transport=MemoryTransport(), **arguments)


async def test_each_life_has_an_owner_of_its_own(tmp_path: Path, heard: list[Event]) -> None:
    """Host name and process number come again, in a container or in an app that is started twice."""
    gatepost = product(f"sqlite:///{tmp_path}/gatepost.db", heard)
    for _ in range(2):
        await gatepost.start()
        await gatepost.stop()
    first, second = (event.owner for event in heard if isinstance(event, WorkerStarted))
    assert first != second
    assert first.rpartition(":")[0] == second.rpartition(":")[0]


async def test_a_process_without_a_worker_claims_nothing_and_says_so(postgresql_url: str, heard: list[Event]) -> None:
    """The start tells whether this process submits messages."""
    gatepost = product(postgresql_url, heard, worker=False)
    await gatepost.start()
    assert await gatepost._readiness() == []
    await gatepost.stop()
    assert [event.worker for event in heard if isinstance(event, ServiceStarted)] == [False]
    assert [event for event in heard if isinstance(event, WorkerStarted)] == []


def test_on_sqlite_nobody_else_could_send(tmp_path: Path) -> None:
    """One process owns the file, so that process has to have the worker; nothing is made."""
    with pytest.raises(StartRefused, match="a SQLite file has only one process"):
        product(f"sqlite:///{tmp_path}/gatepost.db", [], worker=False)
    assert list(tmp_path.iterdir()) == []


async def test_what_the_server_does_not_keep_is_warned_about(postgresql_url: str, heard: list[Event]) -> None:
    """The tests' server does not sync: the log says so at every start."""
    gatepost = product(postgresql_url, heard)
    await gatepost.start()
    await gatepost.stop()
    assert any("fsync is off" in event.detail for event in heard if isinstance(event, SettingWarned))
