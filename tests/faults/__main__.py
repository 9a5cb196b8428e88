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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and return 0 when nothing was lost or wrong."""
    parser = argparse.ArgumentParser(
        prog="./run faults", description="Kill the service under load, restart it, and compare what it promised."
    )
    parser.add_argument("--kills", type=int, default=200, help="how many (default: 200)")
    parser.add_argument("--seed", type=int, help="of the random moments; that of a failed run repeats its choices")
    parser.add_argument("--counts", type=Path, help="also write the counts to this file, as JSON")
    options = parser.parse_args(arguments)
    if options.kills < 1:
        parser.error("--kills must be at least 1")
    seed = options.seed or random.randrange(1, 1_000_000)

    sys.stdout.write(f"{options.kills} kills with seed {seed}; this takes about {options.kills} seconds.\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory(prefix="gatepost-faults-") as folder:
        report = asyncio.run(ServiceKills(Path(folder), kills=options.kills, seed=seed).run())
    sys.stdout.write(f"{report}\n")
    for difference in report.differences:
        sys.stdout.write(f"  {difference}\n")
    if options.counts is not None:
        options.counts.write_text(json.dumps(_counts(report), indent=2) + "\n")
    return 1 if report.differences else 0


def _counts(report: Report) -> dict[str, object]:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine, **asdict(report)}


if __name__ == "__main__":
    sys.exit(main())
