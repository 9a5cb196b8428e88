"""Tasks of the worker that end although nobody told them to: they run again, and no message notices."""

import asyncio
import os
import random

import pytest

from gatepost.database.connection import Database
from gatepost.delivery import supervision
from gatepost.delivery.supervision import Supervised
from gatepost.events import (
    ClaimLost,
    Event,
    Events,
    MessageAccepted,
    MessageDeferred,
    MessagesRecovered,
    MessageUnknown,
    WorkerFailed,
    WorkerRestarted,
)
from gatepost.testing import Hang, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import DEADLINE_S, SHORT_S, Delivery, reached, smtp_to, wait
from tests.support.outbox import state_of

LOOPS = frozenset({"gatepost-worker", "gatepost-commits", "gatepost-heartbeat"})
MESSAGES = 300
CANCELS = 300


def _tasks(names: frozenset[str]) -> list[asyncio.Task[object]]:
    return [task for task in asyncio.all_tasks() if task.get_name() in names]


async def _cancel_at_random(names: frozenset[str], database: Database, chance: random.Random) -> None:
    for _ in range(CANCELS):
        for _ in range(chance.randrange(8)):
            await asyncio.sleep(0)
        await database.read(lambda connection: None)
        if running := _tasks(names):
            chance.choice(running).cancel()


async def test_cancelled_loops_lose_and_repeat_nothing(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Hundreds of times at random moments under load: each message once at the server, once tried, and all accepted."""
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(1_000_000)))
    chance = random.Random(seed)
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=SHORT_S, heartbeat_s=SHORT_S)
    ids = await delivery.enqueue(MESSAGES)
    async with delivery.running():
        await _cancel_at_random(LOOPS, database, chance)
        delivery.ring.ring()
        await delivery.wait_for(MessageAccepted, MESSAGES)
    assert MESSAGES == len({one.message_id for one in server.messages}) == len(server.messages), f"seed {seed}"
    assert {("accepted", 1)} == {(await _state_and_tries(delivery, row_id)) for row_id in ids}, f"seed {seed}"
    assert [] == [*delivery.of(ClaimLost), *delivery.of(MessagesRecovered)], f"seed {seed}"
    restarted = {event.task for event in delivery.of(WorkerRestarted)}
    assert restarted == {"worker", "commits", *(["heartbeat"] if database.shared else [])}, f"seed {seed}"


async def test_cancelled_attempts_and_commits_lose_nothing(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Besides the loops, tries and commits under way: everything is accepted, or may have been taken and says so."""
    seed = int(os.environ.get("FAULTS_SEED", random.randrange(1_000_000)))
    chance = random.Random(seed)
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=SHORT_S, heartbeat_s=SHORT_S)
    ids = await delivery.enqueue(MESSAGES)
    async with delivery.running():
        await _cancel_at_random(LOOPS | {"gatepost-attempt", "gatepost-commit"}, database, chance)
        async with asyncio.timeout(DEADLINE_S):
            while not set(states := [await state_of(database, one) for one in ids]) <= {"accepted", "unknown"}:
                clock.move(8.0)  # what was deferred is due
                delivery.ring.ring()
                await asyncio.sleep(SHORT_S)
    received = [message.message_id for message in server.messages]
    accepted = {
        (await delivery.find(one)).message.message_id for one in ids if await state_of(database, one) == "accepted"
    }
    assert accepted <= set(received), f"seed {seed}"
    copies = len(received) - len(set(received))
    assert copies <= states.count("unknown") + len(delivery.of(MessageUnknown)), f"seed {seed}"
    assert [] == delivery.of(MessageDeferred), f"seed {seed}"


async def test_an_attempt_cancelled_from_outside_is_given_back(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Nothing of it was handed over, whether its mark is durable by now or not: uncounted, and tried again."""
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang(), times=1)
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=SHORT_S)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await wait(there)
        (attempt,) = _tasks(frozenset({"gatepost-attempt"}))
        attempt.cancel()
        await delivery.wait_for(MessageAccepted)
    assert ["worker_died", "accepted"] == [one.outcome for one in (await delivery.find(row_id)).attempts]
    assert (1, 1) == (len(delivery.of(WorkerFailed)), len(server.messages))


@pytest.mark.parametrize("name", ["worker", "commits", "heartbeat"])
async def test_a_restart_is_told(database: Database, server: SubmissionServer, clock: MovableClock, name: str) -> None:
    """Which task, and how it ended; and mail goes on."""
    if name == "heartbeat" and not database.shared:
        pytest.skip("a SQLite file has one worker, and nobody to prove to that it lives")
    there = reached(server, Step.RCPT)
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=SHORT_S)
    async with delivery.running():
        await delivery.enqueue(20)
        await wait(there)
        while not (found := _tasks(frozenset({f"gatepost-{name}"}))):
            await database.read(lambda connection: None)
        found[0].cancel()
        await delivery.wait_for(WorkerRestarted)
        assert delivery.worker.running
        await delivery.wait_for(MessageAccepted, 20)
    assert [(name, "cancelled")] == [(event.task, event.error) for event in delivery.of(WorkerRestarted)]


async def test_a_task_that_raises_runs_again_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was: within a second, and not at once, which would be a loop."""
    monkeypatch.setattr(supervision, "RESTART_AFTER_S", 0.01)
    runs, again, heard, events = 0, asyncio.Event(), list[Event](), Events()
    events.subscribe(heard.append)

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ZeroDivisionError
        again.set()
        await asyncio.Event().wait()

    task = Supervised("tried", run, events)
    task.start()
    await wait(again)
    assert [("tried", "ZeroDivisionError()")] * 2 == [
        (event.task, event.error) for event in heard if isinstance(event, WorkerRestarted)
    ]
    next(iter(_tasks(frozenset({"gatepost-tried"})))).cancel()
    task._stopping = True
    await task.stop()
    assert not task.running


async def _state_and_tries(delivery: Delivery, row_id: object) -> tuple[str, int]:
    found = await delivery.find(row_id)  # type: ignore[arg-type]
    return found.message.state, len(found.attempts)
