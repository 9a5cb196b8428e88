"""A process that may have no more of something: memory, file descriptors, threads, processor time, its log."""

import asyncio
import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from tests.faults.entry import BOTH, ROOT, SQLITE, cgroup, fault
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.support.cgroup import group
from tests.support.programs import Program

HASH_KIB = 19_456  # of argon2, as in production
ROOM_KIB = 10_000  # less than one hash
ANSWERS = 40
WELL_AGAIN_S = 30.0
FIVE_PERCENT_US = 5_000  # of every 100,000
PEOPLE = 10
KILLED = -9


@fault(13, name="killed for want of memory", shows="I1 I6", databases=BOTH, needs=(ROOT, cgroup("memory")))
async def killed_for_want_of_memory(rig: Rig) -> None:
    """The kernel kills whoever answers, in the middle of a registration: what was promised before is kept."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail, fronts=1, ARGON2_MEMORY_KIB=HASH_KIB)
    await asyncio.to_thread(rig.start, system)
    (front,) = system.fronts
    with group("memory") as limited:
        async with rig.load(system) as driver:
            await driver.wait_for(5)
            driver.pause()
            await (
                driver.wait_until_quiet()
            )  # or it hashes in the new process before there is a limit, and keeps the room
            await asyncio.to_thread(front.kill)  # a new process: the old one has room for hashes already
            await asyncio.to_thread(system.revive)
            limited.take(front.pid)
            limited.set("memory.limit_in_bytes", ROOM_KIB * 1024)
            driver.go_on()
            await asyncio.to_thread(front.wait_for_exit)
            await asyncio.to_thread(system.revive)
            await driver.wait_for(len(driver.acknowledged) + 5)
    await asyncio.to_thread(rig.finish, system, driver, mail)


@fault(14, name="no file descriptors left", shows="I1 I7", databases=BOTH, ci=SQLITE)
async def no_descriptors(rig: Rig) -> None:
    """Nothing can be opened in any process: answers are 202 or 503, nobody dies, and all is well once it can."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    async with rig.load(system) as driver:
        await driver.wait_for(10)
        with contextlib.ExitStack() as limits:
            for program in system.programs:
                limits.enter_context(_no_more_descriptors(program))
            mail.on_own_loop(lambda: asyncio.ensure_future(mail.drop_connections()))  # so that new ones are needed
            await driver.wait_for_answers(driver.answers + ANSWERS)
            assert system.alive, system.text
        for front in system.fronts:
            await asyncio.to_thread(front.wait_until_ready, WELL_AGAIN_S)
        await driver.wait_for(len(driver.acknowledged) + 10, WELL_AGAIN_S)
    rig.tell(refused=len(driver.refusals))
    await asyncio.to_thread(rig.finish, system, driver, mail)


@fault(15, name="no threads to be had", shows="I7 I8", databases=BOTH, needs=(ROOT, cgroup("pids")), ci=SQLITE)
async def no_threads(rig: Rig) -> None:
    """From the first request on no thread can be made: 202 or 503, nobody dies, and all is well once they can."""
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    with contextlib.ExitStack() as limits:
        for program in system.programs:
            limited = limits.enter_context(group("pids"))
            limited.take(program.pid)
            limited.set("pids.max", limited.get("pids.current"))
        async with rig.load(system) as driver:
            await driver.wait_for_answers(driver.answers + ANSWERS)
            status, _, _ = await asyncio.to_thread(system.fronts[0].get, "/readyz")
            assert status in (200, 503)
            assert system.alive, system.text
            limits.close()
            await driver.wait_for(len(driver.acknowledged) + 10, WELL_AGAIN_S)
    rig.tell(refused=len(driver.refusals))
    await asyncio.to_thread(rig.finish, system, driver, mail)


@fault(16, name="5 % of a processor", shows="I1 I3", databases=BOTH, needs=(ROOT, cgroup("cpu")), deadline_s=240)
def five_percent(rig: Rig) -> None:
    """Each process gets a twentieth of a processor: slow, and nobody is held for dead."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    people = [f"{number}@people.example" for number in range(PEOPLE)]
    with contextlib.ExitStack() as limits:
        for program in system.programs:
            limited = limits.enter_context(group("cpu"))
            limited.set("cpu.cfs_quota_us", FIVE_PERCENT_US)
            limited.take(program.pid)
        for address in people:
            assert 202 == register(system.fronts[0], address)
        wait_until(lambda: len(mail.messages) >= 2 * PEOPLE, "the mail does not go out", 120)
    books = rig.finish(system, people, mail)
    assert rig.figures["copies"] == 0
    assert {outcome for message in books.messages for outcome, _ in message.tries} == {"accepted"}


@fault(25, name="the disk under the log is full", shows="I1 I5", databases=BOTH, ci=SQLITE)
async def log_on_a_full_disk(rig: Rig) -> None:
    """Every write of a line of the log fails with ENOSPC: everything else goes on, and the end is 0."""
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        await _without_a_log(rig, full)
    finally:
        os.close(full)


@fault(25, name="nobody reads the log", shows="I1 I5", databases=BOTH)
async def log_nobody_reads(rig: Rig) -> None:
    """Whoever read the pipe of the log is gone (EPIPE): everything else goes on, and the end is 0."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        await _without_a_log(rig, theirs)
    finally:
        os.close(theirs)


async def _without_a_log(rig: Rig, written_to: int) -> None:
    mail = rig.mail_server(delay_s=0.005)
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)  # and stopped again: the workers' start is known from their log
    assert 0 == await asyncio.to_thread(system.stop), system.text
    for program in system.programs:
        program.written_to = written_to
        await asyncio.to_thread(program.start)
    for front in system.fronts:
        await asyncio.to_thread(front.wait_until_ready)
    async with rig.load(system) as driver:
        await driver.wait_for(ANSWERS)
    assert driver.refusals == []
    await asyncio.to_thread(mail.wait_for_blocking, 2 * ANSWERS, 60)
    await asyncio.to_thread(rig.finish, system, driver, mail)
    assert rig.figures["copies"] == 0


@contextlib.contextmanager
def _no_more_descriptors(program: Program) -> Iterator[None]:
    """As many as are open, and not one more."""
    before = resource.prlimit(program.pid, resource.RLIMIT_NOFILE)
    highest = max(int(name.name) for name in Path(f"/proc/{program.pid}/fd").iterdir())
    resource.prlimit(program.pid, resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(program.pid, resource.RLIMIT_NOFILE, before)
