"""Faults of the disk under a SQLite file: full, slow, read-only, failing at single calls (27-33, 38)."""

import asyncio
import json
import resource
from collections.abc import Awaitable, Callable

from tests.faults.entry import ROOT, SQLITE, fault
from tests.faults.power_cuts import POWER
from tests.faults.rest import come_to_rest, register
from tests.faults.rig import Rig
from tests.faults.sweep import TRACER
from tests.faults.system import System
from tests.support.disk import SmallDisk, small_disk
from tests.support.driver import Driver, registration
from tests.support.power import powerless_disk
from tests.support.service import Service
from tests.support.strace import injected

DISK_KIB = 16 * 1024  # beside a log that has 4 MiB before it is moved into the file
BEFORE, REFUSED, AFTER = 20, 10, 20
WELL_AGAIN_S = 30.0
REFUSED_WITHIN_S = 60.0
SLOW_SYNCS_US = (200_000, 2_000_000)
HEALTHY_MEANWHILE = 5
NO_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

Trouble = Callable[[Driver], Awaitable[None]]


async def stand(rig: Rig, trouble: Callable[[System], Trouble], **options: object) -> None:
    """Under load a trouble comes and goes, and nobody restarts anything.

    Every answer is 202 or 503 with Retry-After, the process is the same afterwards, registers again by itself, and all
    ledgers agree.
    """
    mail = rig.mail_server()
    system = rig.system(mail, **options)  # type: ignore[arg-type]
    await asyncio.to_thread(rig.start, system)
    service = system.fronts[0]
    pid = service.pid
    async with rig.load(system) as driver:
        await driver.wait_for(BEFORE)
        await trouble(system)(driver)
        await driver.wait_for(len(driver.acknowledged) + AFTER, WELL_AGAIN_S)
        await asyncio.to_thread(service.wait_until_ready)
    assert service.alive, service.text
    assert pid == service.pid
    rig.tell(refused=len(driver.refusals))
    be_polite(driver)
    await asyncio.to_thread(rig.finish, system, driver, mail)


def be_polite(driver: Driver) -> None:
    """Every refusal said when to come again."""
    assert [] == [answer for answer in driver.refusals if not int(answer.fields["retry-after"]) > 0]


async def refused(driver: Driver, count: int = REFUSED) -> None:
    """Wait until so many more registrations were answered 503."""
    await driver.wait_for_refusals(len(driver.refusals) + count, REFUSED_WITHIN_S)


@fault(27, 28, name="the disk is full and freed", shows="I1 I7 I8", seeded=True, ci=SQLITE, needs=(ROOT,))
async def full_disk(rig: Rig) -> None:
    """Told politely while it is full, and well again by itself."""
    with small_disk(rig.folder / "disk", size_kib=DISK_KIB) as disk:

        async def fill(system: System, driver: Driver) -> None:
            await _fill_until_refused(disk, driver)
            await asyncio.to_thread(_look_at_a_refusal, system.fronts[0])
            disk.free()

        await stand(rig, lambda system: lambda driver: fill(system, driver), folder=disk.path)


async def _fill_until_refused(disk: SmallDisk, driver: Driver) -> None:
    """Filled again and again: what SQLite frees in its log meanwhile is taken too."""
    wanted = len(driver.refusals) + REFUSED
    async with asyncio.timeout(REFUSED_WITHIN_S):
        while len(driver.refusals) < wanted:
            await asyncio.to_thread(disk.fill)


def _look_at_a_refusal(service: Service) -> None:
    status, fields, body = service.post("/auth/register", **registration("nobody@people.example"))
    assert 503 == status, body
    assert "application/problem+json" == fields["content-type"]
    assert int(fields["retry-after"]) > 0
    assert 503 == json.loads(body)["status"]
    assert str(service.database) not in body.decode(), "the answer names a path of ours"
    assert 200 == service.get("/healthz")[0]


def _injected(injection: str) -> Callable[[System], Trouble]:
    """System calls of the service misbehave until enough registrations were refused."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            with injected(system.fronts[0].pid, injection):
                await refused(driver)

        return trouble

    return of


@fault(29, name="EIO on fdatasync", shows="I1 I8 I9", seeded=True, ci=SQLITE, needs=(TRACER,))
async def failing_syncs(rig: Rig) -> None:
    """Now and then a sync fails: never a 202 for that commit, and its rows do not come back."""
    await stand(rig, _injected(f"fdatasync:error=EIO:when={rig.chance.randint(1, 9)}+{rig.chance.randint(2, 5)}"))


@fault(31, name="ENOSPC at single writes", shows="I1 I8 I9", seeded=True, needs=(TRACER,))
async def failing_writes(rig: Rig) -> None:
    """Now and then a write finds no space, at whichever page of whichever transaction."""
    await stand(rig, _injected(f"pwrite64:error=ENOSPC:when={rig.chance.randint(1, 40)}+{rig.chance.randint(5, 60)}"))


@fault(30, name="EIO on every read", shows="I1 I7 I8", needs=(TRACER,))
async def failing_reads(rig: Rig) -> None:
    """What must read says 503 meanwhile, and what has all it needs in memory goes on."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            service = system.fronts[0]
            with injected(service.pid, "pread64:error=EIO"):
                await asyncio.to_thread(service.wait_for_status, "/readyz", 503)
                assert 200 == (await asyncio.to_thread(service.get, "/healthz"))[0]

        return trouble

    await stand(rig, of)


@fault(32, name="the process may write no larger files", shows="I1 I8")
async def no_larger_files(rig: Rig) -> None:
    """RLIMIT_FSIZE at what its log has now: refused until the limit is lifted."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            service = system.fronts[0]
            log = service.database.with_name(service.database.name + "-wal")
            resource.prlimit(service.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, resource.RLIM_INFINITY))
            await refused(driver)
            resource.prlimit(service.pid, resource.RLIMIT_FSIZE, NO_LIMIT)

        return trouble

    await stand(rig, of)


@fault(33, name="syncs of 200 ms and 2 s", shows="I1 I5", needs=(TRACER,))
async def slow_syncs(rig: Rig) -> None:
    """Registrations take longer and share their syncs; what needs no disk is answered as ever."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            for delay_us in SLOW_SYNCS_US:
                with injected(system.fronts[0].pid, f"fdatasync:delay_enter={delay_us}"):
                    await _healthy_while_slow(system.fronts[0], driver)

        return trouble

    await stand(rig, of)


async def _healthy_while_slow(service: Service, driver: Driver) -> None:
    """While a registration waits for its sync, /healthz is answered several times over."""
    waiting = asyncio.create_task(driver.wait_for(len(driver.acknowledged) + 2 * BEFORE))
    healthy = 0
    while not waiting.done():
        assert 200 == (await asyncio.to_thread(service.get, "/healthz"))[0]
        healthy += 1
    await waiting
    assert healthy >= HEALTHY_MEANWHILE, "health had to wait for the disk"


@fault(38, name="the file system becomes read-only", shows="I1 I7 I8", needs=(POWER,))
def read_only_file_system(rig: Rig) -> None:
    """The kernel finds an error and lets nothing be written: 503, alive, and after a repair everything is there."""
    mail = rig.mail_server()
    with powerless_disk(rig.folder) as disk:
        system = rig.system(mail, folder=disk.path)
        try:
            rig.start(system)
            disk.sync()
            service = system.fronts[0]
            promised = [f"{number}@people.example" for number in range(BEFORE)]
            assert [202] * BEFORE == [register(service, address) for address in promised]
            come_to_rest(system)  # a sync in the very moment of the error may say "done" of what ext4 throws away
            disk.fail()
            assert [503] * REFUSED == [
                register(service, f"refused{number}@people.example") for number in range(REFUSED)
            ]
            assert 503 == service.get("/readyz")[0]
            assert 200 == service.get("/healthz")[0]
            assert 0 == service.stop(), service.text
            disk.repair()
            system.revive()
            rig.finish(system, promised, mail)
        finally:
            system.close()  # or the disk could not be unmounted
