"""The heartbeat of a worker that shares its database with others; a SQLite file has one worker and no heartbeat."""

import pytest
from sqlalchemy import Connection, delete

from gatepost.database.connection import Database
from gatepost.delivery.heartbeat import BLIND_AFTER_S, Heartbeat
from gatepost.errors import DatabaseUnavailable
from gatepost.events import MessageAccepted, MessagesRecovered, WorkerFailed, WorkerRevived
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.tables import workers
from gatepost.outbox.workers import DEAD_AFTER_S, enlist
from gatepost.testing import Hang, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import NEVER_S, SHORT_S, beats, reached, wait, worker_on
from tests.support.outbox import beat_ago, draft, enlisted, enqueue_all
from tests.support.troubled import Troubled

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])


async def test_a_worker_held_for_dead_enlists_again_and_goes_on(
    processes: list[Database], server: SubmissionServer
) -> None:
    """Its next beat finds no row: it says so, and claims again."""
    delivery = worker_on(processes[0], server, "sleeper", heartbeat_s=SHORT_S)
    async with delivery.running():
        await processes[1].write(lambda tx: tx.execute(delete(workers)).rowcount)
        await delivery.wait_for(WorkerRevived)
        await enqueue_all(processes[1], draft(), now_ms=delivery.clock.now_ms())
        await delivery.wait_for(MessageAccepted)
        assert ["sleeper"] == list(await enlisted(processes[1]))


async def test_a_worker_with_every_slot_busy_still_beats(processes: list[Database], server: SubmissionServer) -> None:
    """One slot, and a server that never answers: alive is not the same as free."""
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang())
    delivery = worker_on(processes[0], server, "busy", heartbeat_s=SHORT_S, slots=1)
    async with delivery.running(grace_s=0):
        await delivery.enqueue(2)
        await wait(there)
        await beats(processes[1], "busy", 3)


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), ZeroDivisionError("a bug of ours")])
async def test_a_beat_that_fails_is_followed_by_the_next(
    processes: list[Database], server: SubmissionServer, error: Exception
) -> None:
    """Whatever was raised, the heart goes on beating; it tells what happened."""
    failing = Troubled(processes[0])
    delivery = worker_on(failing, server, "worker", heartbeat_s=SHORT_S)
    async with delivery.running():
        failing.errors = [error] * 3
        await delivery.wait_for(WorkerFailed, 3)
        await beats(processes[1], "worker", 2)
    assert 3 == len(delivery.of(WorkerFailed))


async def test_a_stopped_worker_leaves_although_its_heart_was_just_beating(
    database: Database, server: SubmissionServer
) -> None:
    """Beats and stop at the same time: no beat after the leave, which would enlist it again."""
    desk = worker_on(database, server, "quick").desk
    for _ in range(20):
        heart = Heartbeat(desk, owner="quick", slots=1, every_s=0.001, revived=lambda: None)
        await heart.start()
        await beats(database, "quick", 1)
        await heart.stop()
        assert {} == await enlisted(database)


async def test_after_an_outage_the_living_have_the_time_to_beat(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Who could not beat for long strikes nobody out with its first beat: the others could not either."""
    heart = Heartbeat(
        worker_on(database, server, "first", clock=clock).desk,
        owner="first",
        slots=1,
        every_s=NEVER_S,
        revived=lambda: None,
    )
    await heart.start()
    await database.write(lambda tx: enlist(tx, "second", 1, alone=False))
    await beat_ago(database, "second", DEAD_AFTER_S)
    clock.move(BLIND_AFTER_S)
    await heart.beat()
    assert ["first", "second"] == sorted(await enlisted(database))
    await heart.beat()
    assert ["first"] == list(await enlisted(database))
    await heart.stop()


async def test_who_starts_right_after_an_outage_strikes_nobody_out(
    processes: list[Database], server: SubmissionServer
) -> None:
    """Every row is stale then; where processes share the database, a start judges with its first beat only."""
    await processes[1].write(lambda tx: enlist(tx, "living", 1, alone=False))
    await beat_ago(processes[1], "living", DEAD_AFTER_S)
    desk = worker_on(processes[0], server, "new").desk
    heart = Heartbeat(desk, owner="new", slots=1, every_s=NEVER_S, revived=lambda: None)
    await heart.start()
    assert ["living", "new"] == sorted(await enlisted(processes[0]))
    await heart.beat()
    assert ["new"] == list(await enlisted(processes[0]))
    await heart.stop()


async def test_a_claim_that_took_effect_after_its_connection_broke_is_found(
    processes: list[Database], server: SubmissionServer
) -> None:
    """The first look for strays came too early to see it: the worker looks again, as often as it beats."""
    delivery = worker_on(processes[0], server, "worker", poll_s=SHORT_S, heartbeat_s=SHORT_S)
    async with delivery.running():
        now_ms = delivery.clock.now_ms()

        def late_commit(tx: Connection) -> int:
            enqueue(tx, draft(), now_ms=now_ms, domain="gatepost.example")
            return tx.exec_driver_sql(
                "UPDATE messages SET state = 'sending', owner = 'worker', claim_number = 1, started_at = 1"
            ).rowcount

        await processes[1].write(late_commit)
        await delivery.wait_for(MessageAccepted)
    assert [1] == [event.due_again for event in delivery.of(MessagesRecovered)]
