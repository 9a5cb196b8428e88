"""Runs the real command line in processes of its own, and talks to the service they start."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gatepost.cli import main
from tests.support.issued_secrets import ISSUED

GATEPOST = [sys.executable, "-c", "from gatepost.cli import main; main()"]
FAST_HASHES = {"GATEPOST_ARGON2_MEMORY_KIB": "64", "GATEPOST_ARGON2_TIME_COST": "1"}
START_DEADLINE_S = 30.0


def environment(**settings: object) -> dict[str, str]:
    """The environment of a process: ours without settings, and these settings."""
    ISSUED.note_settings(settings)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    return inherited | {f"GATEPOST_{name}": str(value) for name, value in settings.items()}


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: object
    stdout: str
    stderr: str


def gatepost(folder: Path, *arguments: str, **settings: object) -> Done:
    """Run one command to its end, in this process: a new one would spend seconds on imports."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(stdout), redirect_stderr(stderr), pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GATEPOST_")]:
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(f"GATEPOST_{name}", str(value))
        with pytest.raises(SystemExit) as left:
            main(arguments)
    return Done(left.value.code or 0, stdout.getvalue(), stderr.getvalue())


def process(folder: Path, *arguments: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end, in a process of its own."""
    return subprocess.run(
        [*GATEPOST, *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], bool], deadline_s: float = START_DEADLINE_S) -> None:
    """Wait for a state of another process."""
    give_up_at = time.monotonic() + deadline_s
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < give_up_at, "what was waited for did not come about"
        tick.wait(0.005)


def answer(port: int, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> tuple[int, str]:
    """Ask on a connection of its own; (0, "") when the port is closed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        ISSUED.note_request(json.dumps(body) if body is not None else None)
        ISSUED.note_answer(text, reply.headers.get_all("set-cookie", []))
        if path == "/metrics":
            ISSUED.keep("metrics", text)
        return reply.status, text
    except (ConnectionError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


class Running:
    """A command that runs until it is stopped: `gatepost worker`, `gatepost serve`."""

    def __init__(self, folder: Path, *arguments: str, **settings: object) -> None:
        self.folder = folder
        descriptor, name = tempfile.mkstemp(prefix="stderr-", dir=folder)
        self.errors = Path(name)
        with open(descriptor, "wb") as errors:
            self.process = subprocess.Popen(
                [*GATEPOST, *arguments],
                cwd=folder,
                env=FAST_HASHES | environment(**settings),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def first_line(self) -> str:
        """Wait for its first line on standard output, and return it."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()  # it ended without one
        return line.rstrip("\n")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, deadline_s: float = 30.0) -> int:
        """Wait for the end, and return the exit code."""
        return self.process.wait(deadline_s)

    def events(self) -> list[dict[str, Any]]:
        """The log lines so far."""
        lines = self.errors.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def kill(self) -> None:
        """End it at once if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Service(Running):
    """A running `gatepost serve`."""

    def __init__(self, folder: Path, *options: str, **settings: object) -> None:
        self.port = int(str(settings.get("PORT", free_port())))
        super().__init__(folder, "serve", *options, **(settings | {"PORT": self.port}))

    def ready(self) -> list[str]:
        """Wait for the lines on standard output that say where it listens, and return them."""
        first = self.first_line()
        until(lambda: self.answer("/readyz")[0] == 200)
        stdout = self.process.stdout
        assert stdout is not None
        os.set_blocking(stdout.fileno(), False)
        return [first, *(line.rstrip("\n") for line in stdout.readlines())]

    def answer(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> tuple[int, str]:
        """Ask the service; see `answer`."""
        return answer(self.port, path, method, body)

    def register(self, email: str) -> int:
        """Register an address."""
        return self.answer("/auth/register", "POST", {"email": email, "password": "correct horse battery"})[0]


@contextmanager
def running(folder: Path, *options: str, **settings: object) -> Iterator[Service]:
    """Run a service, and kill it at the end if it still runs."""
    service = Service(folder, *options, **settings)
    try:
        yield service
    finally:
        service.kill()


@contextmanager
def working(folder: Path, *options: str, **settings: object) -> Iterator[Running]:
    """Run a worker, and kill it at the end if it still runs."""
    worker = Running(folder, "worker", *options, **settings)
    try:
        yield worker
    finally:
        worker.kill()
