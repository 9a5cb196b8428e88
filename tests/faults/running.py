"""Runs one entry once: on a thread of its own, with a folder of its own, and no longer than its deadline."""

import asyncio
import inspect
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.entry import Database, Entry
from tests.faults.rig import Rig
from tests.support.postgresql import Cluster

# How long the thread may still need once all its processes are dead.
_END_TIMEOUT_S = 60.0


class TookTooLong(AssertionError):
    """The entry had not ended at its own deadline."""


def run(entry: Entry, database: Database, seed: int, cluster: Callable[[], Cluster]) -> tuple[Rig, float]:
    """Inject the fault once; returns the rig with its figures, and how many seconds it took.

    Raises:
        AssertionError: something did not hold.
        TookTooLong: it hung; its processes are killed.
        BaseException: whatever else ended it, such as a skip for want of something.
    """
    began = time.monotonic()
    failures: list[BaseException] = []
    with tempfile.TemporaryDirectory(prefix="gatepost-fault-") as folder:
        rig = Rig(Path(folder), database, seed, cluster)

        def inject() -> None:
            try:
                result = entry.inject(rig)
                if inspect.isawaitable(result):
                    asyncio.run(_wait_for(result))
            except BaseException as failure:  # told to whoever waits, on another thread
                failures.append(failure)

        thread = threading.Thread(target=inject, daemon=True, name=entry.id)
        thread.start()
        thread.join(entry.deadline_s)
        late = thread.is_alive()
        rig.close()
        thread.join(_END_TIMEOUT_S)
        if late:
            raise TookTooLong(f"{entry.id} had not ended after {entry.deadline_s:g} s") from next(iter(failures), None)
        if failures:
            raise failures[0]
    return rig, time.monotonic() - began


async def _wait_for(result: object) -> None:
    assert inspect.isawaitable(result)
    await result
