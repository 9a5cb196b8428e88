"""Writes lines to a stream from a thread of its own, so that whoever logs never waits for a slow or broken reader."""

import atexit
import contextlib
import os
import select
import threading
import time
from collections import deque
from typing import TextIO

MAX_WAITING_LINES = 10_000
_LINES_AT_ONCE = 200
_GATHER_S = 0.005
_WRITABLE_WITHIN_S = 0.5


class Sink:
    """A bounded queue of lines before a stream.

    When the reader is slower than the lines come, or the stream is broken (closed pipe, full disk), lines are dropped
    and counted; the next line that gets through is preceded by their number. Nothing here raises.

    Args:
        stream: where lines go. With a file descriptor it is written to directly: a buffer that cannot be flushed
            would change the exit code of the process.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fd = _descriptor(stream)
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._busy = False
        self._closed = False
        self._thread: threading.Thread | None = None
        self._line_is_open = False
        self.dropped = 0

    def write(self, line: str) -> None:
        """Queue one line without its line end, or count it as dropped."""
        with self._changed:
            if self._closed or len(self._waiting) >= MAX_WAITING_LINES:
                self.dropped += 1
                return
            self._waiting.append(line)
            if self._thread is None:
                self._start()
            if not self._busy:
                self._changed.notify()

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until everything queued before is written or dropped; False when it took longer than `timeout_s`."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self._waiting or self._busy:
                left = deadline - time.monotonic()
                if left <= 0 or self._thread is None:
                    return not self._waiting and not self._busy
                self._changed.wait(min(left, 0.05))
        return True

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what is queued, for at most `timeout_s`, and drop later lines."""
        self.flush(timeout_s)
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="gatepost-log", daemon=True)
        try:
            self._thread.start()
            atexit.register(self.flush)  # the thread is a daemon: nothing else waits for the last lines
        except RuntimeError:  # no thread to be had, or the interpreter is ending: lines wait, and are dropped when full
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.notify_all()
                    self._changed.wait()
                self._busy = True
            # Lines come in groups, one request's together: one turn of this thread for each group, not for each line.
            time.sleep(_GATHER_S)
            with self._changed:
                lines = [self._waiting.popleft() for _ in range(min(len(self._waiting), _LINES_AT_ONCE))]
            self._put(lines)

    def _put(self, lines: list[str]) -> None:
        dropped = self.dropped
        notice = [f"({dropped} log lines were dropped: the log could not be written fast enough)"] if dropped else []
        text = "\n".join([*([""] if self._line_is_open else []), *notice, *lines]) + "\n"
        try:
            self._write(text)
        except (OSError, ValueError):  # ValueError: the stream is closed
            with self._changed:
                self.dropped += len(lines)
        else:
            with self._changed:
                self.dropped -= dropped

    def _write(self, text: str) -> None:
        if self._fd is None:
            self._stream.write(text)
            self._stream.flush()
            return
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            try:
                written = os.write(self._fd, data)
            except BlockingIOError:  # somebody made the pipe non-blocking; wait a little for its reader
                if not select.select([], [self._fd], [], _WRITABLE_WITHIN_S)[1]:
                    raise
                continue
            self._line_is_open = data[written - 1] != ord("\n")
            data = data[written:]


def _descriptor(stream: TextIO) -> int | None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stream.flush()
        return stream.fileno()
    return None
