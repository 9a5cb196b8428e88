"""`./run faults`: the faults of the catalogue, and the long runs; each prints what it came to."""

import argparse
import importlib
import random
import sys
from collections.abc import Sequence
from pathlib import Path

# What each option runs; imported only then. Each module has `main(options) -> exit code`.
_RUNS = {
    "all": "tests.faults.every",
    "sweep": "tests.faults.sweep",
    "power_cuts": "tests.faults.power_cuts",
    "mutants": "tests.faults.mutants",
    "outage": "tests.faults.outage",
}
_KILLS = "tests.faults.kills"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, and return 0 when nothing was lost or wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    options.seed = options.seed or random.randrange(1, 1_000_000)
    for name, least in (("kills", 1), ("seeds", 1), ("acknowledged", 0)):
        if getattr(options, name) < least:
            parser.error(f"--{name} must be at least {least}")
    asked = next((module for option, module in _RUNS.items() if getattr(options, option)), _KILLS)
    code: int = importlib.import_module(asked).main(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run faults",
        description="Break Gatepost in every way we know, and compare what it promised with what became of it. "
        "Without a choice: --kills 200.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--all", action="store_true", help="every fault of the catalogue that can be injected here")
    what.add_argument("--kills", type=int, default=200, help="kill at random under load so often (default: 200)")
    what.add_argument("--sweep", action="store_true", help="kill at every single write, sync and send of one cycle")
    what.add_argument("--power-cuts", type=int, default=0, metavar="N", help="cut the power so often under load")
    what.add_argument("--mutants", action="store_true", help="plant ten bugs, and see each of them caught")
    what.add_argument("--outage", action="store_true", help="an outage of an hour, on a clock that runs faster")
    parser.add_argument(
        "--seeds", type=int, default=1, help="with --all: runs of each fault in which chance plays a part"
    )
    parser.add_argument("--only", default="", metavar="WHICH", help="with --all: numbers or names, separated by commas")
    parser.add_argument("--table", type=Path, metavar="FILE", help="with --all: also write the table into this page")
    parser.add_argument(
        "--database",
        choices=["sqlite", "postgresql"],
        help="sqlite: one service; postgresql: front ends and workers of one installation "
        "(default: sqlite; with --all: both)",
    )
    parser.add_argument("--seed", type=int, help="of the random choices; that of a failed run repeats them")
    parser.add_argument(
        "--acknowledged", type=int, default=0, metavar="N", help="with --kills: go on until so many are promised"
    )
    parser.add_argument("--counts", type=Path, metavar="FILE", help="with --kills: also write the counts here, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
