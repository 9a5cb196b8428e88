"""Stops: SIGTERM and SIGINT, whenever they come. Exit code 0 within the grace, nothing under way, no copies."""

import asyncio
import signal
import time
from collections.abc import Sequence

from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, fault
from tests.faults.hanging import Reached
from tests.faults.rest import register
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.ledgers import bring_copies_forward, read_books
from tests.support.programs import Program

ADDRESS = "mira@people.example"
GRACE_S = 1.0
LONG_GRACE_S = 60.0
ALLOWED_S = 2.0  # what a stop may need beyond its grace, on a machine that has time
RESTARTS = 3
STARTS = 4
REGISTRATIONS_A_LIFE = 30
IN_FLIGHT = "SELECT count(*) FROM messages WHERE owner IS NOT NULL"


@fault(8, name="SIGTERM while idle", shows="I12", databases=BOTH)
def stopped_while_idle(rig: Rig) -> None:
    """Exit code 0 at once, not after the grace."""
    system = rig.system(rig.mail_server(), from_shell=True, SHUTDOWN_GRACE_S=LONG_GRACE_S)
    system.start()
    took_s = _stop(system)
    assert took_s < LONG_GRACE_S / 4
    rig.tell(took_s=round(took_s, 2))


@fault(9, name="SIGTERM under load", shows="I1 I3 I12", databases=BOTH, seeded=True)
async def stopped_under_load(rig: Rig) -> None:
    """Again and again at random moments: every life ends with exit code 0, and no message has a copy."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    async with rig.load(system) as driver:
        for life in range(RESTARTS):
            await driver.wait_for(len(driver.acknowledged) + REGISTRATIONS_A_LIFE)
            await asyncio.sleep(rig.chance.uniform(0, 0.1))  # the random moment itself; nothing is waited for
            assert 0 == await asyncio.to_thread(system.stop), f"life {life}:\n{system.text}"
            assert 0 == _in_flight(system)
            await asyncio.to_thread(system.start)
    await asyncio.to_thread(rig.finish, system, driver, mail)
    assert rig.figures["copies"] == 0


@fault(10, name="SIGTERM while the mail server tarpits", shows="I1 I3 I12", databases=BOTH, seeded=True)
def stopped_in_a_tarpit(rig: Rig) -> None:
    """Given back uncounted before the content, `unknown` when it was written; 0 within the grace and 2 s."""
    step = rig.chance.choice([Step.CONNECT, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.CONTENT, Step.DOT])
    mail = rig.mail_server()
    system = rig.system(mail, SHUTDOWN_GRACE_S=GRACE_S)
    rig.start(system)
    reached = Reached(mail, step, 1)
    assert 202 == register(system.fronts[0], ADDRESS)
    reached.wait()

    took_s = _stop(system)

    assert took_s <= GRACE_S + ALLOWED_S
    assert 0 == _in_flight(system)
    outcomes = {outcome for message in read_books(system.tables).messages for outcome, _ in message.tries}
    # A server that reads nothing behind its 354 gets all of a short content all the same.
    assert outcomes <= {"unknown" if step in (Step.CONTENT, Step.DOT) else "given_back"}
    mail.clear()
    _start_again(system)
    rig.finish(system, {ADDRESS}, mail)
    # Let go, it may still take what lies whole in its socket: that is what `unknown` says.
    assert rig.figures["copies"] in range(1 + (step is Step.CONTENT)), "what hung was never taken"
    rig.tell(step=str(step), took_s=round(took_s, 2))


@fault(11, name="a second signal during the drain", shows="I1 I12", databases=BOTH, seeded=True)
def stopped_twice(rig: Rig) -> None:
    """SIGTERM or SIGINT, twice, while the mail server hangs: the second waits for nothing, and the code is 0."""
    mail = rig.mail_server()
    system = rig.system(mail, SHUTDOWN_GRACE_S=LONG_GRACE_S)
    rig.start(system)
    reached = Reached(mail, rig.chance.choice([Step.EHLO, Step.RCPT, Step.DOT]), 1)
    assert 202 == register(system.fronts[0], ADDRESS)
    reached.wait()
    signals = [rig.chance.choice([signal.SIGTERM, signal.SIGINT]) for _ in range(2)]

    started = time.monotonic()
    _send_all(system.programs, signals[0])
    for program in system.programs:
        program.wait_for_log("service_stopping")
    _send_all([program for program in system.programs if program.alive], signals[1])
    for program in system.programs:
        assert 0 == program.wait_for_exit(), program.text

    assert time.monotonic() - started < LONG_GRACE_S / 4
    assert 0 == _in_flight(system)
    mail.clear()
    _start_again(system)
    rig.finish(system, {ADDRESS}, mail)


@fault(11, name="SIGTERM during the start", shows="I9 I12", databases=BOTH, seeded=True)
def stopped_during_the_start(rig: Rig) -> None:
    """At a random moment, from the first instruction on: it ends at once, and the next start finds its way."""
    mail = rig.mail_server()
    system = rig.system(mail)
    started = time.monotonic()
    system.start()
    start_s = time.monotonic() - started
    assert 0 == system.stop(), system.text
    codes: list[int] = []
    for _ in range(STARTS):
        for program in system.programs:
            program.start()
        time.sleep(rig.chance.uniform(0, start_s))  # the random moment itself; nothing is waited for
        _send_all(system.programs, signal.SIGTERM)
        codes += [program.wait_for_exit() for program in system.programs]
    # Before Python has come to our first line the signal's own default ends it: nothing was opened by then.
    assert set(codes) <= {0, -signal.SIGTERM}, system.text
    rig.tell(ended_by_python=codes.count(-signal.SIGTERM), ended_by_us=codes.count(0))

    system.start()
    assert 202 == register(system.fronts[0], ADDRESS)
    rig.finish(system, {ADDRESS}, mail)


def _send_all(programs: Sequence[Program], number: int) -> None:
    for program in programs:
        program.send(number)


def _stop(system: System) -> float:
    started = time.monotonic()
    code = system.stop()
    assert code == 0, system.text
    return time.monotonic() - started


def _start_again(system: System) -> None:
    """Start what was stopped; copies of what is `unknown` go out now, and not in half a minute."""
    bring_copies_forward(system.tables)
    system.start()


def _in_flight(system: System) -> int:
    ((count,),) = system.tables.read(IN_FLIGHT)[0]
    return int(count)
