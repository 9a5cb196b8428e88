"""A process that owns a database: `python -m tests.database.owner PATH [fork]` writes "open" and stops at end of input.

With `fork` it has a forked child, whose number it writes, and which outlives it.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from gatepost.database.sqlite import SqliteDatabase
from tests.database.conftest import create_notes, note


def fork_a_child() -> int:
    """Fork, and return once the child runs: it then waits for a signal."""
    ready, started = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(started, b".")
        signal.pause()
    os.read(ready, 1)
    return child


async def own(path: Path, fork: bool) -> None:
    database = await SqliteDatabase.open(path, wait_for_owner_s=0)
    await database.write(create_notes)
    await database.write(note("by the owner"))
    child = fork_a_child() if fork else 0
    sys.stdout.write(f"open {child}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await database.close()


if __name__ == "__main__":
    asyncio.run(own(Path(sys.argv[1]), fork="fork" in sys.argv))
