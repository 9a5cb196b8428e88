"""strace beside a running process: it makes chosen system calls fail, wait or kill.

Calls are counted for each thread by itself, from the moment of attaching.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.debian import libraries, unpacked

_ATTACHED_WITHIN_S = 10.0
_DETACHED_WITHIN_S = 5.0
_POLL_S = 0.005


class StraceMissing(Exception):
    """There is no strace here, or it may not attach."""


@functools.cache
def program() -> Path | None:
    """strace: of this machine, else Debian's package, unpacked; None where neither is to be had."""
    if (found := shutil.which("strace")) is not None:
        return Path(found)
    root = unpacked("strace")
    return None if root is None else root / "usr" / "bin" / "strace"


@functools.cache
def why_no_strace() -> str | None:
    """Why no process can be traced on this machine, or None. Tried once, on a process of our own."""
    with subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE) as traced:
        try:
            with injected(traced.pid, "fdatasync:error=EIO"):
                return None
        except StraceMissing as error:
            return str(error)
        finally:
            traced.kill()


@contextlib.contextmanager
def injected(pid: int, *injections: str) -> Iterator[None]:
    """Let system calls of a process and all its threads misbehave while the block runs.

    Args:
        pid: of the process; all its threads are attached before the block begins, later ones as they come.
        injections: as strace takes them after `inject=`, such as "fdatasync:error=EIO:when=2+5".

    Raises:
        StraceMissing: there is no strace, or it may not attach.
    """
    with _attached(pid, [part for one in injections for part in ("-e", f"inject={one}")], _calls(injections), None):
        yield


@contextlib.contextmanager
def counted(pid: int, calls: str, written_to: Path) -> Iterator[None]:
    """Write down every one of `calls` (comma-separated), one line each, in a file for each thread: `file.TID`."""
    with _attached(pid, ["-ff"], calls, written_to):
        yield


@contextlib.contextmanager
def _attached(pid: int, options: Sequence[str], calls: str, written_to: Path | None) -> Iterator[None]:
    found = program()
    if found is None:
        raise StraceMissing("there is no strace here, and Debian's package is not to be had")
    # Every call that is injected must be traced too: with `trace=none` strace injects nothing.
    command = [str(found), "-f", "-q", "-o", str(written_to or "/dev/null"), *options, "-e", f"trace={calls}"]
    environ = dict(os.environ)
    if ".cache" in found.parts:
        environ["LD_LIBRARY_PATH"] = libraries(found.parents[2])
    tracer = subprocess.Popen([*command, "-p", str(pid)], env=environ, stderr=subprocess.PIPE, text=True)
    traced = False
    try:
        if traced := _is_traced(pid):
            yield
    finally:
        tracer.terminate()
        try:
            said = tracer.communicate(timeout=_DETACHED_WITHIN_S)[1].strip()
        except subprocess.TimeoutExpired:  # asked in the middle of a death it had caused, strace was seen to hang
            tracer.kill()
            said = tracer.communicate()[1].strip()
    if not traced:
        raise StraceMissing(f"strace may not attach to process {pid}: {said}")


def _calls(injections: Sequence[str]) -> str:
    return ",".join(one.partition(":")[0] for one in injections)


def _is_traced(pid: int) -> bool:
    give_up_at = time.monotonic() + _ATTACHED_WITHIN_S
    while time.monotonic() < give_up_at:
        try:
            tracers = [file.read_text().split("TracerPid:")[1].split()[0] for file in _thread_statuses(pid)]
        except (OSError, IndexError):  # a thread, or the whole process, has just ended
            if not Path(f"/proc/{pid}").exists():
                return False
            continue
        if tracers and "0" not in tracers:
            return True
        time.sleep(_POLL_S)  # no event tells when another program has attached
    return False


def _thread_statuses(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*/status"))
