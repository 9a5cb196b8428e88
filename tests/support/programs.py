"""Programs of an installation, each as a process of its own: started, waited for, frozen, stopped and killed."""

import contextlib
import json
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.support.issued_secrets import ISSUED
from tests.support.processes import Forked, FromShell, Process

EXIT_TIMEOUT_S = 30.0
MAX_LINES_KEPT = 200_000
_LAST_WORDS_S = 1.0  # of a process that is dead; one that it started may still hold the pipe
# Every program of every test has these: the same secret wherever two share a database, and cheap hashes.
COMMON_SETTINGS = {
    "SECRET_KEYS": "the key of the fault tests 0123456789",
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_TIME_COST": "1",
    "RATE_LIMITS": "off",  # all that these tests sign up comes from one machine
}


class Program:
    """One program, such as `gatepost worker`: at most one process of it at a time.

    Args:
        arguments: its command line, without `gatepost`.
        settings: by their names without GATEPOST_; what is changed here holds from the next start on.
        folder: where it runs.
        from_shell: start it by exec as a shell does, instead of quickly.
        loop_report: measure how long its event loop is held, and write that here.

    Attributes:
        environ: more of its environment, from the next start on; only for one started from a shell.
        written_to: a descriptor its output goes to instead of to us, from the next start on.
        hook: called in the next process before anything else; only for one that is not started from a shell.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        settings: dict[str, str],
        folder: Path,
        *,
        from_shell: bool = False,
        loop_report: Path | None = None,
    ) -> None:
        self.folder = folder
        self.settings = settings
        self._arguments = list(arguments)
        self.environ: dict[str, str] = {}
        self.written_to: int | None = None
        self.hook: Callable[[], None] | None = None
        self._from_shell = from_shell
        self._loop_report = loop_report
        self._process: Process | None = None
        self._output = Output()

    @property
    def pid(self) -> int:
        """The id of the last process."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether a process runs."""
        return self._process is not None and self._process.wait(0) is None

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the last process logged so far, oldest first."""
        return self._output.events

    @property
    def text(self) -> str:
        """The last lines the last process wrote, for people."""
        return self._output.text

    def start(self) -> None:
        """Start a process; it is not ready yet."""
        assert not self.alive, "one process at a time"
        ISSUED.note_settings(self.settings)
        self._search_output()
        self._output = Output()
        with self._output.written_by_child() as output:
            self._process = self._make(output if self.written_to is None else self.written_to)

    def _make(self, output: int) -> Process:
        if self._from_shell:
            return FromShell(self._arguments, self.settings, self.folder, output, self.environ)
        return Forked(self._arguments, self.settings, self.folder, output, self._loop_report, self.hook)

    def send(self, number: int) -> None:
        """Send a signal and return at once."""
        assert self._process is not None
        self._process.send(number)

    def terminate(self) -> None:
        """Send SIGTERM and return at once."""
        self.send(signal.SIGTERM)

    def freeze(self) -> None:
        """Let it do nothing any more until `thaw` (SIGSTOP)."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been (SIGCONT)."""
        self.send(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL, and return when the process is dead. May be called from any thread."""
        assert self._process is not None
        self._process.send(signal.SIGKILL)
        assert self._process.wait(EXIT_TIMEOUT_S) is not None, "a killed process still lives"

    def wait_for_exit(self, timeout_s: float = EXIT_TIMEOUT_S) -> int:
        """Wait until the process has ended by itself; returns its exit code."""
        assert self._process is not None
        code = self._process.wait(timeout_s)
        assert code is not None, f"the program still runs after {timeout_s:g} s:\n{self.text}"
        self._output.wait_for_end()
        return code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.terminate()
        return self.wait_for_exit()

    def wait_for_log(
        self, event: str, text: str = "", timeout_s: float = EXIT_TIMEOUT_S, *, count: int = 1
    ) -> dict[str, Any]:
        """Wait until the last process has logged this event so often, with this text in it; returns the first line."""
        return self._output.wait_for(event, text, timeout_s, count)

    def close(self) -> None:
        """Leave no process behind."""
        if self.alive:
            self.kill()
        self._output.wait_for_end(_LAST_WORDS_S)
        self._search_output()

    def _search_output(self) -> None:
        ISSUED.search_service(None, self._output.everything)


class Output:
    """What a process writes, read on a thread so that it never waits for us."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines: deque[str] = deque(maxlen=MAX_LINES_KEPT)
        self._changed = threading.Condition()
        self._ended = False
        self._reader: threading.Thread | None = None

    @property
    def text(self) -> str:
        return "\n".join(list(self._lines)[-40:])

    @property
    def everything(self) -> str:
        return "\n".join(list(self._lines))

    @contextlib.contextmanager
    def written_by_child(self) -> Iterator[int]:
        """A descriptor for the child; ours is closed afterwards, so that its end is heard."""
        ours, childs = os.pipe()
        try:
            yield childs
        finally:
            os.close(childs)
            self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True, name="output")
            self._reader.start()

    def wait_for(self, event: str, text: str, timeout_s: float, count: int) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def heard() -> bool:
            found[:] = [line for line in list(self.events) if line["event"] == event and text in str(line)]
            return len(found) >= count or self._ended

        with self._changed:
            self._changed.wait_for(heard, timeout_s)
        assert len(found) >= count, f"event {event} was logged {len(found)} times, not {count}:\n{self.text}"
        return found[0]

    def wait_for_end(self, timeout_s: float = EXIT_TIMEOUT_S) -> None:
        if self._reader is not None:
            self._reader.join(timeout_s)

    def _read(self, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8", errors="backslashreplace") as stream:
            for line in stream:
                with self._changed:
                    self._lines.append(line.rstrip("\n"))
                    if (event := _as_event(line)) is not None and len(self.events) < MAX_LINES_KEPT:
                        self.events.append(event)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


def _as_event(line: str) -> dict[str, Any] | None:
    # What is printed for people comes down the same pipe: it may have lost its end of line to an event.
    _, begins, rest = line.partition('{"event": ')
    with contextlib.suppress(ValueError):
        parsed = json.loads(begins + rest)
        if isinstance(parsed, dict) and "event" in parsed:
            return parsed
    return None


def resident_kib(pid: int, what: str = "VmRSS") -> int:
    """Memory of a process in KiB: VmRSS now, VmHWM at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0])
