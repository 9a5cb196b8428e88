"""Faults of the line to PostgreSQL, and of what its transactions are told: cut, silent, deaf, refused, out of time."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import asyncpg

from gatepost.testing import SubmissionServer
from tests.faults.entry import POSTGRESQL, fault
from tests.faults.postgresql.load import under_load
from tests.faults.rest import register, wait_until
from tests.faults.rig import Rig
from tests.faults.system import System
from tests.support.driver import registration
from tests.support.installation import ROLE
from tests.support.proxy import Proxy, proxy
from tests.support.service import Service
from tests.support.tables import PostgresqlTables, Tables, connect
from tests.support.witness import Witness

SILENT_AFTER_S = 40.0
FORGOTTEN_WELL_AGAIN_S = 90.0
ADDRESS = "mira@people.example"
KEY = "9f7f6d3e-0d1c-4f0e-8f4e-6b1d2c3a4b5c"
DELIVERED_WITHIN_S = 10.0
# The poll comes once a second: it would never claim several in a row, each asked for when the last has gone, so soon.
IN_A_ROW, SOON_S, ROUNDS = 5, 0.25, 3
MORE_REGISTRATIONS = 200
DEADLOCKS, DEADLOCKED_WITHIN_S = 3, 60.0
_FORBID_SESSIONS = f"ALTER ROLE {ROLE} CONNECTION LIMIT 0"
_ALLOW_SESSIONS = f"ALTER ROLE {ROLE} CONNECTION LIMIT -1"
_LISTENING = """SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND query ILIKE 'LISTEN %' AND pid <> pg_backend_pid()"""
# Every so many-th row of either table ends its transaction as PostgreSQL ends one that does not fit to another.
_FAIL_SERIALIZATION = """
CREATE FUNCTION public.does_not_fit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.1 THEN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER does_not_fit BEFORE INSERT OR UPDATE ON gatepost.messages
FOR EACH ROW EXECUTE FUNCTION public.does_not_fit();
"""
_STOP_FAILING = "DROP TRIGGER does_not_fit ON gatepost.messages"
_SOMEBODY_WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
_IN_FLIGHT = "SELECT id FROM messages WHERE owner IS NOT NULL ORDER BY id {order} LIMIT {limit} FOR UPDATE"
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
# Of front ends and workers, against the database's; the other front end's is right.
FRONT_OFF_S, WORKERS_OFF_S = -300, (300, -300)
BEATS, BEATEN_WITHIN_S = 2, 60.0
_BEATS = "SELECT min(beat_at - started_at) FROM workers"


@fault(44, name="all traffic to PostgreSQL is dropped", shows="I1 I5 I7", databases=POSTGRESQL, deadline_s=240)
async def traffic_is_dropped(rig: Rig) -> None:
    """Nothing arrives, and the connections of before never work again: 503 in bounded time, then all is well."""
    mail = rig.mail_server()
    system = rig.system(mail)
    async with proxy(system.fronts[0].settings["DATABASE_URL"]) as line:
        for program in system.programs:
            program.settings["DATABASE_URL"] = line.url
        async with under_load(rig, system, mail) as load:
            line.drop_traffic()
            await load.refused(1, SILENT_AFTER_S)
            await load.answers("/readyz", 503, SILENT_AFTER_S)
            await load.answers("/healthz", 200)
            line.forget_connections()
            line.restore_traffic()
            await load.well_again(FORGOTTEN_WELL_AGAIN_S)
    assert load.slowest_refusal_s < SILENT_AFTER_S


@fault(47, name="deadlocks", shows="I1 I3 I7", databases=POSTGRESQL, seeded=True)
async def deadlocks(rig: Rig) -> None:
    """A foreign session locks messages the other way round until PostgreSQL has ended deadlocks at our expense."""
    async with under_load(rig) as load:
        assert isinstance(load.system.tables, PostgresqlTables)
        foreign = await connect(load.system.tables.admin_url)
        await foreign.execute("SET deadlock_timeout = '20s'")  # so that it is the other one that is ended
        async with asyncio.timeout(DEADLOCKED_WITHIN_S):
            while (found := await foreign.fetchval(_DEADLOCKS)) < DEADLOCKS:
                await _lock_the_other_way_round(foreign)
        await foreign.close()
    rig.tell(deadlocks=found)


@fault(48, name="serialization failures", shows="I1 I3 I7", databases=POSTGRESQL)
async def serialization_failures(rig: Rig) -> None:
    """One row in ten ends its transaction with 40001: it is run again, and everything goes out once."""
    async with under_load(rig) as load:
        await asyncio.to_thread(load.system.tables.change, _FAIL_SERIALIZATION)
        await load.driver.wait_for(len(load.driver.acknowledged) + MORE_REGISTRATIONS)
        await asyncio.to_thread(load.system.tables.change, _STOP_FAILING)
    assert (0, 0) == (rig.figures["copies"], rig.figures["refusals"])


@fault(52, name="cut before a COMMIT arrives", shows="I1 I3", databases=POSTGRESQL)
async def cut_before_commit(rig: Rig) -> None:
    """503 and nothing stored; the same Idempotency-Key again makes one registration."""
    await _unknown_commit(rig, Proxy.cut_before_commit, stored=0)


@fault(52, name="cut before the answer to a COMMIT", shows="I1 I3", databases=POSTGRESQL, ci=POSTGRESQL)
async def cut_behind_commit(rig: Rig) -> None:
    """503 although it is stored; the same Idempotency-Key again makes no second one."""
    await _unknown_commit(rig, Proxy.cut_behind_commit, stored=1)


@fault(53, name="the listening session dies", shows="I1 I7", databases=POSTGRESQL, ci=POSTGRESQL)
async def the_bell_is_lost(rig: Rig) -> None:
    """Its session is ended and may not come back: the poll delivers. When it may, it is heard at once again."""
    mail = rig.mail_server()
    system = rig.system(mail, fronts=1, workers=1, WELCOME="off")
    witness = await asyncio.to_thread(rig.start, system)
    promised = ["bell@people.example", "poll@people.example"]
    assert 202 == await asyncio.to_thread(register, system.fronts[0], promised[0])
    await mail.wait_for(1, DELIVERED_WITHIN_S)

    await asyncio.to_thread(_end_listening, system.tables)
    try:
        assert 202 == await asyncio.to_thread(register, system.fronts[0], promised[1])
        await mail.wait_for(2, DELIVERED_WITHIN_S)
    finally:
        await asyncio.to_thread(system.tables.change, _ALLOW_SESSIONS)
    await asyncio.to_thread(wait_until, lambda: bool(system.tables.read(_LISTENING)[0]), "nobody listens again")

    slowest_s = []
    for number in range(ROUNDS):
        addresses = [f"{number}-{one}@people.example" for one in range(IN_A_ROW)]
        promised += addresses
        slowest_s.append(await asyncio.to_thread(_slowest_claim, system, witness, mail, addresses))
    assert min(slowest_s) < SOON_S
    await asyncio.to_thread(rig.finish, system, promised, mail, templates=["verification"])


@fault(54, name="clocks five minutes off", shows="I1 I3 I4", databases=POSTGRESQL, deadline_s=240)
async def clocks_off(rig: Rig) -> None:
    """Workers five minutes before and behind the database: nobody is held for dead, everything goes out once."""
    mail = rig.mail_server()
    system = rig.system(mail)
    system.fronts[0].hook = partial(set_clock_off, FRONT_OFF_S)
    for worker, off_s in zip(system.workers, WORKERS_OFF_S, strict=True):
        worker.hook = partial(set_clock_off, off_s)
    async with under_load(rig, system, mail) as load:
        await asyncio.to_thread(wait_until, lambda: _beaten_for_s(system.tables) > 0, "nobody beats", BEATEN_WITHIN_S)
        beaten_for_s = await asyncio.to_thread(_beaten_for_s, system.tables)
        began = time.monotonic()
        while await asyncio.to_thread(_beaten_for_s, system.tables) <= beaten_for_s * (BEATS - 0.5):
            assert time.monotonic() < began + BEATEN_WITHIN_S, "a worker beats no more"
            await load.driver.wait_for(len(load.driver.acknowledged) + 1)
    assert [] == [line for program in system.programs for line in program.log if line["event"] == "worker_found_dead"]
    assert 0 == rig.figures["copies"]
    rig.tell(delivered_by=[sum(line["event"] == "message_accepted" for line in one.log) for one in system.workers])


async def _lock_the_other_way_round(foreign: asyncpg.Connection) -> None:
    """Lock one message that a worker has, until it waits for it; then ask for those it may have locked before."""
    with contextlib.suppress(asyncpg.LockNotAvailableError):
        async with foreign.transaction():
            await foreign.execute("SET LOCAL lock_timeout = '3s'")
            if not await foreign.fetch(_IN_FLIGHT.format(order="DESC", limit=1)):
                return
            give_up_at = time.monotonic() + 0.2
            while not await foreign.fetchval(_SOMEBODY_WAITS):
                if time.monotonic() > give_up_at:
                    return
            await foreign.fetch(_IN_FLIGHT.format(order="ASC", limit=100))


async def _unknown_commit(rig: Rig, cut: Callable[[Proxy], None], *, stored: int) -> None:
    mail = rig.mail_server()
    system = rig.system(mail, fronts=1, workers=1)
    (front,) = system.fronts
    async with _behind_proxy(front) as line:
        await asyncio.to_thread(rig.start, system)
        cut(line)
        answers = [await asyncio.to_thread(_register_with_key, front)]
        found = await asyncio.to_thread(system.tables.read, "SELECT address_key FROM accounts")
        answers += [await asyncio.to_thread(_register_with_key, front) for _ in range(2)]
        books = await asyncio.to_thread(rig.finish, system, {ADDRESS}, mail)
    assert [503, 202, 202] == answers
    assert stored == len(found[0])
    assert [1] == [account.registrations for account in books.accounts.values()]
    assert 2 == len(mail.messages)


@contextlib.asynccontextmanager
async def _behind_proxy(front: Service) -> AsyncIterator[Proxy]:
    async with proxy(front.settings["DATABASE_URL"]) as line:
        front.settings["DATABASE_URL"] = line.url
        yield line


def set_clock_off(seconds: int) -> None:
    """In a program's own process: let its wall clock be so much later."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + seconds * 10**9


def _beaten_for_s(tables: Tables) -> float:
    """How long the younger worker has beaten, by the database's clock."""
    ((beaten_for_ms,),) = tables.read(_BEATS)[0]
    return float(beaten_for_ms or 0) / 1000


def _register_with_key(front: Service) -> int:
    body = json.dumps(registration(ADDRESS)).encode()
    return front.request("POST", "/auth/register", body, Idempotency_Key=KEY)[0]


def _end_listening(tables: Tables) -> None:
    """End the session that listens; those that are open otherwise stay, and no new one begins."""
    tables.change(_FORBID_SESSIONS)
    (listening,) = tables.read(_LISTENING)
    assert listening, "nobody listens"
    for (pid,) in listening:
        tables.read(f"SELECT pg_terminate_backend({pid}, 10000)")


def _slowest_claim(system: System, witness: Witness, mail: SubmissionServer, addresses: list[str]) -> float:
    """Register some, one after the other; returns how long the slowest waited for its claim by the database's clock."""
    for address in addresses:
        received = len(mail.messages)
        assert 202 == register(system.fronts[0], address)
        mail.wait_for_blocking(received + 1, DELIVERED_WITHIN_S)
    born, claimed = {}, {}
    for move in witness.moves():
        if move.before is None:
            born[move.recipient] = move.at
        elif move.after == "sending":
            claimed[move.recipient] = move.at
    return max(claimed[address] - born[address] for address in addresses)
