"""Faults of PostgreSQL itself: it crashes, ends sessions, has none left, is locked, frozen, full or takes no writes."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from tests.faults.entry import POSTGRESQL, ROOT, fault
from tests.faults.postgresql.load import Load, under_load
from tests.faults.rig import CLIENTS, GRACE_S, Rig
from tests.faults.system import Together
from tests.support.disk import SmallDisk, small_disk
from tests.support.installation import ROLE, new_database
from tests.support.postgresql import Cluster, run_apart
from tests.support.tables import PostgresqlTables, connect

RESTARTS = 3
MOMENT_S = (0.0, 0.3)
ENDED = 60
PAUSE_S = (0.0, 0.15)
REFUSED = 50
REFUSED_WITHIN_S = 60.0
# What a registration may wait before it is told to come again: for a lock, and for a server that says nothing at all.
LOCKED_OUT_AFTER_S = 15.0
UNHEARD_AFTER_S = 40.0
OTHERS = "others"
DISK_KIB = 16 * 1024
TABLESPACE = "small"
# The busy ones first: an idle session that goes is an easy case.
_END_ONE = """SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'gatepost' AND pid <> pg_backend_pid()
    ORDER BY state <> 'idle' AND $1 DESC, random() LIMIT 1"""
_END_OURS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'gatepost'"


@fault(41, name="PostgreSQL crashes", shows="I1 I2 I3 I4 I7 I9", databases=POSTGRESQL, seeded=True, ci=POSTGRESQL)
async def crashes(rig: Rig) -> None:
    """`pg_ctl stop -m immediate` and a start, three times at random moments under load."""
    await _restarts(rig, immediate=True)


@fault(42, name="PostgreSQL is restarted", shows="I1 I2 I3 I4 I7 I9", databases=POSTGRESQL, seeded=True)
async def restarted(rig: Rig) -> None:
    """Stopped in order and started, three times at random moments under load."""
    await _restarts(rig, immediate=False)


@fault(43, name="sessions are ended", shows="I1 I3 I4 I7 I9", databases=POSTGRESQL, seeded=True, ci=POSTGRESQL)
async def sessions_are_ended(rig: Rig) -> None:
    """`pg_terminate_backend` sixty times at random under load, busy sessions before idle ones."""
    async with under_load(rig) as load:
        admin = await connect(_tables(load).admin_url)
        ended = 0
        while ended < ENDED:
            ended += len(await admin.fetch(_END_ONE, rig.chance.random() < 0.7))
            await asyncio.sleep(rig.chance.uniform(*PAUSE_S))  # the random moment itself; nothing is waited for
        await admin.close()


@fault(46, name="no sessions left", shows="I1 I3 I7 I8", databases=POSTGRESQL)
async def no_sessions_left(rig: Rig) -> None:
    """While others hold every connection of the server: 503 with Retry-After. When they let go, all is well."""
    async with under_load(rig) as load, _all_connections(_tables(load)):
        await load.refused(REFUSED, REFUSED_WITHIN_S)


@fault(47, name="a locked table", shows="I1 I5 I7", databases=POSTGRESQL)
async def a_locked_table(rig: Rig) -> None:
    """`LOCK TABLE messages` by somebody else: each client is answered 503 in bounded time; the lock's end heals."""
    async with under_load(rig) as load:
        admin = await connect(_tables(load).admin_url)
        async with admin.transaction():
            await admin.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            await load.refused(CLIENTS, LOCKED_OUT_AFTER_S)
        await admin.close()
    assert load.slowest_refusal_s < LOCKED_OUT_AFTER_S


@fault(49, name="PostgreSQL is frozen", shows="I1 I5 I7", databases=POSTGRESQL)
async def frozen(rig: Rig) -> None:
    """Every process of it stopped (SIGSTOP): alive, not ready, 503 in bounded time; all is well when it goes on."""
    async with under_load(rig) as load:
        with _frozen(rig.cluster):
            await load.refused(1, UNHEARD_AFTER_S)
            await load.answers("/readyz", 503, UNHEARD_AFTER_S)
            await load.answers("/healthz", 200)
    assert load.slowest_refusal_s < UNHEARD_AFTER_S


@fault(50, name="the tablespace is full", shows="I1 I7 I8 I9", databases=POSTGRESQL, needs=(ROOT,))
async def the_tablespace_is_full(rig: Rig) -> None:
    """The disk under the tables filled under load: 503 while it is full, 202 again by itself when it is freed."""
    with _disk(rig.cluster) as disk:
        tables = await asyncio.to_thread(new_database, rig.cluster, TABLESPACE)
        mail = rig.mail_server()
        system = Together(rig.folder, tables, mail.port, SHUTDOWN_GRACE_S=GRACE_S)
        try:
            async with under_load(rig, system, mail) as load:
                await _fill_until_refused(disk, load)
                await load.answers("/healthz", 200)
                disk.free()
        finally:
            await asyncio.to_thread(system.close)
            await rig.cluster.drop_database(tables.name)


@fault(51, name="PostgreSQL takes no writes", shows="I1 I7 I8", databases=POSTGRESQL, ci=POSTGRESQL)
async def takes_no_writes(rig: Rig) -> None:
    """`default_transaction_read_only` on, as after a failover: 503 until it is off, then all is well."""
    async with under_load(rig) as load, rig.cluster.everywhere("default_transaction_read_only", "on"):
        await load.refused(REFUSED, REFUSED_WITHIN_S)
        await load.answers("/healthz", 200)


async def _restarts(rig: Rig, *, immediate: bool) -> None:
    cluster = rig.cluster
    async with under_load(rig) as load:
        for _ in range(RESTARTS):
            await asyncio.sleep(rig.chance.uniform(*MOMENT_S))  # the random moment itself; nothing is waited for
            await asyncio.to_thread(cluster.stop, immediate=immediate)
            try:
                await load.answers("/readyz", 503)
                await load.answers("/healthz", 200)
            finally:
                await asyncio.to_thread(cluster.start)
            await load.well_again()


@contextlib.asynccontextmanager
async def _all_connections(tables: PostgresqlTables) -> AsyncIterator[None]:
    """Hold every connection the server has; the programs' role may have none while they are being taken."""
    admin = await connect(tables.admin_url)  # in one of the places that are kept for superusers
    taken: list[asyncpg.Connection] = []
    try:
        await admin.execute(f"CREATE ROLE {OTHERS} LOGIN; ALTER ROLE {ROLE} CONNECTION LIMIT 0")
        await admin.execute(_END_OURS)
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await connect(tables.url.replace(ROLE, OTHERS, 1)))
        await admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")
        yield
    finally:
        for connection in taken:
            connection.terminate()
        await admin.execute(f"DROP ROLE {OTHERS}; ALTER ROLE {ROLE} CONNECTION LIMIT -1")
        await admin.close()


@contextmanager
def _frozen(cluster: Cluster) -> Iterator[None]:
    """Stop the server and its children. The server first: it would answer for a child that does not."""
    stopped = [cluster.pid]
    os.kill(cluster.pid, signal.SIGSTOP)
    try:
        for pid in _children(cluster.pid):
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


def _children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in text.split()]


@contextmanager
def _disk(cluster: Cluster) -> Iterator[SmallDisk]:
    """A small disk that PostgreSQL keeps tables on; its log of writes is elsewhere."""
    with small_disk(cluster.data.parent / TABLESPACE, size_kib=DISK_KIB) as small:
        owner = cluster.data.stat()
        os.chown(small.path, owner.st_uid, owner.st_gid)
        run_apart(cluster.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION '{small.path}'"))
        yield small
        run_apart(cluster.execute(f"DROP TABLESPACE {TABLESPACE}"))


async def _fill_until_refused(disk: SmallDisk, load: Load) -> None:
    """Filled again and again: what the tables still had room for is used up meanwhile."""
    wanted = len(load.driver.refusals) + REFUSED
    async with asyncio.timeout(REFUSED_WITHIN_S):
        while len(load.driver.refusals) < wanted:
            await asyncio.to_thread(disk.fill)


def _tables(load: Load) -> PostgresqlTables:
    assert isinstance(load.system.tables, PostgresqlTables)
    return load.system.tables
