"""`./run bench [NAME…] [--quick]`: a table for each measure, written to benchmarks/results beside a picture."""

import argparse
import signal
import sys
import time

from benchmarks import first_bytes, hung, live, low_load, memory, pruning, registration, smtp, storm, timing
from benchmarks.figures import LABELS
from benchmarks.processes import OtherWork
from benchmarks.report import publish

MEASURES = [
    one.MEASURE for one in (registration, storm, hung, timing, smtp, low_load, memory, pruning, first_bytes, live)
]


def main() -> int:
    """Run the measures that were asked for; the exit code says nothing about speed."""
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description="Measure Gatepost on each database beside its peers, all on loopback. Takes about an hour.",
        epilog="Measures: " + "; ".join(f"{one.name}: {one.title}" for one in MEASURES),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which measures (all when none is named)")
    parser.add_argument(
        "--database", choices=[*LABELS], help="only on this one: the other's column is missing, and nothing is written"
    )
    parser.add_argument("--quick", action="store_true", help="small counts, to try it out; writes no results")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that the servers are ended, too
    by_name = {one.name: one for one in MEASURES}
    if unknown := [name for name in options.names if name not in by_name]:
        parser.error(f"no such measure: {', '.join(unknown)}; there are {', '.join(by_name)}")
    for name in options.names or by_name:
        began, others = time.monotonic(), OtherWork()
        kinds = [options.database] if options.database else list(LABELS)
        results = {LABELS[kind]: by_name[name].run(options.quick, kind) for kind in kinds}
        keep = not options.quick and not options.database
        print(publish(results, other_cores=others.cores(), quick=options.quick, keep=keep))
        print(f"({name} took {time.monotonic() - began:.0f} s)\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
