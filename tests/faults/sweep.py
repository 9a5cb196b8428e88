"""Kills at every n-th sync, write, send and receive of one registration and its mail, n from 1 until none is left (2).

strace counts the calls of each thread from the moment it attaches, and kills before the call is made: what the n-th one
would have done has not happened. After each kill everything is started again, comes to rest, and is compared.
"""

import contextlib
import functools
import http.client
import sys
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path

from gatepost.testing import SubmissionServer
from tests.faults.entry import BOTH, SQLITE, Need, fault
from tests.faults.rest import come_to_rest, register, wait_until
from tests.faults.rig import Rig
from tests.faults.running import run
from tests.faults.system import System
from tests.support.ledgers import differences, read_books, unsettled
from tests.support.postgresql import cluster
from tests.support.strace import injected, why_no_strace

TRACER = Need("strace that may attach", lambda: why_no_strace() is None)
# PostgreSQL's own writes are PostgreSQL's affair: there the talk with it is what can break off.
CALLS = {"sqlite": ("fdatasync", "pwrite64", "sendto", "recvfrom"), "postgresql": ("sendto", "recvfrom")}
# Of a run in the tests: a few points, by chance, up to about where one cycle ends.
CHOSEN = 4
CHOSEN_UP_TO = {"fdatasync": 4, "pwrite64": 40, "sendto": 12, "recvfrom": 12}
MOST_CALLS = 2_000
DEADLINE_S = 120.0
WHOLE_DEADLINE_S = 3_600.0


@dataclass(frozen=True)
class Point:
    """The n-th call of one kind by one program."""

    program: int
    call: str
    n: int

    def __str__(self) -> str:
        return f"{self.call} number {self.n} of program {self.program}"


@fault(
    2,
    name="killed at single calls",
    shows="I1 I2 I3 I4 I9",
    databases=BOTH,
    seeded=True,
    ci=SQLITE,
    needs=(TRACER,),
    deadline_s=DEADLINE_S,
)
def killed_at_single_calls(rig: Rig) -> None:
    """A few calls of one registration and its mail; `./run faults --sweep` takes every one."""
    sweep = Sweep(rig)
    for _ in range(CHOSEN):
        call = rig.chance.choice(CALLS[rig.database])
        program = rig.chance.randrange(len(sweep.system.programs))
        sweep.kill_at(Point(program, call, rig.chance.randint(1, CHOSEN_UP_TO[call])))
    sweep.finish()


def killed_at_every_call(rig: Rig) -> None:
    """Every call of every program, until a whole registration and its mail pass before the n-th."""
    sweep = Sweep(rig)
    for program in range(len(sweep.system.programs)):
        for call in CALLS[rig.database]:
            for n in range(1, MOST_CALLS):
                if not sweep.kill_at(Point(program, call, n)):
                    rig.tell(**{f"{call} of program {program}": n - 1})
                    break
    sweep.finish()


class Sweep:
    """One installation that is killed again and again, and what it promised so far."""

    def __init__(self, rig: Rig) -> None:
        self.system: System
        self._rig = rig
        self._mail: SubmissionServer = rig.mail_server()
        self.system = rig.system(self._mail, fronts=1, workers=1)
        self._promised: list[str] = []
        self._asked = 0
        self._kills = 0
        rig.start(self.system)

    def kill_at(self, point: Point) -> bool:
        """Register somebody and kill at this point; False when everything was done before it was reached."""
        program = self.system.programs[point.program]
        self._asked += 1
        address = f"sweep-{self._asked:05}@people.example"
        with injected(program.pid, f"{point.call}:signal=SIGKILL:when={point.n}"):
            with contextlib.suppress(OSError, http.client.HTTPException):  # it may be killed before it has answered
                if register(self.system.fronts[0], address) == 202:
                    self._promised.append(address)
            wait_until(lambda: not program.alive or self._is_quiet(), f"neither death nor rest at {point}")
            if _is_dying(program.pid):
                program.wait_for_exit()  # strace must not be asked to leave in the middle of it
        if killed := _is_dying(program.pid):
            self._kills += 1
            program.wait_for_exit()
            self.system.revive()
        come_to_rest(self.system)
        found = differences(self._promised, read_books(self.system.tables), list(self._mail.messages))
        assert [] == found, f"killed at {point}: {found}"
        return killed

    def _is_quiet(self) -> bool:
        return unsettled(self.system.tables) == 0

    def finish(self) -> None:
        """Stop, and compare once more with the moves of every message."""
        self._rig.tell(kills=self._kills)
        self._rig.finish(self.system, self._promised, self._mail)


def _is_dying(pid: int) -> bool:
    """Whether a process is ending or has ended, also before its parent has noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def main(options: Namespace) -> int:
    """`./run faults --sweep [--database postgresql]`; returns 0 when nothing was lost or wrong at any point."""
    if (reason := why_no_strace()) is not None:
        sys.stdout.write(f"skipped: {reason}\n")
        return 0
    entry = replace(killed_at_single_calls, inject=killed_at_every_call, deadline_s=WHOLE_DEADLINE_S)
    database = options.database or "sqlite"
    sys.stdout.write(f"killing at every {', '.join(CALLS[database])} on {database}\n")
    sys.stdout.flush()
    try:
        with contextlib.ExitStack() as ends:
            postgresql = functools.cache(lambda: ends.enter_context(cluster(durable=True)))
            rig, seconds = run(entry, database, options.seed, postgresql)
    except AssertionError as failure:
        sys.stdout.write(f"{failure}\n")
        return 1
    for name, figure in {**rig.figures, "seconds": round(seconds), "lost or wrong": 0}.items():
        sys.stdout.write(f"{name:28} {figure}\n")
    return 0
