"""PostgreSQL runs and refuses: no connection is to be had, or nothing may be written. Said to all, and waited out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import refused, under_load
from tests.support.installation import ROLE, Installation
from tests.support.postgresql import Cluster
from tests.support.tables import PostgresqlTables, connect

REFUSED = 50
REFUSED_WITHIN_S = 30.0
OTHERS = "others"
_END_OURS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'gatepost'"


async def test_a_server_without_free_connections_is_told_to_everybody(
    installation: Installation, mail: SubmissionServer
) -> None:
    """While others hold them all: 503 with Retry-After. When they let go, all is well by itself."""
    async with under_load(installation, mail, seed=46) as driver, _all_connections(installation.tables):
        await refused(driver, REFUSED, REFUSED_WITHIN_S)


async def test_a_server_that_became_read_only_is_told_to_everybody(
    installation: Installation, mail: SubmissionServer, cluster: Cluster
) -> None:
    """As after a failover to a standby: 503 until it may be written again, then all is well by itself."""
    async with under_load(installation, mail, seed=51) as driver:
        await _set_read_only(cluster, "on")
        try:
            await refused(driver, REFUSED, REFUSED_WITHIN_S)
            status, _, _ = await asyncio.to_thread(installation.fronts[0].get, "/healthz")
            assert 200 == status
        finally:
            await _set_read_only(cluster, "off")


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


async def _set_read_only(cluster: Cluster, value: str) -> None:
    """For every session, also those that are open: a changed configuration, read again by a running server."""
    await cluster.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    await cluster.execute("SELECT pg_reload_conf()")
