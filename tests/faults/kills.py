"""`./run faults --kills 200`: the long run of random kills, with a table and, on request, the counts in a file."""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.kill_report import Report
from tests.faults.killing import ServiceKills
from tests.faults.postgresql.killing import WorkerKills
from tests.support.installation import new_database
from tests.support.postgresql import cluster


def main(options: argparse.Namespace) -> int:
    """Run, print, and return 0 when nothing was lost or wrong."""
    sys.stdout.write(f"{options.kills} kills with seed {options.seed}; this takes about {options.kills} seconds.\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="gatepost-faults-") as folder:
        run = _on_postgresql if options.database == "postgresql" else _on_sqlite
        report = run(Path(folder), options.kills, options.seed, options.acknowledged)
    sys.stdout.write(f"{report}\n")
    for difference in report.differences:
        sys.stdout.write(f"  {difference}\n")
    if options.counts is not None:
        options.counts.write_text(json.dumps(_counts(report), indent=2) + "\n")
    return 1 if report.differences else 0


def _on_sqlite(folder: Path, kills: int, seed: int, acknowledged: int) -> Report:
    return asyncio.run(ServiceKills(folder, kills=kills, seed=seed, acknowledged=acknowledged).run())


def _on_postgresql(folder: Path, kills: int, seed: int, acknowledged: int) -> Report:
    with cluster(durable=True) as server:
        run = WorkerKills(folder, new_database(server), kills=kills, seed=seed, acknowledged=acknowledged)
        return asyncio.run(run.run())


def _counts(report: Report) -> dict[str, object]:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine, **asdict(report)}
