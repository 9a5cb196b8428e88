"""Kills: SIGKILL at random, at an exact moment of the dialogue, during the start, and again and again."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from gatepost.testing import Behaviour, Call, Drop, SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.hanging import Reached
from tests.faults.killing import ServiceKills
from tests.faults.postgresql.killing import WorkerKills
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.programs import Program

PEOPLE = 6
KILLS = 4
LIVES, LIFE_S = 50, 0.3
STARTS_BROKEN_OFF = 3
ADDRESS = "mira@people.example"
Killing = Callable[[Callable[[], Program], SubmissionServer], list[Behaviour]]


@fault(1, name="killed at random under load", shows="I1 I2 I3 I4 I9", databases=BOTH, seeded=True)
async def killed_at_random(rig: Rig) -> None:
    """A service, or either of two workers and now and then a front end; one in five dies during its start."""
    run = (
        ServiceKills(rig.folder, kills=KILLS, seed=rig.seed)
        if rig.database == "sqlite"
        else WorkerKills(rig.folder, rig.new_database(), kills=KILLS, seed=rig.seed)
    )
    report = await run.run()
    rig.tell(promised=report.acknowledged, copies=report.copies)
    assert report.differences == [], str(report)


@fault(3, name="killed just after 250", shows="I1 I3", databases=BOTH, seeded=True)
def killed_just_after_250(rig: Rig) -> None:
    """The mail server writes its 250 and kills in its next turn: one copy more at most, and of no welcome."""
    _killed_in_the_dialogue(rig, Step.TAKEN, _kill_in_the_next_turn, copies_max=1)


@fault(4, name="killed after the final dot", shows="I1 I3", databases=BOTH, seeded=True)
def killed_after_the_final_dot(rig: Rig) -> None:
    """The content is whole, and is taken or not: a verification arrives in either case, a welcome never twice."""
    taken = rig.chance.random() < 0.5
    _killed_in_the_dialogue(
        rig, Step.DOT, lambda who, _: [Call(lambda: who().kill()), *([] if taken else [Drop()])], copies_max=1
    )


@fault(5, name="killed at RCPT", shows="I1 I3", databases=BOTH, seeded=True, ci=SQLITE)
def killed_at_rcpt(rig: Rig) -> None:
    """The content was not offered yet: it goes out, and certainly once."""
    _killed_in_the_dialogue(rig, Step.RCPT, lambda who, _: [Call(lambda: who().kill())], copies_max=0)


def _kill_in_the_next_turn(who: Callable[[], Program], mail: SubmissionServer) -> list[Behaviour]:
    """Find out before the reply who waits for it: behind it the message may be settled at once."""
    return [Call(lambda: mail.on_own_loop(who().kill))]


def _killed_in_the_dialogue(rig: Rig, step: Step, killing: Killing, *, copies_max: int) -> None:
    mail = rig.mail_server()
    system = rig.system(mail, slots=1)  # one in flight: no other message can have a copy
    rig.start(system)
    people = [f"{number}@people.example" for number in range(PEOPLE)]
    victim = rig.chance.choice(people)
    for behaviour in killing(lambda: system.who_delivers_to(victim), mail):
        mail.at(step, behaviour, recipient=victim, times=1)

    promised = []
    for address in people:
        with contextlib.suppress(OSError):  # the process that answers may be the one that is killed
            assert 202 == register(system.fronts[0], address)
            promised.append(address)
    wait_until(lambda: not system.alive, "nobody was killed")
    system.revive()

    rig.finish(system, promised, mail)
    assert rig.figures["copies"] in range(copies_max + 1)


@fault(6, name="killed while it recovers", shows="I1 I3 I4 I9", databases=BOTH, seeded=True, ci=SQLITE)
def killed_while_it_recovers(rig: Rig) -> None:
    """A process dies with messages in flight, and so do the next three while they clear up: each starts over."""
    mail = rig.mail_server()
    system = rig.system(mail, slots=5)  # one domain leaves one for others
    rig.start(system)
    reached = Reached(mail, rig.chance.choice([Step.EHLO, Step.RCPT, Step.DOT]), 4)
    people = [f"{number}@people.example" for number in range(4)]
    for address in people:
        assert 202 == register(system.fronts[0], address)
    reached.wait()
    for worker in system.workers:
        worker.kill()
        system.take_for_dead(worker)
    for _ in range(STARTS_BROKEN_OFF):
        for worker in system.workers:
            worker.start()
        time.sleep(rig.chance.uniform(0.05, 0.6))  # the random moment itself; nothing is waited for
        for worker in system.workers:
            worker.kill()
            system.take_for_dead(worker)
    mail.clear()
    system.revive()

    rig.finish(system, people, mail)
    assert rig.figures["copies"] == 0, "what hung was never taken"


@fault(6, name="killed while the tables are made", shows="I1 I9", databases=BOTH, seeded=True)
def killed_while_the_tables_are_made(rig: Rig) -> None:
    """The first start is broken off at random moments, three times: the next one finds its way."""
    mail = rig.mail_server()
    system = rig.system(mail)
    for _ in range(STARTS_BROKEN_OFF):
        for program in system.programs:
            program.start()
        time.sleep(rig.chance.uniform(0.05, 0.6))  # the random moment itself; nothing is waited for
        for program in system.programs:
            program.kill()
    system.start()

    assert 202 == register(system.fronts[0], ADDRESS)
    rig.finish(system, {ADDRESS}, mail)


@fault(7, name="killed every 300 ms", shows="I1 I3", databases=BOTH, deadline_s=400)
async def killed_again_and_again(rig: Rig) -> None:
    """Fifty lives of 300 ms, from the moment each is ready: every one of them gets something done."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    least = None
    async with rig.load(system, clients=2) as driver:
        for _ in range(LIVES):
            done = len(mail.messages)
            await asyncio.sleep(LIFE_S)  # the life itself; nothing is waited for
            for worker in system.workers:
                await asyncio.to_thread(worker.kill)
            done = len(mail.messages) - done
            least = done if least is None else min(least, done)
            await asyncio.to_thread(_start_dead, system)
    await asyncio.to_thread(_kill_and_revive, system)
    # A message that was in flight at many deaths is held, as if it caused them: an operator sees and releases it.
    books = await asyncio.to_thread(rig.finish, system, driver, mail, ends={"held"}, timeout_s=180)
    held = sum(message.state == "held" for message in books.messages)
    rig.tell(lives=LIVES, least_delivered_in_a_life=least, held=held)
    assert least, "a life brought nothing"


def _start_dead(system: System) -> None:
    for worker in system.workers:
        worker.start()
    for front in system.fronts:
        front.wait_until_ready()
    for worker in system.workers:
        worker.wait_for_log("service_started")


def _kill_and_revive(system: System) -> None:
    for worker in system.workers:
        worker.kill()
    system.revive()
