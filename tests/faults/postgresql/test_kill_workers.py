"""Workers are killed at random moments under load: nothing promised is lost, nothing is sent twice without cause."""

import os
import random
from pathlib import Path

from tests.faults.postgresql.killing import WorkerKills
from tests.faults.rest import tell
from tests.support.tables import PostgresqlTables

KILLS = 20


async def test_nothing_is_lost_when_workers_are_killed_at_random_moments(
    tmp_path: Path, shared: PostgresqlTables
) -> None:
    """Twenty kill -9 of either of two workers under load: 0 lost, and copies have their cause in the attempts."""
    seed = int(os.environ.get("FAULTS_SEED", 0)) or random.randrange(1, 1_000_000)

    report = await WorkerKills(tmp_path, shared, kills=KILLS, seed=seed).run()

    tell(str(report))
    assert [] == report.differences, f"again with FAULTS_SEED={seed}\n{report}"
    assert KILLS == report.kills
    assert report.acknowledged > KILLS, "too little happened between the kills to show anything"
