"""The disk under the tables is full while PostgreSQL runs: refused politely, and well again when there is space."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import under_load
from tests.support.disk import SmallDisk, small_disk
from tests.support.driver import Driver
from tests.support.installation import Installation, new_database
from tests.support.postgresql import Cluster, run_apart

DISK_KIB = 16 * 1024
TABLESPACE = "small"
REFUSED = 50
REFUSED_WITHIN_S = 60.0


@pytest.fixture
def disk(cluster: Cluster) -> Iterator[SmallDisk]:
    """A small disk that PostgreSQL keeps tables on; its log of writes is elsewhere."""
    with small_disk(cluster.data.parent / TABLESPACE, size_kib=DISK_KIB) as small:
        owner = cluster.data.stat()
        os.chown(small.path, owner.st_uid, owner.st_gid)
        run_apart(cluster.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION '{small.path}'"))
        yield small
        run_apart(cluster.execute(f"DROP TABLESPACE {TABLESPACE}"))


async def test_a_full_tablespace_is_told_to_everybody(
    tmp_path: Path, disk: SmallDisk, cluster: Cluster, mail: SubmissionServer
) -> None:
    """Under load: 503 with Retry-After while it is full, 202 again by itself when it is not, and all ledgers agree."""
    shared = await asyncio.to_thread(new_database, cluster, TABLESPACE)
    installation = Installation(tmp_path, shared, mail.port, SHUTDOWN_GRACE_S=5)
    try:
        async with under_load(installation, mail, seed=50) as driver:
            await _fill_until_refused(disk, driver)
            assert 200 == (await asyncio.to_thread(installation.fronts[0].get, "/healthz"))[0]
            disk.free()
    finally:
        await asyncio.to_thread(installation.close)
        await cluster.drop_database(shared.name)


async def _fill_until_refused(disk: SmallDisk, driver: Driver) -> None:
    """Filled again and again: what the tables still had room for is used up meanwhile."""
    wanted = len(driver.refusals) + REFUSED
    async with asyncio.timeout(REFUSED_WITHIN_S):
        while len(driver.refusals) < wanted:
            await asyncio.to_thread(disk.fill)
