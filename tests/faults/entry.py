"""One entry of the fault catalogue: which faults it injects, where it can, what it must show, and how."""

import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tests.faults.rig import Rig

Database = Literal["sqlite", "postgresql"]
SQLITE: tuple[Database, ...] = ("sqlite",)
POSTGRESQL: tuple[Database, ...] = ("postgresql",)
BOTH: tuple[Database, ...] = ("sqlite", "postgresql")

DEADLINE_S = 120.0
Inject = Callable[["Rig"], Awaitable[None] | None]


@dataclass(frozen=True)
class Need:
    """Something of the machine that a fault cannot be injected without.

    Args:
        name: for people.
        probe: says whether it is there.
    """

    name: str
    probe: Callable[[], bool]


@dataclass(frozen=True)
class Entry:
    """One way to inject one fault, or several that are one.

    Attributes:
        numbers: of the catalogue, see `catalogue/numbers.py`.
        name: what is done, in a few words; with the first number it names the run.
        shows: the invariants that are looked at, such as "I1 I3".
        inject: does it all, with the parts of a rig: starts, injects, comes to rest, compares. A plain function or a
            coroutine; either runs on a thread of its own.
        databases: where it runs.
        seeded: whether chance plays a part; an entry without chance runs once for each database.
        ci: the databases it runs on in every test run; few may, see `test_catalogue.py`.
        needs: what the machine must have.
        deadline_s: after this its processes are killed, and it has failed.
    """

    numbers: tuple[int, ...]
    name: str
    shows: str
    inject: Inject
    databases: tuple[Database, ...]
    seeded: bool
    ci: tuple[Database, ...]
    needs: tuple[Need, ...]
    deadline_s: float

    @property
    def id(self) -> str:
        """For people and `--only`: "5-killed-by-the-mail-server-at-rcpt"."""
        return f"{self.numbers[0]}-{self.name.replace(' ', '-')}"

    def missing(self) -> list[str]:
        """What of its needs this machine lacks."""
        return [need.name for need in self.needs if not need.probe()]


def fault(
    *numbers: int,
    name: str,
    shows: str,
    databases: tuple[Database, ...] = SQLITE,
    seeded: bool = False,
    ci: tuple[Database, ...] = (),
    needs: tuple[Need, ...] = (),
    deadline_s: float = DEADLINE_S,
) -> Callable[[Inject], Entry]:
    """Make an entry of the function below; see `Entry` for the arguments."""

    def entry(inject: Inject) -> Entry:
        return Entry(numbers, name, shows, inject, databases, seeded, ci, needs, deadline_s)

    return entry


def _works(*command: str) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


ROOT = Need("root", lambda: os.geteuid() == 0)
STRACE = Need("strace that may trace", lambda: _works("strace", "-o", "/dev/null", "true"))
NETWORK = Need("a network namespace of its own (unshare -n)", lambda: _works("unshare", "-n", "true"))
MOUNT = Need("a mount namespace of its own (unshare -m)", lambda: _works("unshare", "-m", "true"))
PRLIMIT = Need("prlimit", lambda: shutil.which("prlimit") is not None)


def cgroup(controller: str) -> Need:
    """A cgroup v1 hierarchy of this controller, in which folders may be made."""
    place = f"/sys/fs/cgroup/{controller}"
    return Need(f"cgroup {controller} (v1)", lambda: os.path.isdir(place) and os.access(place, os.W_OK))
