"""Faults of a SQLite file itself: held by others, deleted, replaced, damaged, of another version (34-37, 39, 40)."""

import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.faults.catalogue.disk import AFTER, BEFORE, Trouble, be_polite, refused, stand
from tests.faults.entry import fault
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.driver import Driver
from tests.support.programs import resident_kib
from tests.support.service import Service

PAGE_BYTES = 4_096
LOG_BYTES = 8 * 1024 * 1024
LOG_WITHIN_S = 90.0
KEPT_MORE_BYTES = 1024 * 1024
MORE_MEMORY_KIB = 32 * 1024
FOREIGN_TIMEOUT_S = 30.0
FOREIGN_PAUSE_S = 0.005
REFUSED_START = 2
KILLED, BUS_ERROR = -9, -7


@fault(34, name="a foreign program holds the write lock", shows="I1 I7", deadline_s=180)
async def foreign_lock(rig: Rig) -> None:
    """Refused after the busy timeout for as long as it is held, and well again when it ends."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            with _foreign(system.fronts[0].database) as foreign:
                foreign.execute("BEGIN IMMEDIATE")
                await refused(driver)
                foreign.execute("ROLLBACK")

        return trouble

    await stand(rig, of)


@fault(35, name="a foreign program writes all the time", shows="I1", deadline_s=180)
async def foreign_writes(rig: Rig) -> None:
    """Its small commits fall between a read and a write of ours: nobody is refused, because we lock before we read."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            ending = threading.Event()
            writing = asyncio.create_task(asyncio.to_thread(_write_until, ending, system.fronts[0].database))
            await driver.wait_for(len(driver.acknowledged) + 10 * AFTER)
            ending.set()
            rig.tell(foreign_commits=await writing)
            assert [] == driver.refusals, "a transaction read before it had the write lock"
            for program in system.programs:
                assert [] == [line for line in program.log if line["event"] == "worker_failed"]

        return trouble

    await stand(rig, of)


def _write_until(ending: threading.Event, database: Path) -> int:
    count = 0
    with _foreign(database) as foreign:
        while not ending.wait(FOREIGN_PAUSE_S):  # without a pause it would have the lock always
            foreign.execute("BEGIN IMMEDIATE")
            version = foreign.execute("PRAGMA user_version").fetchone()[0]
            foreign.execute(f"PRAGMA user_version={version + 1}")
            foreign.execute("COMMIT")
            count += 1
    return count


@fault(36, name="a long reader keeps the log", shows="I6", deadline_s=240)
async def long_reader(rig: Rig) -> None:
    """Somebody reads an old state: the log grows, memory does not; afterwards the log is used from its beginning."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            service = system.fronts[0]
            log = _log(service)
            memory_kib = resident_kib(service.pid)
            with _foreign(service.database) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM messages").fetchone()
                await asyncio.to_thread(
                    wait_until, lambda: log.stat().st_size > LOG_BYTES, "the log does not grow", LOG_WITHIN_S
                )
            at_most = log.stat().st_size + KEPT_MORE_BYTES
            await driver.wait_for(len(driver.acknowledged) + 5 * AFTER)
            assert log.stat().st_size <= at_most, "the log goes on growing"
            more_kib = resident_kib(service.pid) - memory_kib
            rig.tell(log_bytes=log.stat().st_size, more_memory_kib=more_kib)
            assert more_kib < MORE_MEMORY_KIB

        return trouble

    await stand(rig, of)


@fault(37, name="the file is moved away and back", shows="I1 I8")
async def moved_file(rig: Rig) -> None:
    """Nothing is accepted while another file lies in its place; with its own file the service goes on."""

    def of(system: System) -> Trouble:
        async def trouble(driver: Driver) -> None:
            service = system.fronts[0]
            aside = service.database.with_name("aside.db")
            service.database.rename(aside)
            await refused(driver)
            shutil.copy(aside, service.database)
            await refused(driver)
            assert 503 == (await asyncio.to_thread(service.get, "/readyz"))[0]
            aside.rename(service.database)

        return trouble

    await stand(rig, of)


@fault(37, name="the log is deleted", shows="I1 I8")
async def deleted_log(rig: Rig) -> None:
    """Nothing is accepted any more, and an orderly stop saves what was accepted before."""
    mail = rig.mail_server()
    system = rig.system(mail)
    await asyncio.to_thread(rig.start, system)
    service = system.fronts[0]
    async with rig.load(system) as driver:
        await driver.wait_for(BEFORE)
        _log(service).unlink()
        await refused(driver)
        assert 503 == (await asyncio.to_thread(service.get, "/readyz"))[0]
        assert 0 == await asyncio.to_thread(service.stop), service.text
        await asyncio.to_thread(system.revive)
        await driver.wait_for(len(driver.acknowledged) + AFTER)
    be_polite(driver)
    await asyncio.to_thread(rig.finish, system, driver, mail)


@fault(39, name="a damaged page", shows="I8", seeded=True)
def damaged_page(rig: Rig) -> None:
    """The start refuses and says what to do; with the file as it was, everything is there."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    service = system.fronts[0]
    promised = [f"{number}@people.example" for number in range(BEFORE)]
    assert [202] * BEFORE == [register(service, address) for address in promised]
    assert 0 == system.stop(), system.text
    backup = service.database.with_name("backup.db")
    shutil.copy(service.database, backup)
    page = rig.chance.randrange(service.database.stat().st_size // PAGE_BYTES)
    with service.database.open("r+b") as file:
        os.pwrite(file.fileno(), rig.chance.randbytes(PAGE_BYTES), page * PAGE_BYTES)

    _refuses_to_start(service, "restore a backup")
    shutil.copy(backup, service.database)
    system.start()
    rig.finish(system, promised, mail)


@fault(40, name="a newer schema and a truncated -shm", shows="I1 I8 I9")
def newer_schema_and_truncated_index(rig: Rig) -> None:
    """A newer schema is refused by name; the shared index is made anew from the log, whatever became of it."""
    mail = rig.mail_server()
    system = rig.system(mail)
    rig.start(system)
    service = system.fronts[0]
    promised = [f"{number}@people.example" for number in range(BEFORE)]
    assert [202] * BEFORE == [register(service, address) for address in promised]
    index = service.database.with_name(service.database.name + "-shm")
    for length in (0, 3, PAGE_BYTES):
        os.truncate(index, length)  # it is mapped: whoever looks at it ends with SIGBUS
        register_if_alive(service, f"perhaps{length}@people.example")
        service.close()
        system.revive()
    assert 0 == system.stop(), system.text

    with closing(sqlite3.connect(service.database)) as connection, connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        connection.execute("UPDATE alembic_version SET version_num = 'from the future'")
    _refuses_to_start(service, "later Gatepost")
    with closing(sqlite3.connect(service.database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    system.start()
    rig.finish(system, promised, mail)


def register_if_alive(service: Service, address: str) -> None:
    """Ask; the process may end of it."""
    try:
        register(service, address)
    except OSError:
        assert service.wait_for_exit() in (KILLED, BUS_ERROR)


def _refuses_to_start(service: Service, sentence: str) -> None:
    service.start()
    assert REFUSED_START == service.wait_for_exit(), service.text
    assert sentence in service.text
    assert "Traceback" not in service.text


@contextmanager
def _foreign(database: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection; it moves nothing out of the log, as ours alone may."""
    with closing(
        sqlite3.connect(database, isolation_level=None, timeout=FOREIGN_TIMEOUT_S, check_same_thread=False)
    ) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        yield connection


def _log(service: Service) -> Path:
    return service.database.with_name(service.database.name + "-wal")
