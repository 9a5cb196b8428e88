"""Starts `gatepost serve` as a process of its own, the way a shell does or quickly.

Quickly means forked from a process that has imported Gatepost already: importing takes seconds, and a test that kills a
service twenty times is not about imports. What runs is the same `main`, with its own process id, signals and exit code.
"""

import atexit
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Protocol

from gatepost.cli import main
from tests.support.loop_watch import LoopWatch

_FORKS = multiprocessing.get_context("forkserver")
# With what a start imports late: the driver of PostgreSQL, and Alembic.
_FORKS.set_forkserver_preload([__name__, "gatepost.database.postgresql", "gatepost.database.upgrade"])
# An exit code can be read once: two threads may wait for it, and every start looks at all children first.
_ASKING = threading.Lock()
FROZEN_WITHIN_S = 10.0


class Process(Protocol):
    """A child that can be signalled and waited for without mistaking another process for it."""

    pid: int

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        ...

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code (minus the signal's number), or None when it still runs."""
        ...


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEPOST_")}
    return inherited | {f"GATEPOST_{name}": value for name, value in settings.items()}


class FromShell:
    """A child made by exec, as `./run serve` makes it."""

    def __init__(
        self,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        folder: Path,
        output: int,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        command = [str(Path(sys.executable).with_name("gatepost")), *arguments]
        env = {**environment(settings), **(environ or {})}
        self._process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        self.pid = self._process.pid

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float) -> int | None:
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None


class Forked:
    """A child forked from a process that has imported everything."""

    def __init__(
        self,
        arguments: Sequence[str],
        settings: Mapping[str, str],
        folder: Path,
        output: int,
        loop_watch: Path | None = None,
        hook: Callable[[], None] | None = None,
    ) -> None:
        given = (arguments, environment(settings), str(folder), DupFd(output), loop_watch, hook)
        self._process = _FORKS.Process(target=_become_gatepost, args=given, daemon=True)
        with _ASKING:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def send(self, number: int) -> None:
        with _ASKING:
            if self._process.exitcode is None:
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int | None:
        multiprocessing.connection.wait([self._process.sentinel], timeout_s)
        with _ASKING:
            return self._process.exitcode


def freeze_at_once(pid: int) -> list[int]:
    """SIGSTOP to a process of ours and all its children; returns them once none runs any more.

    Whoever is in the middle of a call to the disk comes back from it frozen.
    """
    os.kill(pid, signal.SIGSTOP)
    _wait_until_frozen(pid)  # so that it makes no more children
    family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    for one in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGSTOP)
    for one in family:
        _wait_until_frozen(one)
    return family


def _wait_until_frozen(pid: int) -> None:
    give_up_at = time.monotonic() + FROZEN_WITHIN_S
    while not {_state(thread) for thread in Path(f"/proc/{pid}/task").glob("*")} <= set("TtDZX"):
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"process {pid} still runs")
        time.sleep(0.001)  # nothing tells that the last thread has stopped


def _state(thread: Path) -> str:
    try:
        return (thread / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def _become_gatepost(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    folder: str,
    output: Any,
    loop_watch: Path | None,
    hook: Callable[[], None] | None,
) -> None:
    written_to = output.detach()
    os.dup2(written_to, 1)
    os.dup2(written_to, 2)
    os.close(written_to)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = ["gatepost", *arguments]
    if loop_watch is not None:
        LoopWatch(loop_watch).install()
    if hook is not None:
        hook()
    try:
        main()
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves without them; a program of its own does not
