"""PostgreSQL is stopped and started again under load, in order and as by a crash: nothing promised is lost."""

import asyncio

import pytest

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import under_load, well_again
from tests.support.installation import Installation
from tests.support.postgresql import Cluster

RESTARTS = 3


@pytest.mark.parametrize("immediate", [pytest.param(True, id="at once"), pytest.param(False, id="in order")])
async def test_a_restart_of_postgresql_loses_nothing(
    installation: Installation, mail: SubmissionServer, cluster: Cluster, immediate: bool
) -> None:
    """Again and again under load: 202 or 503, no process has to be started again, all ledgers agree."""
    async with under_load(installation, mail, seed=41) as driver:
        for _ in range(RESTARTS):
            await asyncio.to_thread(cluster.stop, immediate=immediate)
            await asyncio.to_thread(installation.fronts[0].wait_for_status, "/readyz", 503)
            assert 200 == (await asyncio.to_thread(installation.fronts[0].get, "/healthz"))[0]
            await asyncio.to_thread(cluster.start)
            await well_again(installation, driver)
