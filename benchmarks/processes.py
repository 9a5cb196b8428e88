"""Servers in processes of their own, on loopback, each ended by its own process id. Linux: it reads /proc."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.02


class Process:
    """A running server; `with Process(…) as server:` ends it."""

    def __init__(self, command: Sequence[str], *, port: int, folder: Path, environ: Mapping[str, str] | None = None):
        self.port = port
        self.log_path = folder / f"{port}.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
        with self.log_path.open("wb") as log:
            self._popen = subprocess.Popen(
                command, env={**inherited, **(environ or {})}, cwd=ROOT, stdout=log, stderr=log
            )
        self.pid = self._popen.pid
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to stop, then make it."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def cpu_s(self) -> float:
        """Processor seconds used so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Resident memory now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self._popen.poll() is not None:
                break
            time.sleep(POLL_S)
        raise RuntimeError(f"{self._popen.args} does not listen on {self.port}: {self.log_path.read_text()[-2000:]}")


class OtherWork:
    """How many cores other people's processes took since this was made."""

    def __init__(self) -> None:
        self._began, self._busy, self._own = time.monotonic(), _machine_busy_s(), _own_s()

    def cores(self) -> float:
        """Call it when every process of ours has ended: only then is its time known."""
        busy = (_machine_busy_s() - self._busy) - (_own_s() - self._own)
        return max(0.0, busy / (time.monotonic() - self._began))


def _machine_busy_s() -> float:
    user, nice, system, _idle, _waiting, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    return sum(os.times()[:4])


class EventLog:
    """Follows the JSON lines a Gatepost writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self.accepted: list[dict[str, Any]] = []
        self.witnessed: list[dict[str, Any]] = []  # what benchmarks.watched said

    def skip(self) -> None:
        """Forget everything until now."""
        self._catch_up()
        self.accepted.clear()
        self.witnessed.clear()

    def wait_for_drained(self, timeout_s: float) -> dict[str, Any]:
        """Wait until the witness says that all are accepted, and return what it took.

        Raises:
            RuntimeError: it took longer.
        """
        deadline = time.monotonic() + timeout_s
        while not (said := [line for line in self.witnessed if line["event"] == "witness_drained"]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(self.accepted)} messages accepted within {timeout_s:.0f} s")
            time.sleep(POLL_S)
            self._catch_up()
        return said[0]

    def wait_for_accepted(self, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """Wait until `count` messages were accepted since the last `skip`, and return their lines.

        Raises:
            RuntimeError: it took longer.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.accepted) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(self.accepted)} of {count} messages accepted within {timeout_s:.0f} s")
            time.sleep(POLL_S)
            self._catch_up()
        return self.accepted[:count]

    def _catch_up(self) -> None:
        with self._path.open("rb") as log:
            log.seek(self._read_bytes)
            data = log.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read_bytes += len(whole)
        for line in whole.splitlines():
            if b'"message_accepted"' in line:
                self.accepted.append(json.loads(line))
            elif b'"witness_' in line:
                self.witnessed.append(json.loads(line))


def instant_s(line: Mapping[str, Any]) -> float:
    """When a log line was written, seconds since the epoch."""
    return datetime.fromisoformat(str(line["time"]).replace("Z", "+00:00")).timestamp()


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def hung_mail_server() -> Iterator[int]:
    """A port on which connections are established (by the kernel) and nobody ever says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        yield int(listener.getsockname()[1])


def peer(module: str, folder: Path, *arguments: object) -> Process:
    """One of benchmarks/peers, under uvicorn as its documentation starts it."""
    port = free_port()
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", str(port), *map(str, arguments)]
    return Process(command, port=port, folder=folder)


def relay(folder: Path, to_port: int, round_trip_ms: int) -> Process:
    """A way to this port on which a question and its answer take so long."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.relay", str(port), str(to_port), str(round_trip_ms)]
    return Process(command, port=port, folder=folder)
