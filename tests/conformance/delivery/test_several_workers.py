"""Several workers on one PostgreSQL database, each with connections of its own, as processes on several machines have.

A SQLite file has one process and one worker, so there is nothing of this to run there.
"""

import asyncpg
import pytest
from sqlalchemy import Connection

from gatepost.database.columns import BELL
from gatepost.database.connection import Database
from gatepost.events import ClaimLost, MessageAccepted, MessageGivenBack, MessagesRecovered, WorkerFoundDead
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.workers import DEAD_AFTER_S, enlist
from gatepost.testing import Hang, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import DEADLINE_S, SHORT_S, beats, reached, wait, worker_on
from tests.support.outbox import beat_ago, claim_as, draft, enlisted, enqueue_all

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"])

OFF_BY_S = 300


async def test_four_workers_share_a_backlog_and_send_nothing_twice(
    processes: list[Database], server: SubmissionServer
) -> None:
    """400 messages: every one reaches the server once, and nobody loses a claim."""
    everybody = [worker_on(one, server, f"worker-{number}") for number, one in enumerate(processes)]
    await enqueue_all(processes[0], *[draft() for _ in range(400)], now_ms=everybody[0].clock.now_ms())
    for one in everybody:
        await one.worker.start()
    await server.wait_for(400, DEADLINE_S)
    for one in everybody:
        await one.stop()
    assert 400 == len({message.message_id for message in server.messages}) == len(server.messages)
    assert 400 == sum(len(one.of(MessageAccepted)) for one in everybody)
    assert [] == [event for one in everybody for event in one.of(ClaimLost)]


async def test_a_commit_of_one_process_wakes_the_worker_of_another(
    processes: list[Database], server: SubmissionServer
) -> None:
    """Nobody polls and nobody rings in this process: the bell is in the transaction."""
    delivery = worker_on(processes[0], server, "worker")
    async with delivery.running():
        await enqueue_all(processes[1], draft(), now_ms=delivery.clock.now_ms())
        await delivery.wait_for(MessageAccepted)


async def test_a_rollback_rings_nothing(processes: list[Database], database_url: str) -> None:
    """Of a transaction that was rolled back and one that was committed, the second is heard."""

    def roll_back(tx: Connection) -> None:
        raise ZeroDivisionError

    heard: list[str] = []
    listening = await asyncpg.connect(database_url)
    try:
        await listening.add_listener(BELL, lambda _, __, channel, ___: heard.append(channel))
        with pytest.raises(ZeroDivisionError):
            await processes[0].write(lambda tx: (_enqueue_in(tx), roll_back(tx)))
        await processes[0].write(_enqueue_in)
        await listening.execute("SELECT 1")  # what was committed before has been told by now
    finally:
        await listening.close()
    assert [BELL] == heard


async def test_what_one_worker_gives_back_at_its_stop_another_sends_at_once(
    processes: list[Database], server: SubmissionServer
) -> None:
    """No poll of a second in between: the state is `queued` again, and that rings."""
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang(), times=1)
    stopping, staying = (
        worker_on(one, server, owner) for one, owner in zip(processes, ("stops", "stays"), strict=False)
    )
    await stopping.worker.start()
    await stopping.enqueue()
    await wait(there)
    async with staying.running():
        await stopping.stop(grace_s=0)
        await staying.wait_for(MessageAccepted)
    assert 1 == len(stopping.of(MessageGivenBack))
    assert {} == await enlisted(processes[0])


@pytest.mark.parametrize("off_s", [-OFF_BY_S, OFF_BY_S])
async def test_a_dead_workers_messages_are_taken_over_by_the_databases_clock(
    processes: list[Database], server: SubmissionServer, off_s: int
) -> None:
    """However wrong the clocks of the machines are: not while the row is fresh, and at the next beat when it is not."""
    clock = MovableClock()
    clock.move(off_s)
    await processes[1].write(lambda tx: enlist(tx, "killed", 8, alone=False))
    (row_id,) = await enqueue_all(processes[1], draft(), now_ms=clock.now_ms())
    await claim_as(processes[1], "killed", now_ms=clock.now_ms(), while_alive=True)
    delivery = worker_on(processes[0], server, "alive", clock=clock, heartbeat_s=SHORT_S)
    async with delivery.running():
        await beats(processes[0], "alive", 3)
        assert "sending" == (await delivery.find(row_id)).message.state
        await beat_ago(processes[1], "killed", DEAD_AFTER_S)
        await delivery.wait_for(MessageAccepted)
    assert ["killed"] == [event.owner for event in delivery.of(WorkerFoundDead)]
    assert [(1, 0)] == [(event.due_again, event.unknown) for event in delivery.of(MessagesRecovered)]


async def test_a_worker_held_for_dead_breaks_off_before_the_content(
    processes: list[Database], server: SubmissionServer
) -> None:
    """Its loop was blocked and another sends meanwhile; when it goes on, its mark is refused: no copy."""
    there = reached(server, Step.CONNECT)
    server.at(Step.CONNECT, Hang(), times=1)
    blocked = worker_on(processes[0], server, "blocked")
    other = worker_on(processes[1], server, "other", heartbeat_s=SHORT_S)
    async with blocked.running():
        (row_id,) = await blocked.enqueue()
        await wait(there)
        async with other.running():
            await beat_ago(processes[1], "blocked", DEAD_AFTER_S)
            await other.wait_for(MessageAccepted)
            server.clear()
            await blocked.wait_for(ClaimLost)
    assert 1 == len(server.messages)
    assert ["worker_died", "accepted"] == [one.outcome for one in (await other.find(row_id)).attempts]


async def test_a_worker_held_for_dead_tells_what_it_knows(processes: list[Database], server: SubmissionServer) -> None:
    """The server took the content, and says so after the take-over, before a copy is due: accepted, and no copy."""
    there = reached(server, Step.DOT)
    server.at(Step.DOT, Hang(), times=1)
    blocked = worker_on(processes[0], server, "blocked")
    other = worker_on(processes[1], server, "other", heartbeat_s=SHORT_S)
    async with blocked.running():
        (row_id,) = await blocked.enqueue()
        await wait(there)
        async with other.running():
            await beat_ago(processes[1], "blocked", DEAD_AFTER_S)
            await other.wait_for(MessagesRecovered)
            assert "unknown" == (await other.find(row_id)).message.state
            server.clear()
            await blocked.wait_for(MessageAccepted)
    found = await other.find(row_id)
    assert ("accepted", None, None) == (found.message.state, found.message.reason, found.message.due_at)
    assert [("accepted", 1, 250)] == [(one.outcome, one.number, one.reply_code) for one in found.attempts]
    assert ([], 1) == (blocked.of(ClaimLost), len(server.messages))


async def test_a_late_result_is_refused_once_the_copy_is_under_way(
    processes: list[Database], server: SubmissionServer
) -> None:
    """The server took the first, and a copy is under way at another worker: that one settles the message."""
    there = reached(server, Step.DOT)
    server.at(Step.DOT, Hang(), times=1)
    blocked = worker_on(processes[0], server, "blocked")
    other = worker_on(processes[1], server, "other", heartbeat_s=SHORT_S, clock=MovableClock())
    async with blocked.running():
        (row_id,) = await blocked.enqueue()
        await wait(there)
        async with other.running():
            await beat_ago(processes[1], "blocked", DEAD_AFTER_S)
            await other.wait_for(MessagesRecovered)
            other.clock.move(31)
            other.ring.ring()
            await other.wait_for(MessageAccepted)
            server.clear()
            await blocked.wait_for(ClaimLost)
    found = await other.find(row_id)
    assert ["worker_died", "accepted"] == [one.outcome for one in found.attempts]
    assert [] == blocked.of(MessageAccepted)


def _enqueue_in(tx: Connection, now_ms: int = 1) -> None:
    enqueue(tx, draft(), now_ms=now_ms, domain="gatepost.example")
