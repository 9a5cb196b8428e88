"""Sessions are ended by PostgreSQL while they are in use: each is replaced, and nothing is lost."""

import asyncio
import os
import random

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.load import under_load
from tests.support.installation import Installation
from tests.support.tables import connect

ENDED = 60
PAUSE_S = (0.0, 0.15)
# The busy ones first: an idle session that goes is an easy case.
_END_ONE = """SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = 'gatepost' AND pid <> pg_backend_pid()
    ORDER BY state <> 'idle' AND $1 DESC, random() LIMIT 1"""


async def test_sessions_may_be_ended_at_random(installation: Installation, mail: SubmissionServer) -> None:
    """`pg_terminate_backend` sixty times under load, of sessions of every kind: 202 or 503, all ledgers agree."""
    chance = random.Random(int(os.environ.get("FAULTS_SEED", 43)))
    async with under_load(installation, mail, seed=43):
        admin = await connect(installation.tables.admin_url)
        ended = 0
        while ended < ENDED:
            ended += len(await admin.fetch(_END_ONE, chance.random() < 0.7))
            await asyncio.sleep(chance.uniform(*PAUSE_S))  # the random moment itself; nothing is waited for
        await admin.close()
