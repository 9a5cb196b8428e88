"""A primary and its standby: which one is used, and what happens when they change places."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Connection

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_session import Sessions
from gatepost.errors import StartRefused
from tests.conformance.database.conftest import note, notes
from tests.postgresql.conftest import QUICK, opened
from tests.support.postgresql import Cluster, cluster, own_cluster


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A server and its hot standby."""
    with own_cluster() as primary, cluster(follows=primary) as standby:
        yield primary, standby


def place(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def both(*urls: str) -> str:
    return f"postgresql://postgres@{','.join(map(place, urls))}/postgres"


async def test_a_failover_is_found_without_a_restart(pair: tuple[Cluster, Cluster]) -> None:
    """With both in the URL the primary is used, and after a failover the other one, by the next write."""
    primary, standby = pair
    async with opened(both(standby.url, primary.url)) as database:
        await database.write(note("a"))
        while not await primary.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            pass
        primary.stop()
        await standby.execute("SELECT pg_promote()")
        await database.write(note("b"))
        assert ["a", "b"] == await database.read(notes)
        await database.ready()


async def test_a_standby_alone_is_refused(pair: tuple[Cluster, Cluster]) -> None:
    """It takes no writes; the sentence says what to name instead."""
    with pytest.raises(StartRefused, match="it is a standby, which takes no writes; name the primary"):
        await PostgresqlDatabase.open(pair[1].url, wait_s=0)


async def test_a_primary_that_was_switched_to_reading_is_left(pair: tuple[Cluster, Cluster]) -> None:
    """Its connections live and take no writes any more: all are made anew, those that read too, to the new primary."""
    primary, standby = pair
    async with opened(both(primary.url, standby.url)) as database:
        await database.write(note("a"))
        while not await standby.execute("SELECT 1 FROM pg_class WHERE relname = 'notes'"):
            pass
        await standby.execute("SELECT pg_promote()")
        async with primary.everywhere("default_transaction_read_only", "on"):
            assert await database.read(notes)
            await database.write(note("b"))
            await database.write(note("c"))
            assert ["a", "b", "c"] == await database.read(notes)


def test_lines_that_find_it_at_the_same_time_are_renewed_once() -> None:
    """The second to tell of the same generation tells nothing new, or nine lines would be opened nine times."""
    sessions = Sessions("postgresql://postgres@one,two/postgres")
    found = sessions.generation
    for _ in range(9):
        sessions.renew(found)
    assert found + 1 == sessions.generation


async def test_reads_come_from_the_primary_while_there_is_one(pair: tuple[Cluster, Cluster]) -> None:
    """A standby in front would answer with what was true a moment ago; without the primary it answers all the same."""
    primary, standby = pair
    async with opened(both(standby.url, primary.url)) as database:
        assert not await database.read(is_standby)
        while not await primary.execute("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'"):
            pass
        primary.stop()
        assert await database.read(is_standby)


def is_standby(connection: Connection) -> object:
    return connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()


async def test_a_start_within_a_failover_waits_for_its_end(pair: tuple[Cluster, Cluster]) -> None:
    """With several hosts a standby is no reason to refuse while there is time: one of them becomes the primary."""
    primary, standby = pair
    primary.stop()
    told: asyncio.Queue[str] = asyncio.Queue()
    opening = asyncio.create_task(
        PostgresqlDatabase.open(both(primary.url, standby.url), wait_s=30, on_waiting=told.put_nowait)
    )
    async with asyncio.timeout(30):
        assert "it is a standby" in await told.get()
    await standby.execute("SELECT pg_promote()")
    await (await opening).close()
    assert told.empty()


@pytest.fixture
def dead_machine() -> Iterator[socket.socket]:
    """A port that takes connections and never says a word, as a machine that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


async def test_a_dead_machine_in_front_does_not_use_up_the_time(
    postgresql_url: str, dead_machine: socket.socket
) -> None:
    """Each host has a time limit of its own, and the one that was good comes first from then on."""
    first = "{}:{}".format(*dead_machine.getsockname())
    url = f"postgresql://postgres@{first},{place(postgresql_url)}{urlsplit(postgresql_url).path}"
    async with opened(url, patience=replace(QUICK, connect_s=0.5)) as database:
        await database.write(note("a"))
        assert ["a"] == await database.read(notes)
    dead_machine.accept()[0].close()
    with pytest.raises(BlockingIOError):
        dead_machine.accept()
