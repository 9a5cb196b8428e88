"""The service is killed at random moments under load: nothing promised is lost, nothing is sent twice without cause."""

import os
import random
from pathlib import Path

from tests.faults.killing import ServiceKills

KILLS = 20


async def test_nothing_is_lost_when_the_service_is_killed_at_random_moments(tmp_path: Path) -> None:
    """Twenty kill -9 under load lose no acknowledged registration, and copies have their cause in the attempts."""
    seed = int(os.environ.get("FAULTS_SEED", 0)) or random.randrange(1, 1_000_000)

    report = await ServiceKills(tmp_path, kills=KILLS, seed=seed).run()

    assert [] == report.differences, f"again with FAULTS_SEED={seed}\n{report}"
    assert KILLS == report.kills
    assert report.acknowledged > KILLS, "too little happened between the kills to show anything"
