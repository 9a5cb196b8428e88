"""Faults of the wall clock: it jumps or stands still while Gatepost runs, or while it does not."""

from gatepost.testing import SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.hanging import Reached
from tests.faults.rest import come_to_rest, register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.moved_clock import WallClock

SLOTS = 4
UNDER_WAY = SLOTS - 1  # of one domain: a slot stays free for others
WAITING = 6
HOUR_S, TEN_YEARS_S = 3_600, 10 * 365 * 86_400
ATTEMPT_TIMEOUT_S = 2
# A message that waits was due before the jump, so it must go out soon after it.
SOON_S = 30.0


def _begin(rig: Rig, **settings: str | float) -> tuple[SubmissionServer, System, WallClock]:
    mail = rig.mail_server()
    system = rig.system(mail, slots=SLOTS, **settings)
    clock = WallClock(rig.folder / "clock")
    for program in system.programs:
        program.hook = clock.hook
    rig.start(system).keeps_time = False
    return mail, system, clock


def _register_many(system: System, label: str) -> set[str]:
    people = {f"{label}-{number}@people.example" for number in range(WAITING)}
    for address in sorted(people):
        assert 202 == register(system.fronts[0], address)
    return people


@fault(21, name="the wall clock jumps ahead", shows="I4 I10", databases=BOTH)
def jumps_ahead(rig: Rig) -> None:
    """An hour with mail under way, then ten years: nothing bursts beyond the slots, everything goes out once."""
    mail, system, clock = _begin(rig)
    reached = Reached(mail, Step.DATA, UNDER_WAY)
    people = _register_many(system, "jump")
    reached.wait()
    clock.move(HOUR_S)
    mail.clear()
    people |= _register_many(system, "hour")
    come_to_rest(system)
    clock.move(TEN_YEARS_S)
    people |= _register_many(system, "years")

    rig.finish(system, people, mail)
    assert rig.figures["copies"] == 0
    assert mail.connections_max <= SLOTS * len(system.workers)


@fault(22, name="the wall clock jumps back", shows="I4 I10", databases=BOTH, ci=SQLITE)
def jumps_back(rig: Rig) -> None:
    """An hour, with messages that wait and messages under way: neither they nor new ones wait for that hour."""
    mail, system, clock = _begin(rig)
    reached = Reached(mail, Step.DATA, UNDER_WAY)
    people = _register_many(system, "jump")
    reached.wait()
    clock.move(-HOUR_S)
    mail.clear()
    people |= _register_many(system, "after")

    rig.finish(system, people, mail, timeout_s=SOON_S)
    assert rig.figures["copies"] == 0


@fault(23, name="the wall clock stands still", shows="I7 I10", databases=BOTH)
def stands_still(rig: Rig) -> None:
    """What a hanging server is given ends all the same, and everything else goes on; later the message goes out."""
    mail, system, clock = _begin(rig, ATTEMPT_TIMEOUT_S=ATTEMPT_TIMEOUT_S)
    clock.stop()
    Reached(mail, Step.RCPT, 1, recipient="jump-0@*", times=1)
    people = _register_many(system, "jump")
    waits = "SELECT count(*) FROM attempts WHERE outcome = 'transient'"
    wait_until(lambda: system.tables.read(waits)[0][0][0] == 1, "the hanging attempt never ended")
    mail.wait_for_blocking(2 * WAITING - 1, SOON_S)
    clock.move(0)

    rig.finish(system, people, mail)
    assert rig.figures["copies"] == 0


@fault(24, name="the wall clock jumps while nothing runs", shows="I1 I10", databases=BOTH, seeded=True)
def jumps_while_nothing_runs(rig: Rig) -> None:
    """Killed with mail under way, and started again an hour later or earlier: what was in flight goes out at once."""
    mail, system, clock = _begin(rig)
    reached = Reached(mail, Step.RCPT, UNDER_WAY)
    people = _register_many(system, "jump")
    reached.wait()
    for worker in system.workers:
        worker.kill()
    mail.clear()
    jump = rig.chance.choice([HOUR_S, -HOUR_S])
    clock.move(jump)
    system.revive()

    rig.finish(system, people, mail, timeout_s=SOON_S)
    rig.tell(jump_s=jump)
    assert rig.figures["copies"] == 0
