"""A disk whose power can be cut: ext4 in a file, on a loop device.

`FS_IOC_SHUTDOWN` with NOLOGFLUSH ends the file system as a power cut does: what was not synced by then never reaches
the disk, neither data nor journal, and every later call fails. It ends no file system but the one it is asked on.
"""

import contextlib
import errno
import fcntl
import functools
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
_NOLOGFLUSH = 2  # EXT4_GOING_FLAGS_NOLOGFLUSH: not even the journal is written out
_UMOUNT_TIMEOUT_S = 30.0
_POLL_S = 0.01
# Waits for the end of the run, however it comes (its end of the pipe closes), then takes down what it left mounted.
# The loop device goes with the mount: `mount -o loop` frees it by itself.
_UNDERTAKER = 'cat >/dev/null; umount -l "$1" 2>/dev/null'


class PowerlessDisk:
    """An ext4 in a file of its own.

    Attributes:
        path: where it is mounted.
        cuts: how often its power was cut.
    """

    def __init__(self, image: Path, path: Path) -> None:
        self.path = path
        self.cuts = 0
        self._image = image

    def sync(self) -> None:
        """Bring everything to the disk: what the tests themselves laid there is no part of any promise."""
        _run("sync", "-f", self.path)

    def cut(self) -> None:
        """Cut the power: from now on every read, write and sync fails. Whoever has files open must end by itself."""
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(folder, _FS_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
        finally:
            os.close(folder)
        self.cuts += 1

    def come_back(self) -> None:
        """Mount again what reached the disk; ext4 replays its journal. Nobody may have a file open any more."""
        self.unmount()
        self.mount()

    def fail(self) -> None:
        """Let the kernel find an error on the disk, at which ext4 lets nothing be written any more."""
        device = Path(os.path.realpath(_mounted_from(self.path))).name
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("a test\n")

    def repair(self) -> None:
        """Unmount, check and mend, as an operator would, and mount again."""
        self.unmount()
        done = subprocess.run(["e2fsck", "-p", "-f", str(self._image)], capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):  # 1: errors were corrected
            raise RuntimeError(f"e2fsck could not mend the disk: {done.stdout}{done.stderr}")
        self.mount()

    def mount(self) -> None:
        _run("mount", "-o", "loop,noatime,errors=remount-ro", self._image, self.path)

    def unmount(self) -> None:
        """Unmount; those who were killed may need a moment to let go of their files."""
        give_up_at = time.monotonic() + _UMOUNT_TIMEOUT_S
        while (said := _try("umount", self.path)) is not None:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"cannot unmount: {said}")
            time.sleep(_POLL_S)  # nothing tells that a process has closed its last file


@contextlib.contextmanager
def powerless_disk(folder: Path, *, size_mib: int = 128) -> Iterator[PowerlessDisk]:
    """Mount an ext4 at `folder`/disk (made here); unmounted afterwards, also when the run fails or is killed.

    Raises:
        OSError, RuntimeError: it cannot be made here; `why_no_power_cuts` says so beforehand.
    """
    image, path = folder / "disk.img", folder / "disk"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(size_mib * 1024 * 1024)
    _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    undertaker = subprocess.Popen(
        ["/bin/sh", "-c", _UNDERTAKER, "undertaker", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # or whoever reads what the run prints would wait for it
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    disk = PowerlessDisk(image, path)
    try:
        disk.mount()
        yield disk
    finally:
        assert undertaker.stdin is not None
        undertaker.stdin.close()
        undertaker.wait()
        image.unlink()


@functools.cache
def why_no_power_cuts() -> str | None:
    """Why a power cut cannot be had on this machine, or None. Tried once, on a small disk."""
    if os.geteuid() != 0:
        return "a power cut needs root, for a loop device"
    with tempfile.TemporaryDirectory(prefix="gatepost-power-") as scratch:
        try:
            with powerless_disk(Path(scratch), size_mib=8) as disk:
                (disk.path / "unsynced").write_text("lost")
                disk.cut()
                try:
                    (disk.path / "more").touch()
                except OSError as error:
                    if error.errno != errno.EIO:
                        raise
                disk.come_back()
                if (disk.path / "unsynced").exists():
                    return "FS_IOC_SHUTDOWN cuts nothing here: what was not synced is still there"
        except (OSError, RuntimeError) as error:
            return f"a power cut needs a loop device, mkfs.ext4 and FS_IOC_SHUTDOWN: {error}"
    return None


def _mounted_from(path: Path) -> str:
    """The device a folder is mounted from."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, where, *_ = line.split()
        if where == str(path):
            return device
    raise RuntimeError(f"nothing is mounted at {path}")


def _run(*command: str | Path) -> None:
    if (said := _try(*command)) is not None:
        raise RuntimeError(f"{command[0]}: {said}")


def _try(*command: str | Path) -> str | None:
    """Run a program; returns what it complained of, or None when it succeeded."""
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"
