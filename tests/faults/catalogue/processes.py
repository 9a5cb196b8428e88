"""Faults of the processes themselves: killed, killed again and again, frozen, stopped in one thread, two of them."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from gatepost.testing import Behaviour, Call, Drop, SubmissionServer
from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, POSTGRESQL, ROOT, SQLITE, cgroup, fault
from tests.faults.hanging import Reached
from tests.faults.killing import ServiceKills
from tests.faults.postgresql.killing import WorkerKills
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.cgroup import group
from tests.support.ledgers import Books
from tests.support.programs import Program

PEOPLE = 6
KILLS = 4
LIVES, LIFE_S = 50, 0.3
STARTS_BROKEN_OFF = 3
BLOCKED_S = 5.0
FROZEN_S = 1.0
REFUSED = 2
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


@fault(12, name="a worker frozen and held for dead", shows="I3 I4", databases=POSTGRESQL, seeded=True, ci=POSTGRESQL)
def frozen_and_held_for_dead(rig: Rig) -> None:
    """Another one takes its message over; when it goes on, what it writes late is refused, and it works again."""
    mail = rig.mail_server()
    system = rig.system(mail, slots=1, WELCOME="off")
    rig.start(system)
    step = rig.chance.choice([Step.MAIL, Step.RCPT, Step.DATA, Step.DOT, Step.TAKEN])
    reached = Reached(mail, step, 1, times=1)
    assert 202 == register(system.fronts[0], ADDRESS)
    reached.wait()
    frozen = system.who_delivers_to(ADDRESS)

    frozen.freeze()
    system.take_for_dead(frozen)
    owned = f"SELECT count(*) FROM messages WHERE owner LIKE '%:{frozen.pid}:%'"
    wait_until(lambda: system.tables.read(owned)[0][0][0] == 0, "nobody took its message over")
    mail.clear()
    frozen.thaw()

    assert 202 == register(system.fronts[0], "afterwards@people.example")
    rig.finish(system, {ADDRESS, "afterwards@people.example"}, mail, templates=["verification"])
    rig.tell(step=str(step))
    assert rig.figures["copies"] in range(1 + (step in (Step.DOT, Step.TAKEN)))


@fault(12, name="a service frozen on its file", shows="I3 I4 I9", databases=SQLITE, seeded=True)
async def frozen_on_its_file(rig: Rig) -> None:
    """Whoever else wants the file is refused meanwhile; then it goes on as if nothing had been."""
    mail = rig.mail_server(delay_s=0.01)
    system, second = rig.system(mail), rig.system(mail, SHUTDOWN_GRACE_S=FROZEN_S)
    await asyncio.to_thread(rig.start, system)
    async with rig.load(system) as driver:
        await driver.wait_for(20)
        await asyncio.sleep(rig.chance.uniform(0, 0.2))  # the random moment itself; nothing is waited for
        (service,) = system.workers
        service.freeze()
        second.fronts[0].start()
        assert REFUSED == await asyncio.to_thread(second.fronts[0].wait_for_exit)
        service.thaw()
        await driver.wait_for(len(driver.acknowledged) + 20)
    await asyncio.to_thread(rig.finish, system, driver, mail)
    assert rig.figures["copies"] == 0


@fault(17, name="the event loop stands still for 5 s", shows="I3", databases=BOTH, needs=(ROOT, cgroup("freezer")))
async def loop_stands_still(rig: Rig) -> None:
    """The thread with the event loop stops in whoever delivers, all others go on: nobody holds it for dead."""
    mail = rig.mail_server(delay_s=0.01)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    with contextlib.ExitStack() as thawed_again:
        async with rig.load(system) as driver:
            await driver.wait_for(20)
            for worker in system.workers:
                frozen = thawed_again.enter_context(group("freezer"))
                frozen.take_thread(worker.pid)  # the number of a process is that of its main thread
                frozen.set("freezer.state", "FROZEN")
            await asyncio.sleep(BLOCKED_S)  # how long it stands still; nothing is waited for
            thawed_again.close()
            await driver.wait_for(len(driver.acknowledged) + 20)
    books = await asyncio.to_thread(rig.finish, system, driver, mail)
    assert rig.figures["copies"] == 0
    assert "worker_died" not in _outcomes(books)


@fault(19, name="a second process on the same file", shows="I3 I9")
async def second_on_the_same_file(rig: Rig) -> None:
    """It waits out the grace, says who owns the file and what to do, and ends with 2; the owner notices nothing."""
    mail = rig.mail_server(delay_s=0.01)
    owner, second = rig.system(mail), rig.system(mail, SHUTDOWN_GRACE_S=0)
    await asyncio.to_thread(rig.start, owner)
    async with rig.load(owner, clients=1) as driver:
        await driver.wait_for(10)
        (refused,) = second.programs
        refused.start()
        assert REFUSED == await asyncio.to_thread(refused.wait_for_exit)
        await driver.wait_for(len(driver.acknowledged) + 10)
    assert f"is in use by process {owner.programs[0].pid}" in refused.text
    assert "stop that process, or set GATEPOST_DATABASE_URL to another file" in refused.text
    assert "Traceback" not in refused.text
    await asyncio.to_thread(rig.finish, owner, driver, mail)
    assert rig.figures["copies"] == 0


def _outcomes(books: Books) -> set[str]:
    return {outcome for message in books.messages for outcome, _ in message.tries}
