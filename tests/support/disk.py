"""Disks that misbehave: a small one that can be filled and freed (a tmpfs), and one that fails to sync (strace)."""

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_CHUNK_BYTES = 4_096
_LARGE_CHUNK_BYTES = 64 * 1024


class SmallDisk:
    """A mounted file system of a fixed size.

    Attributes:
        path: its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Write until nothing more fits."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (_LARGE_CHUNK_BYTES, _CHUNK_BYTES):
                try:
                    while ballast.write(b"\0" * size) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Delete what `fill` wrote."""
        self._ballast.unlink()

    def make_read_only(self) -> None:
        """Let nothing be written any more."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)


@contextlib.contextmanager
def small_disk(path: Path, *, size_kib: int) -> Iterator[SmallDisk]:
    """Mount a tmpfs of `size_kib` at `path` (made here); skips the test where mounting is not possible."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k,mode=0700", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("a small disk needs the program `mount`")
    if mounted.returncode != 0:
        pytest.skip(f"a small disk needs the right to mount a tmpfs (root): {mounted.stderr.strip()}")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@contextlib.contextmanager
def failing_syncs(*, which: str) -> Iterator[None]:
    """Let fdatasync and fsync of this process fail with EIO; skips the test where strace may not attach.

    Args:
        which: "1" for the first one only, "1+" for every one.
    """
    inject = f"inject=fdatasync,fsync:error=EIO:when={which}"
    command = ["strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", inject]
    try:
        tracer = subprocess.Popen([*command, "-p", str(os.getpid())], stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("a disk that fails to sync needs the program `strace`")
    try:
        if not _is_traced():
            tracer.kill()
            pytest.skip(f"strace may not attach to this process: {tracer.communicate()[1].strip()}")
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


def _is_traced() -> bool:
    for _ in range(1_000):
        tracers = [status.read_text().split("TracerPid:")[1].split()[0] for status in _thread_statuses()]
        if "0" not in tracers:
            return True
        time.sleep(0.01)  # no event tells when another program has attached
    return False


def _thread_statuses() -> list[Path]:
    return list(Path("/proc/self/task").glob("*/status"))
