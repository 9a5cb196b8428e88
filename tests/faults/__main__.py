"""`./run faults --kills 200`: the long run of random kills, with a table and, on request, the counts in a file."""

import argparse
import asyncio
import json
import platform
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.faults.killing import Report, ServiceKills
from tests.faults.postgresql.killing import WorkerKills
from tests.support.installation import new_database
from tests.support.postgresql import cluster


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return 0 when nothing was lost or wrong."""
    parser = argparse.ArgumentParser(
        prog="./run faults", description="Kill the service under load, restart it, and compare what it promised."
    )
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="sqlite: one service, killed; postgresql: two workers of one installation, killed (default: sqlite)",
    )
    parser.add_argument("--seed", type=int, help="of the random moments; that of a failed run repeats its choices")
    parser.add_argument("--counts", type=Path, help="also write the counts to this file, as JSON")
    options = parser.parse_args(arguments)
    if options.kills < 1:
        parser.error("--kills must be at least 1")
    seed = options.seed or random.randrange(1, 1_000_000)

    sys.stdout.write(f"{options.kills} kills with seed {seed}; this takes about {options.kills} seconds.\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="gatepost-faults-") as folder:
        run = _on_postgresql if options.database == "postgresql" else _on_sqlite
        report = run(Path(folder), options.kills, seed)
    sys.stdout.write(f"{report}\n")
    for difference in report.differences:
        sys.stdout.write(f"  {difference}\n")
    if options.counts is not None:
        options.counts.write_text(json.dumps(_counts(report), indent=2) + "\n")
    return 1 if report.differences else 0


def _on_sqlite(folder: Path, kills: int, seed: int) -> Report:
    return asyncio.run(ServiceKills(folder, kills=kills, seed=seed).run())


def _on_postgresql(folder: Path, kills: int, seed: int) -> Report:
    with cluster(durable=True) as server:
        return asyncio.run(WorkerKills(folder, new_database(server), kills=kills, seed=seed).run())


def _counts(report: Report) -> dict[str, object]:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine, **asdict(report)}


if __name__ == "__main__":
    sys.exit(main())
