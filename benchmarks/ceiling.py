"""The argon2 ceiling: as many password hashes a second as the cores can make, with no service around them.

The same hasher, the same parameters, the same niceness and number of threads as the service's own pool; whatever else
runs on the machine takes its share from both.
"""

import asyncio
import time
from dataclasses import dataclass

from gatepost.accounts.passwords import Passwords, cores

MEMORY_KIB, TIME_COST, PARALLELISM = 19_456, 2, 1


@dataclass(frozen=True)
class Ceiling:
    """Hashes a second, and the processor milliseconds each took."""

    per_s: float
    cpu_ms: float


def ceiling(seconds: float) -> Ceiling:
    """Hash for so long, two in the queue of each thread."""
    return asyncio.run(_hash_for(seconds))


async def _hash_for(seconds: float) -> Ceiling:
    passwords = Passwords(memory_kib=MEMORY_KIB, time_cost=TIME_COST, parallelism=PARALLELISM)
    done = 0
    began, cpu = time.perf_counter(), time.process_time()

    async def keep_hashing() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await passwords.hash("a sentence only you would write")
            done += 1

    try:
        await asyncio.gather(*(keep_hashing() for _ in range(2 * cores())))
        return Ceiling(done / (time.perf_counter() - began), (time.process_time() - cpu) * 1000 / done)
    finally:
        passwords.close()
