"""A control group of the kernel's, version 1: what its processes may have of one thing. Needs root."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_EMPTY_TIMEOUT_S = 10.0
_POLL_S = 0.01


class Group:
    """One group of one controller."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def set(self, name: str, value: int | str) -> None:
        """Write one of its values, such as `pids.max`."""
        (self._path / name).write_text(str(value))

    def get(self, name: str) -> str:
        """Read one of its values."""
        return (self._path / name).read_text().strip()

    def take(self, pid: int) -> None:
        """Move a process into it, with all its threads."""
        self.set("cgroup.procs", pid)

    def take_thread(self, number: int) -> None:
        """Move one thread into it, and leave the others of its process where they are."""
        self.set("tasks", number)


@contextlib.contextmanager
def group(controller: str) -> Iterator[Group]:
    """A new group; whoever is still in it afterwards goes back where everybody is, without limits."""
    path = ROOT / controller / f"gatepost-{uuid.uuid4().hex[:8]}"
    path.mkdir()
    made = Group(path)
    try:
        yield made
    finally:
        if controller == "freezer":
            made.set("freezer.state", "THAWED")
        give_up_at = time.monotonic() + _EMPTY_TIMEOUT_S
        while (left := made.get("tasks")) and time.monotonic() < give_up_at:
            for number in left.split():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    (ROOT / controller / "tasks").write_text(number)
            time.sleep(_POLL_S)  # a process that dies leaves the group when it is buried
        path.rmdir()
