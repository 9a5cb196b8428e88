"""`python -m tests.security 10000`: more generated requests than the suite has time for, from a seed of their own."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.security.fuzzing import SEED, fuzz
from tests.security.house import House

FIRST_EXAMPLES = 100


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Run schemathesis until enough cases were made; 1 when one of them broke the contract."""
    parser = argparse.ArgumentParser(prog="python -m tests.security", description=__doc__)
    parser.add_argument("cases", type=int, nargs="?", default=10_000, help="how many at least (10,000)")
    parser.add_argument("--seed", type=int, default=SEED, help="another one makes other cases")
    wanted = parser.parse_args()
    made, seed, failures, began = 0, wanted.seed, [], time.monotonic()
    while made < wanted.cases:
        with tempfile.TemporaryDirectory() as folder:
            house = House(Path(folder), rate_limits=False)
            report = fuzz(house, examples=FIRST_EXAMPLES, seed=seed)
        made += report.cases
        failures += report.failures
        failures += [failure.traceback for failure in house.failures()]
        say(f"seed {seed}: {report.cases} cases, {len(report.failures)} failures")
        seed += 1
    for failure in failures:
        say(failure)
    operations = len(report.statuses)
    say(f"{made} cases over {operations} operations in {time.monotonic() - began:.0f} s, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
