"""The real service as a process of its own: started, waited for, stopped and killed."""

import contextlib
import http.client
import json
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.support.processes import Forked, FromShell, Process

READY_TIMEOUT_S = 30.0
EXIT_TIMEOUT_S = 30.0
MAX_LINES_KEPT = 200_000
_POLL_S = 0.005
_CHEAP_HASHES = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1"}


class Service:
    """One installation of Gatepost: a database file, a port that stays its own, and at most one process at a time.

    Args:
        folder: where the database lives.
        smtp_port: of a server on this machine; None leaves mail in the development mailbox.
        from_shell: start it by exec as a shell does, instead of quickly.
        watch_loop: measure how long its event loop is held; see `loop_report`.
        settings: further settings by their names without GATEPOST_.
    """

    def __init__(
        self,
        folder: Path,
        smtp_port: int | None = None,
        *,
        from_shell: bool = False,
        watch_loop: bool = False,
        **settings: str | float,
    ) -> None:
        self.folder = folder
        self.database = folder / "gatepost.db"
        self._reserved = _reserved_port()
        self.port: int = self._reserved.getsockname()[1]
        self.settings: dict[str, str] = {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "PORT": str(self.port),
            "SECRET_KEYS": "the key of the fault tests 0123456789",
            **_CHEAP_HASHES,
            **({} if smtp_port is None else {"SMTP_URL": f"smtp://127.0.0.1:{smtp_port}"}),
            **{name: str(value) for name, value in settings.items()},
        }
        self._loop_report = folder / "loop.json" if watch_loop else None
        self._make = FromShell if from_shell else partial(Forked, loop_watch=self._loop_report)
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
        self._output = Output()
        with self._output.written_by_child() as output:
            self._process = self._make(["serve"], self.settings, self.folder, output)

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Ask /readyz until it says so; returns how many seconds that took."""
        started = time.monotonic()
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - started
            if not self.alive or time.monotonic() - started > timeout_s:
                raise AssertionError(f"the service did not become ready:\n{self.text}")
            time.sleep(_POLL_S)  # nothing tells another process that a port has begun to listen

    def get(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """GET over a connection of its own; returns status, header fields in lower case, and body."""
        return self.request("GET", path)

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, str], bytes]:
        """POST a JSON object; returns as `get` does."""
        return self.request("POST", path, json.dumps(body).encode())

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @contextlib.contextmanager
    def open_stream(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """GET an answer that does not end by itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=EXIT_TIMEOUT_S)
        try:
            connection.request("GET", path)
            yield connection.getresponse()
        finally:
            connection.close()

    def terminate(self) -> None:
        """Send SIGTERM and return at once."""
        assert self._process is not None
        self._process.send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, and return when the process is dead. May be called from any thread."""
        assert self._process is not None
        self._process.send(signal.SIGKILL)
        assert self._process.wait(EXIT_TIMEOUT_S) is not None, "a killed process still lives"

    def wait_for_exit(self, timeout_s: float = EXIT_TIMEOUT_S) -> int:
        """Wait until the process has ended by itself; returns its exit code."""
        assert self._process is not None
        code = self._process.wait(timeout_s)
        assert code is not None, f"the service still runs after {timeout_s:g} s:\n{self.text}"
        self._output.wait_for_end()
        return code

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.terminate()
        return self.wait_for_exit()

    def wait_for_log(self, event: str, text: str = "", timeout_s: float = EXIT_TIMEOUT_S) -> dict[str, Any]:
        """Wait until the last process has logged this event, with this text in it; returns the first such line."""
        return self._output.wait_for(event, text, timeout_s)

    def begin_loop_report(self) -> None:
        """Measure the event loop from now on."""
        assert self._process is not None
        self._process.send(signal.SIGUSR1)

    def loop_report(self, timeout_s: float = EXIT_TIMEOUT_S) -> dict[str, Any]:
        """How many callbacks ran since `begin_loop_report`, and those that held the loop longest."""
        assert self._process is not None
        assert self._loop_report is not None
        self._process.send(signal.SIGUSR2)
        give_up_at = time.monotonic() + timeout_s
        while not self._loop_report.exists():
            assert time.monotonic() < give_up_at, "the service wrote no report about its loop"
            time.sleep(_POLL_S)  # a file that appears tells nobody
        report: dict[str, Any] = json.loads(self._loop_report.read_text())
        self._loop_report.unlink()
        return report

    def close(self) -> None:
        """Leave nothing behind."""
        if self.alive:
            self.kill()
        self._reserved.close()


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

    def wait_for(self, event: str, text: str, timeout_s: float) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def heard() -> bool:
            found[:] = [line for line in list(self.events) if line["event"] == event and text in str(line)]
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(heard, timeout_s)
        assert found, f"no event {event} was logged:\n{self.text}"
        return found[0]

    def wait_for_end(self) -> None:
        if self._reader is not None:
            self._reader.join(EXIT_TIMEOUT_S)

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
    with contextlib.suppress(ValueError):
        parsed = json.loads(line)
        if isinstance(parsed, dict) and "event" in parsed:
            return parsed
    return None


def _reserved_port() -> socket.socket:
    """Take a free port without listening: over all restarts it is nobody else's, and the service can listen on it."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", 0))
    return reserved


def is_listening(port: int) -> bool:
    """Whether anybody takes connections on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def resident_kib(pid: int, what: str = "VmRSS") -> int:
    """Memory of a process in KiB: VmRSS now, VmHWM at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0])
