"""The wall clock of a real process, moved or stopped from outside while it runs.

In Python: libfaketime also bends how long a thread waits for a lock, with the Python and glibc of today.
"""

import mmap
import struct
import time
from functools import partial
from pathlib import Path

_LAYOUT = struct.Struct("=qq")  # nanoseconds to add; nanoseconds at which it stands still, or 0


class WallClock:
    """The clock of all processes that were started with its `hook`; true at first.

    Args:
        path: of a small file they look into whenever they ask for the time.
    """

    def __init__(self, path: Path) -> None:
        path.write_bytes(_LAYOUT.pack(0, 0))
        self.hook = partial(_install, path)
        self._file = path.open("r+b", buffering=0)

    def move(self, seconds: float) -> None:
        """So far ahead of the machine's clock, or behind it; 0 is the truth."""
        self._set(round(seconds * 1e9), 0)

    def stop(self) -> None:
        """Let it stand still."""
        self._set(0, time.time_ns())

    def _set(self, ahead_ns: int, still_ns: int) -> None:
        self._file.seek(0)
        self._file.write(_LAYOUT.pack(ahead_ns, still_ns))


def _install(path: Path) -> None:
    with path.open("rb") as file:
        told = mmap.mmap(file.fileno(), _LAYOUT.size, prot=mmap.PROT_READ)
    real_ns = time.time_ns

    def time_ns() -> int:
        ahead_ns, still_ns = _LAYOUT.unpack(told[: _LAYOUT.size])
        return int(still_ns or real_ns() + ahead_ns)

    time.time_ns = time_ns
    time.time = lambda: time_ns() / 1e9
