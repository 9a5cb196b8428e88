"""What a worker writes together, how soon its slots are free, and how much may be doubtful when it dies."""

import asyncio
from typing import TypeVar

import pytest

from gatepost.database.connection import Database, Work
from gatepost.delivery import attempt, commits, worker
from gatepost.delivery.batch import Batch
from gatepost.delivery.commits import MAX_UNSETTLED
from gatepost.errors import DatabaseUnavailable
from gatepost.events import (
    ClaimLost,
    MessageAccepted,
    MessageGivenBack,
    MessagesRecovered,
    WorkerFailed,
    WorkerStopped,
)
from gatepost.testing import Call, Hang, Step, SubmissionServer
from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Outcome, Phase, Reply
from tests.support.clock import MovableClock
from tests.support.commits import Watched
from tests.support.delivery import DEADLINE_S, NEVER_S, Delivery, reached, smtp_to, wait
from tests.support.outbox import state_of

T = TypeVar("T")


async def test_a_lone_message_waits_for_nobody(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """At low load claim, mark and result are a commit each, begun as soon as they are asked for."""
    watched = Watched(database)
    delivery = Delivery(watched, smtp_to(server.port), clock, poll_s=NEVER_S)
    async with delivery.running():
        await delivery.enqueue()
        await delivery.wait_for(MessageAccepted)
    parts = [(len(one.results), len(one.marks), one.look is not None) for one in watched.batches]
    assert [(0, 0, True), (0, 1, False), (1, 0, False)] == parts[-3:]


async def test_a_slot_is_free_when_the_reply_is_known(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """One slot: the next message is claimed in the very commit that makes the result before it durable."""
    watched = Watched(database)
    delivery = Delivery(watched, smtp_to(server.port), clock, slots=1, poll_s=NEVER_S)
    await delivery.enqueue(5)
    async with delivery.running():
        await delivery.wait_for(MessageAccepted, 5)
    together = [one for one in watched.batches if one.results and one.look is not None]
    assert [1] * 5 == [one.look.free for one in together if one.look is not None]


async def test_marks_of_several_messages_share_a_commit(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """A backlog of 160 with 16 slots takes fewer commits than messages, where each message has three parts."""
    watched = Watched(database)
    delivery = Delivery(watched, smtp_to(server.port, connections=16), clock, slots=16)
    await delivery.enqueue(160)
    async with delivery.running():
        await delivery.wait_for(MessageAccepted, 160)
    assert 160 == len({message.message_id for message in server.messages}) == len(server.messages)
    assert len(watched.batches) < 160
    assert max(len(one.marks) for one in watched.batches) > 1


async def test_no_more_than_32_messages_may_be_doubtful(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """48 slots before a server that goes silent at the final dot: 32 are `committing`, then the others follow."""
    arrived: list[None] = []
    server.at(Step.DOT, Call(lambda: arrived.append(None)))
    server.at(Step.DOT, Hang())
    slots = MAX_UNSETTLED + 16
    delivery = Delivery(database, smtp_to(server.port, connections=slots, attempt_timeout_s=20), clock, slots=slots)
    everybody = [f"mira@{number}.example.com" for number in range(slots)]
    ids = [(await delivery.enqueue(recipient=one, recipient_key=one))[0] for one in everybody]
    async with delivery.running():
        await delivery.at_rest(lambda: len(arrived) == MAX_UNSETTLED)
        states = [await state_of(database, row_id) for row_id in ids]
        assert (32, 16) == (states.count("committing"), states.count("sending"))
        server.clear()
        await delivery.wait_for(MessageAccepted, slots)
    assert slots == len({message.message_id for message in server.messages}) == len(server.messages)


async def test_a_stop_writes_the_result_that_could_not_be_written_before(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """The server took it and the database was away: the last write of the worker says `accepted`, not `unknown`."""
    watched = Watched(database)

    def break_results() -> None:
        if watched.batches and watched.batches[-1].results and not broken:
            broken.append(True)
            watched.errors = [DatabaseUnavailable("away")]

    broken: list[bool] = []
    watched.before = break_results
    delivery = Delivery(watched, smtp_to(server.port), clock, poll_s=NEVER_S)
    async with delivery.running(grace_s=0):
        (row_id,) = await delivery.enqueue()
        await delivery.at_rest(lambda: bool(broken))
    assert "accepted" == await state_of(database, row_id)
    assert (1, 1) == (len(delivery.of(MessageAccepted)), len(server.messages))


async def test_a_database_away_at_the_mark_costs_no_attempt(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was handed over and the message is not to blame: given back uncounted, then sent."""
    watched = Watched(database)

    def break_marks() -> None:
        if watched.batches and watched.batches[-1].marks and not broken:
            broken.append(True)
            watched.errors = [DatabaseUnavailable("away")]

    broken: list[bool] = []
    watched.before = break_marks
    delivery = Delivery(watched, smtp_to(server.port), clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageGivenBack)
        delivery.ring.ring()
        await delivery.wait_for(MessageAccepted)
    found = await delivery.find(row_id)
    assert ["not_marked", "accepted"] == [one.outcome for one in found.attempts]
    assert (1, 1) == (found.message.attempts, len(server.messages))


async def test_results_that_cannot_be_written_do_not_pile_up(
    database: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two slots, a transport that hands over nothing, claims that succeed and results that do not: 34, no more."""
    monkeypatch.setattr(commits, "SETTLE_RETRY_S", NEVER_S)
    monkeypatch.setattr(worker, "AFTER_FAILURE_S", 0.001)
    refusing = MemoryTransport()
    refusing.answer_with(*[Reply(Outcome.UNREACHABLE, Phase.CONNECT)] * 60)
    watched = Watched(database)

    def break_results() -> None:
        if isinstance(last := watched.works[-1], Batch) and last.results:
            watched.errors = [DatabaseUnavailable("away")]

    watched.before = break_results
    delivery = Delivery(watched, refusing, clock, slots=2, poll_s=0.001)
    ids = await delivery.enqueue(60)

    async def sending() -> int:
        return [await state_of(database, row_id) for row_id in ids].count("sending")

    async with delivery.running(grace_s=0):
        async with asyncio.timeout(DEADLINE_S):
            while await sending() < 2 + MAX_UNSETTLED:
                pass
        await delivery.at_rest(lambda: True)
        assert 2 + MAX_UNSETTLED == await sending()


async def test_nothing_is_claimed_while_strays_are_sought(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot becomes free between the look at what is worked on and the search: a claim would be lost."""
    monkeypatch.setattr(worker, "AFTER_FAILURE_S", 0.001)
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang(), times=1)
    watched = Seeking(database)
    delivery = Delivery(watched, smtp_to(server.port), clock, slots=1, poll_s=0.001, chores=(lambda tx, now_ms: 0,))
    await delivery.enqueue(2)
    async with delivery.running():
        await wait(there)
        watched.errors = [DatabaseUnavailable("away")]  # of whatever is asked next: it makes the worker look for strays
        clock.move(601)  # so that there is something to ask
        async with asyncio.timeout(DEADLINE_S):
            await watched.seeking.wait()
            server.clear()
            server.at(Step.RCPT, Hang())
            while not any(one.results for one in watched.batches):
                await database.read(lambda connection: None)
        await delivery.at_rest(lambda: True)
        watched.go_on.set()
        await delivery.at_rest(lambda: True)
        server.clear()
        await delivery.wait_for(MessageAccepted, 2)
    assert [] == [*delivery.of(MessagesRecovered), *delivery.of(ClaimLost)]
    assert 2 == len(server.messages)


async def test_a_result_that_cannot_be_announced_does_not_keep_the_worker_from_stopping(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug where the event is made: the result is durable, the bug is told, and the stop ends within its grace."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(attempt, "attempt_event", fail)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(WorkerFailed)
    assert "accepted" == await state_of(database, row_id)
    assert [0] == [event.abandoned for event in delivery.of(WorkerStopped)]


class Seeking(Watched):
    """Holds a search for strays until it is told to go on."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.seeking, self.go_on = asyncio.Event(), asyncio.Event()

    async def write(self, work: Work[T]) -> T:
        if "Strays.seek" in getattr(work, "__qualname__", "") and not self.errors:
            self.seeking.set()
            await self.go_on.wait()
        return await super().write(work)
