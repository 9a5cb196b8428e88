"""PostgreSQL runs and refuses: no connection is to be had, or nothing may be written. Said to all, and waited out."""

import asyncio
import contextlib

import asyncpg

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import refused, under_load
from tests.support.installation import Installation
from tests.support.postgresql import Cluster
from tests.support.tables import PostgresqlTables, connect

REFUSED = 50
REFUSED_WITHIN_S = 30.0
ROUNDS = 4
_END_OURS = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'gatepost' AND application_name <> 'test'"""


async def test_a_server_without_free_connections_is_told_to_everybody(
    installation: Installation, mail: SubmissionServer
) -> None:
    """While others hold them all: 503 with Retry-After. When they let go, all is well by itself."""
    async with under_load(installation, mail, seed=46) as driver:
        taken = await _take_all_connections(installation.tables)
        await refused(driver, REFUSED, REFUSED_WITHIN_S)
        for connection in taken:
            connection.terminate()


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


async def _take_all_connections(tables: PostgresqlTables) -> list[asyncpg.Connection]:
    """Take what is free, end the programs' sessions, and take those places too, before the programs do."""
    admin = await connect(tables.admin_url)  # in one of the places that are kept for superusers
    taken: list[asyncpg.Connection] = []
    for _ in range(ROUNDS):
        await admin.execute(_END_OURS)
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await connect(tables.url))
    await admin.close()
    return taken


async def _set_read_only(cluster: Cluster, value: str) -> None:
    """For every session, also those that are open: a changed configuration, read again by a running server."""
    await cluster.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    await cluster.execute("SELECT pg_reload_conf()")
