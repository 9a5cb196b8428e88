"""Cuts the power of the disk under the database, again and again, while registrations and mail are under load (26, 45).

kill -9 leaves the system's buffers alone; here they are lost. On SQLite the machine of the service loses its power: the
process dies with the disk. On PostgreSQL the database's machine does: front ends and workers live on and find it again.

The processes are frozen before the cut and killed behind it. ext4 may answer a sync that was under way when it was shut
down with success (seen: nine promises lost at once); a machine without power tells nobody.
"""

import asyncio
import contextlib
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace

from gatepost.testing import SubmissionServer
from tests.faults.entry import POSTGRESQL, SQLITE, Entry, Inject, Need, fault
from tests.faults.rig import CLIENTS, GRACE_S, Rig
from tests.faults.running import run
from tests.faults.system import Alone, Together
from tests.support.driver import Driver
from tests.support.installation import new_database
from tests.support.postgresql import Cluster, cluster
from tests.support.power import PowerlessDisk, powerless_disk, why_no_power_cuts
from tests.support.processes import freeze_at_once

POWER = Need("a loop device with ext4 whose power can be cut (FS_IOC_SHUTDOWN)", lambda: why_no_power_cuts() is None)
CUTS = 5
DEADLINE_S = 60.0
DEADLINE_PER_CUT_S = 20.0
MAIL_SERVER_DELAY_S = 0.01
LIFE_S = (0.05, 0.5)
START_S = (0.0, 0.15)
CUT_DURING_START = 0.2
# Verifications go first: in these lives nobody registers, so that welcomes are under way too.
NOBODY_REGISTERS = 0.4
WELL_AGAIN_S = 60.0
# A message that is in flight at many cuts is held, as if it caused them.
HELD = ("held",)
POSTGRESQL_DISK_MIB = 1024


def _deadline_s(cuts: int) -> float:
    return DEADLINE_S + cuts * DEADLINE_PER_CUT_S


@fault(
    26, name="power cuts", shows="I1 I2 I3 I4 I9", seeded=True, ci=SQLITE, needs=(POWER,), deadline_s=_deadline_s(CUTS)
)
async def power_cuts_of_the_service(rig: Rig) -> None:
    """Process and disk die together, one time in five during the start."""
    await cut_the_service(rig, CUTS)


@fault(
    45,
    name="power cuts of PostgreSQL",
    shows="I1 I3 I4 I9",
    databases=POSTGRESQL,
    seeded=True,
    needs=(POWER,),
    deadline_s=_deadline_s(CUTS),
)
async def power_cuts_of_postgresql(rig: Rig) -> None:
    """PostgreSQL and its disk die together; nobody restarts front ends or workers."""
    await cut_postgresql(rig, CUTS)


async def cut_the_service(rig: Rig, cuts: int) -> None:
    """Cut the power of a service on SQLite so often."""
    mail = rig.mail_server(delay_s=MAIL_SERVER_DELAY_S)
    with powerless_disk(rig.folder) as disk:
        system = rig.system(mail, folder=disk.path)
        assert isinstance(system, Alone)
        try:
            await asyncio.to_thread(rig.start, system)
            disk.sync()
            driver = Driver(*system.ports, clients=CLIENTS, seed=rig.seed)
            driving = asyncio.create_task(driver.run())
            try:
                for number in range(cuts):
                    await _one_life(rig, system, driver, disk, running=number == 0)
                driver.leave()
                await asyncio.to_thread(system.revive)
                await driving
            finally:
                driving.cancel()
            await asyncio.to_thread(rig.finish, system, driver, mail, ends=HELD)
        finally:
            await asyncio.to_thread(system.close)  # or the disk could not be unmounted
    _tell(rig, driver, mail, disk)


async def _one_life(rig: Rig, system: Alone, driver: Driver, disk: PowerlessDisk, *, running: bool) -> None:
    _let_register(rig, driver)
    service = system.service
    if not running:
        await asyncio.to_thread(service.start)
    if not running and rig.chance.random() < CUT_DURING_START:
        await asyncio.sleep(rig.chance.uniform(*START_S))  # the random moment itself; nothing is waited for
    else:
        await asyncio.to_thread(service.wait_until_ready)
        await asyncio.sleep(rig.chance.uniform(*LIFE_S))
    assert service.alive, f"it ended by itself:\n{service.text}"
    await asyncio.to_thread(freeze_at_once, service.pid)
    disk.cut()
    await asyncio.to_thread(service.close)
    await asyncio.to_thread(disk.come_back)


async def cut_postgresql(rig: Rig, cuts: int, *, durable: bool = True) -> None:
    """Cut the power of a PostgreSQL so often; not `durable` it does not sync, and loses what it promised."""
    mail = rig.mail_server(delay_s=MAIL_SERVER_DELAY_S)
    rig.folder.chmod(0o711)  # PostgreSQL runs as somebody else where we are root
    programs = rig.folder / "programs"
    programs.mkdir()
    with (
        powerless_disk(rig.folder, size_mib=POSTGRESQL_DISK_MIB) as disk,
        _cluster_on(disk, durable) as server,
    ):
        database = await asyncio.to_thread(new_database, server)
        system = Together(programs, database, mail.port, SHUTDOWN_GRACE_S=GRACE_S)
        try:
            witness = await asyncio.to_thread(rig.start, system)
            pids = system.pids
            driver = Driver(*system.ports, clients=CLIENTS, seed=rig.seed)
            driving = asyncio.create_task(driver.run())
            try:
                for _ in range(cuts):
                    await _one_life_of_postgresql(rig, system, driver, disk, server)
                driver.leave()
                await driving
            finally:
                driving.cancel()
            assert system.alive, f"a program ended with the database:\n{system.text}"
            assert pids == system.pids
            await asyncio.to_thread(rig.finish, system, driver, mail)
            dead = await asyncio.to_thread(witness.held_for_dead)
            assert set() == dead, "workers lived, and their messages were taken over"
        finally:
            await asyncio.to_thread(system.close)
    _tell(rig, driver, mail, disk)


async def _one_life_of_postgresql(
    rig: Rig, system: Together, driver: Driver, disk: PowerlessDisk, server: Cluster
) -> None:
    _let_register(rig, driver)
    await asyncio.sleep(rig.chance.uniform(*LIFE_S))  # the random moment itself; nothing is waited for
    family = await asyncio.to_thread(freeze_at_once, server.pid)
    disk.cut()
    for pid in reversed(family):
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(server.stop, immediate=True)
    await asyncio.to_thread(disk.come_back)
    await asyncio.to_thread(server.start)
    await asyncio.to_thread(system.wait_for_status, "/readyz", 200, WELL_AGAIN_S)


@contextlib.contextmanager
def _cluster_on(disk: PowerlessDisk, durable: bool) -> Iterator[Cluster]:
    disk.path.chmod(0o711)
    with cluster(durable, folder=disk.path) as server:
        disk.sync()  # `initdb` did not
        yield server


def _let_register(rig: Rig, driver: Driver) -> None:
    if rig.chance.random() < NOBODY_REGISTERS:
        driver.pause()
    else:
        driver.go_on()


def _tell(rig: Rig, driver: Driver, mail: SubmissionServer, disk: PowerlessDisk) -> None:
    rig.tell(cuts=disk.cuts, asked=sum(driver.asked.values()), received=len(mail.messages))


def main(options: Namespace) -> int:
    """`./run faults --power-cuts 20 [--database postgresql]`: a long run; 0 when nothing was lost or wrong."""
    if (reason := why_no_power_cuts()) is not None:
        sys.stdout.write(f"skipped: {reason}\n")
        return 0
    cuts: int = options.power_cuts
    cutting: dict[str, tuple[Entry, Inject]] = {
        "sqlite": (power_cuts_of_the_service, lambda rig: cut_the_service(rig, cuts)),
        "postgresql": (power_cuts_of_postgresql, lambda rig: cut_postgresql(rig, cuts)),
    }
    database = options.database or "sqlite"
    entry, inject = cutting[database]
    sys.stdout.write(f"{cuts} power cuts on {database} with seed {options.seed}\n")
    sys.stdout.flush()
    try:
        long = replace(entry, inject=inject, deadline_s=_deadline_s(cuts))
        rig, seconds = run(long, database, options.seed, _no_cluster)
    except AssertionError as failure:
        sys.stdout.write(f"{failure}\n")
        return 1
    for name, figure in {**rig.figures, "seconds": round(seconds), "lost or wrong": 0}.items():
        sys.stdout.write(f"{name:20} {figure}\n")
    return 0


def _no_cluster() -> Cluster:
    raise AssertionError("a power cut has a PostgreSQL of its own")
