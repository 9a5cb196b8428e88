"""Measures, inside the service's own process, how long its event loop is held by one callback.

Two figures for the longest: by the wall clock, and without the time the thread was ready to run and had no processor
(Linux keeps account of that in schedstat). The second counts computing, blocking calls and waiting for the interpreter
lock, and leaves out what other programs on the machine take.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

_LOOKED_AT_S = 0.002
_KEPT = 5
_LONG_S = 0.02
_LOOKED_ON_EVERY_S = 0.01
_FRAMES = 12


class LoopWatch:
    """Times every callback. SIGUSR1 begins a new measurement, SIGUSR2 writes what was found to a file."""

    def __init__(self, written_to: Path) -> None:
        self._written_to = written_to
        self._longest: list[dict[str, Any]] = []
        self._callbacks = 0
        self._started: float | None = None
        self._seen = ""
        self._schedstat: int | None = None
        with contextlib.suppress(OSError):
            self._schedstat = os.open(f"/proc/self/task/{threading.get_native_id()}/schedstat", os.O_RDONLY)

    def install(self) -> None:
        """Call on the thread that will run the loop, before it does."""
        run, watch, mine = asyncio.Handle._run, self, threading.get_ident()

        def timed(handle: asyncio.Handle) -> None:
            if threading.get_ident() != mine:
                return run(handle)
            delayed = watch._delayed()
            watch._started = started = time.perf_counter()
            run(handle)
            took_s = time.perf_counter() - started
            watch._started = None
            watch._callbacks += 1
            if took_s > _LOOKED_AT_S:
                watch._note(handle, took_s, watch._delay_s(delayed, watch._delayed()))

        asyncio.Handle._run = timed  # type: ignore[method-assign]
        threading.Thread(target=self._look_on, args=(mine,), daemon=True, name="loop-watch").start()
        signal.signal(signal.SIGUSR1, self._begin)
        signal.signal(signal.SIGUSR2, self._write)

    def _note(self, handle: asyncio.Handle, took_s: float, delay_s: float) -> None:
        seen, self._seen = self._seen, ""
        held = {"held_s": took_s - delay_s, "wall_s": took_s, "callback": repr(handle)[:200], "seen": seen}
        self._longest = sorted([*self._longest, held], key=lambda one: -one["held_s"])[:_KEPT]

    def _look_on(self, loop_thread: int) -> None:
        """Remember where the loop's thread is when a callback has held it for a while."""
        while True:
            time.sleep(_LOOKED_ON_EVERY_S)  # a sampler; nothing is waited for
            started = self._started
            if started is not None and time.perf_counter() - started > _LONG_S:
                frame = sys._current_frames().get(loop_thread)
                if frame is not None and self._started == started:
                    stack = traceback.extract_stack(frame)[-_FRAMES:]
                    self._seen = " < ".join(f"{one.name}:{one.lineno}" for one in reversed(stack))

    def _delayed(self) -> bytes:
        return b"" if self._schedstat is None else os.pread(self._schedstat, 64, 0)

    def _delay_s(self, before: bytes, after: bytes) -> float:
        return 0.0 if not before else (int(after.split()[1]) - int(before.split()[1])) / 1e9

    def _begin(self, number: int, frame: FrameType | None) -> None:
        self._longest, self._callbacks = [], 0

    def _write(self, number: int, frame: FrameType | None) -> None:
        unfinished = self._written_to.with_suffix(".part")
        unfinished.write_text(json.dumps({"callbacks": self._callbacks, "longest": self._longest}))
        unfinished.rename(self._written_to)
