"""PostgreSQL does not answer: a lock that somebody holds, a server that is frozen. Nobody waits for long."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import CLIENTS, refused, under_load
from tests.support.installation import Installation
from tests.support.postgresql import Cluster
from tests.support.tables import connect

# What a registration may wait before it is told to come again: for a lock, and for a server that says nothing at all.
LOCKED_OUT_AFTER_S = 15.0
UNHEARD_AFTER_S = 40.0


async def test_a_locked_table_holds_nobody_up_for_long(installation: Installation, mail: SubmissionServer) -> None:
    """`LOCK TABLE messages` by somebody else: each client is answered 503 in bounded time, and the lock's end heals."""
    async with under_load(installation, mail, seed=47) as driver:
        admin = await connect(installation.tables.admin_url)
        async with admin.transaction():
            await admin.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            await refused(driver, CLIENTS, LOCKED_OUT_AFTER_S)
        await admin.close()
    assert max(answer.duration_s for answer in driver.refusals) < LOCKED_OUT_AFTER_S


async def test_a_frozen_server_holds_nobody_up_for_long(
    installation: Installation, mail: SubmissionServer, cluster: Cluster
) -> None:
    """Every process of PostgreSQL stopped: alive, not ready, 503 in bounded time; all is well when it goes on."""
    async with under_load(installation, mail, seed=49) as driver:
        with _frozen(cluster):
            await refused(driver, 1, UNHEARD_AFTER_S)
            await asyncio.to_thread(installation.fronts[0].wait_for_status, "/readyz", 503, UNHEARD_AFTER_S)
            assert 200 == (await asyncio.to_thread(installation.fronts[0].get, "/healthz"))[0]
    assert max(answer.duration_s for answer in driver.refusals) < UNHEARD_AFTER_S


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
