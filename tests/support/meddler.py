"""Cancels a task of the worker within the real process, at a signal: what a bug in a library could do."""

import asyncio
import random
import signal
from functools import partial
from types import FrameType

# What a worker consists of: the claim loop, the commits and the one under way, the heartbeat, the attempts.
NAMES = ("gatepost-worker", "gatepost-commits", "gatepost-commit", "gatepost-heartbeat", "gatepost-attempt")


def listen(seed: int) -> None:
    """From now on SIGUSR1 cancels one task of the worker, by chance; to be called in the process, before anything."""
    signal.signal(signal.SIGUSR1, partial(_meddle, random.Random(seed)))


def _meddle(chance: random.Random, number: int, frame: FrameType | None) -> None:
    asyncio.get_running_loop().call_soon_threadsafe(_cancel_one, chance)


def _cancel_one(chance: random.Random) -> None:
    kind = chance.choice(NAMES)
    tasks = sorted((task for task in asyncio.all_tasks() if task.get_name() == kind), key=id)
    if tasks:
        chance.choice(tasks).cancel("a test's meddler")
