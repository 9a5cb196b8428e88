"""Faults of the processes themselves: frozen, stopped in one thread, two of them on one file."""

import asyncio
import contextlib

from gatepost.testing.behaviours import Step
from tests.faults.entry import BOTH, POSTGRESQL, ROOT, SQLITE, cgroup, fault
from tests.faults.hanging import Reached
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.support.cgroup import group
from tests.support.ledgers import Books

BLOCKED_S = 5.0
FROZEN_S = 1.0
REFUSED = 2
ADDRESS = "mira@people.example"


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
