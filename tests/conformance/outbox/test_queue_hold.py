"""The queue held by an operator: nobody claims anything, exactly from the hold's commit to the release's."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, update

from gatepost.audit.trail import Signature, done_to
from gatepost.clock import SystemClock
from gatepost.database.connection import Database, Work
from gatepost.errors import ActionRefused
from gatepost.events import Event, Events, MessageAccepted, MessageExpired, QueueHeld, QueueReleased
from gatepost.outbox.claim import Claimed, claim, claim_suspect, suspect_is_due
from gatepost.outbox.claim_lanes import Passed, Passing, claim_passing
from gatepost.outbox.queue_hold import QUEUE, QueueHold, hold, hold_of, hold_queue, release, release_queue
from gatepost.outbox.tables import SUSPECTED_AT, messages
from gatepost.testing import SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import SHORT_S, Delivery, worker_on
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of
from tests.support.rooms import Bounded

BY = Signature(actor="an operator", reason="the server is moved")


async def held(database: Database, now_ms: int = NOW_MS) -> QueueHold:
    """Hold the queue."""
    return await database.write(lambda tx: hold(tx, BY, now_ms))


async def released(database: Database, now_ms: int = NOW_MS) -> float:
    """Release it."""
    return await database.write(lambda tx: release(tx, BY, now_ms))


async def test_nothing_is_claimed_while_the_queue_is_held(database: Database) -> None:
    """Alone or among others, past full lanes or alone because it is suspected; all of it is there after the release."""
    await enqueue_all(database, *[draft() for _ in range(3)])
    await held(database)
    assert [] == await claim_as(database)
    assert [] == await claim_as(database, while_alive=True)
    for only in (True, False):
        assert Passed([], {}, ended=True) == await _past_full_lanes(database, only)
    await database.write(lambda tx: tx.execute(update(messages).values(deaths=SUSPECTED_AT)).rowcount)
    assert (False, []) == await database.write(_suspects)
    await released(database)
    assert (True, 1) == await database.write(lambda tx: (suspect_is_due(tx, NOW_MS), len(_suspects(tx)[1])))


async def _past_full_lanes(database: Database, only: bool) -> Passed:
    passing = Passing(frozenset({"example.com"} if only else {"full.example"}), only, {})
    return await database.write(
        lambda tx: claim_passing(tx, passing, owner="worker-1", limit=9, now_ms=NOW_MS, while_alive=False)
    )


def _suspects(tx: Connection) -> tuple[bool, list[Claimed]]:
    return suspect_is_due(tx, NOW_MS), claim_suspect(tx, owner="worker-1", now_ms=NOW_MS, while_alive=False)


async def test_it_is_known_since_when_by_whom_and_why(database: Database) -> None:
    """The audit log keeps the hold and the release; it is released once, and held once."""
    assert await database.read(hold_of) is None
    with pytest.raises(ActionRefused, match="is not held"):
        await released(database)
    await held(database)
    assert QueueHold(NOW_MS, "an operator", "the server is moved") == await database.read(hold_of)
    with pytest.raises(ActionRefused, match=r"held already, since 1970-01-01T00:16:40.000Z by an operator\."):
        await held(database)
    assert 2.5 == await released(database, NOW_MS + 2_500)
    deeds = await database.read(lambda connection: done_to(connection, QUEUE))
    expected = [("hold_queue", "running", "held"), ("release_queue", "held", "running")]
    assert expected == [(deed.action, deed.state_before, deed.state_after) for deed in deeds]


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite one transaction writes at a time
async def test_a_claim_under_way_is_over_before_the_hold_is(processes: list[Database]) -> None:
    """When the hold has committed, no claim can commit any more: it waits for those that have looked."""
    await enqueue_all(processes[0], draft())
    looked = asyncio.Event()

    def claim_slowly(tx: Connection) -> int:
        claimed = claim(tx, owner="worker-1", limit=1, now_ms=NOW_MS)
        looked.set()
        tx.exec_driver_sql("SELECT pg_sleep(0.4)")
        return len(claimed)

    claiming = asyncio.create_task(processes[0].write(claim_slowly))
    await looked.wait()
    await held(processes[1])
    sending = await processes[2].read(_sending)
    assert (1, 1) == (sending, await claiming)


def _sending(connection: Connection) -> int:
    query = "SELECT count(*) FROM messages WHERE state = 'sending'"
    return int(connection.exec_driver_sql(query).scalar() or 0)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_claim_waits_for_a_hold_under_way_and_gets_nothing(processes: list[Database]) -> None:
    """It looks with the eyes of after the hold's commit, though it was sent before."""
    await enqueue_all(processes[0], draft())
    locked = asyncio.Event()

    def hold_slowly(tx: Connection) -> None:
        hold(tx, BY, NOW_MS)
        locked.set()
        tx.exec_driver_sql("SELECT pg_sleep(0.4)")

    holding = asyncio.create_task(processes[0].write(hold_slowly))
    await locked.wait()
    assert [] == await claim_as(processes[1])
    await holding


async def test_claims_while_it_is_held_and_released_are_all_before_or_after(processes: list[Database]) -> None:
    """Four processes claim all the time; twenty times it is held, and nothing moves between hold and release."""
    await enqueue_all(processes[0], *[draft() for _ in range(400)])
    over = asyncio.Event()

    async def claim_all_the_time(database: Database, owner: str) -> int:
        count = 0
        while not over.is_set():
            count += len(await claim_as(database, owner, limit=2))
        return count

    claiming = [asyncio.create_task(claim_all_the_time(one, f"worker-{n}")) for n, one in enumerate(processes)]
    seen: list[int] = []
    for _ in range(20):
        await held(processes[0])
        before = await processes[1].read(_sending)
        for one in processes:
            assert [] == await claim_as(one)
        assert before == await processes[1].read(_sending)
        seen.append(before)
        await released(processes[2])
    over.set()
    counts = await asyncio.gather(*claiming)
    assert await processes[0].read(_sending) == sum(counts)
    assert seen == sorted(seen)


async def test_a_release_rings_every_worker(database: Database) -> None:
    """What waits goes out at once; on PostgreSQL the commit rings, in whatever process it is."""
    told: list[Event] = []
    events = Events()
    events.subscribe(told.append)
    async with SubmissionServer() as server:
        delivery = worker_on(database, server, "worker-1")

        async def write(work: Work[Any]) -> Any:
            value = await database.write(work)
            if not database.shared:
                delivery.ring.ring()
            return value

        await hold_queue(write, SystemClock(), events, BY)
        async with delivery.running():
            await delivery.enqueue()
            await delivery.at_rest(lambda: not delivery.ring._rung.is_set())
            assert [] == delivery.of(MessageAccepted)
            await release_queue(write, SystemClock(), events, BY)
            await delivery.wait_for(MessageAccepted)
    assert [QueueHeld, QueueReleased] == [type(one) for one in told]


async def test_messages_expire_while_the_queue_is_held(database: Database, clock: MovableClock) -> None:
    """Their time goes on: those whose end has come expire and are told of, though nobody claims them."""
    delivery = Delivery(database, Bounded(room=8), clock, poll_s=SHORT_S)
    await held(database)
    (short,) = await delivery.enqueue(expires_in_s=60)
    (long,) = await delivery.enqueue()
    async with delivery.running():
        await delivery.at_rest(lambda: True)
        assert [] == delivery.of(MessageExpired)
        clock.move(60)
        delivery.ring.ring()
        (told,) = await delivery.wait_for(MessageExpired)
    assert (str(short), "queued") == (told.message, await state_of(database, long))
