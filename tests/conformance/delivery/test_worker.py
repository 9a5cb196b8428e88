"""The worker against a real SMTP server: what it does with what the server says, and how it stops."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy import Connection

from gatepost.database.connection import Database
from gatepost.delivery import commits, worker
from gatepost.delivery.chores import Announced
from gatepost.errors import InvalidRecipient, TemplateError
from gatepost.events import (
    ClaimLost,
    MessageAccepted,
    MessageCancelled,
    MessageDeferred,
    MessageExpired,
    MessageFailed,
    MessageGivenBack,
    MessageHeld,
    MessagesAnonymised,
    MessagesPruned,
    MessagesRecovered,
    MessageUnknown,
)
from gatepost.mail.draft import IfUnknown
from gatepost.mail.templates import Templates
from gatepost.outbox.claim import Claimed, Skip
from gatepost.signals import StopSign
from gatepost.testing import Drop, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.transport import Envelope
from tests.support.clock import MovableClock
from tests.support.delivery import DEADLINE_S, Delivery, reached, smtp_to, wait
from tests.support.troubled import Troubled


@pytest.fixture
def delivery(database: Database, server: SubmissionServer, clock: MovableClock) -> Delivery:
    """A worker of 8 slots in front of it."""
    return Delivery(database, smtp_to(server.port), clock)


async def test_a_message_is_accepted_once_and_says_how(delivery: Delivery, server: SubmissionServer) -> None:
    """One copy at the server, one attempt in the database, one event."""
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        (event,) = await delivery.wait_for(MessageAccepted)
    found = await delivery.find(row_id)
    (attempt,) = found.attempts
    assert ("accepted", 1, 250, "final_reply") == (
        found.message.state,
        attempt.number,
        attempt.reply_code,
        attempt.phase,
    )
    assert [found.message.message_id] == [message.message_id for message in server.messages]
    assert (str(row_id), 1, f"127.0.0.1:{server.port}") == (event.message, event.attempt, event.server)


async def test_a_backlog_goes_out_with_no_more_in_flight_than_slots(
    delivery: Delivery, server: SubmissionServer
) -> None:
    """300 messages, 8 slots: never more than 8 connections, every message once."""
    await delivery.enqueue(300)
    async with delivery.running():
        await delivery.wait_for(MessageAccepted, 300)
    assert 300 == len({message.message_id for message in server.messages}) == len(server.messages)
    assert server.connections_max <= 8


async def test_the_mark_is_durable_before_the_content_can_be_taken(
    delivery: Delivery, server: SubmissionServer
) -> None:
    """When the server has read the final dot and nothing else has happened, the row says `committing`."""
    there = reached(server, Step.DOT)
    server.at(Step.DOT, Hang())
    async with delivery.running(grace_s=0):
        (row_id,) = await delivery.enqueue()
        await wait(there)
        assert "committing" == (await delivery.find(row_id)).message.state
        assert [] == server.messages


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.DOT])
async def test_a_transient_refusal_is_tried_again(delivery: Delivery, server: SubmissionServer, step: Step) -> None:
    """4yz at any step: deferred, due about 5 s later, then accepted."""
    server.at(step, Refuse("451 4.3.0 come back later"), times=1)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        (deferred,) = await delivery.wait_for(MessageDeferred)
        assert 3_900 <= deferred.due_in_ms <= 6_000
        delivery.clock.move(7)
        delivery.ring.ring()
        await delivery.wait_for(MessageAccepted)
    first, second = (await delivery.find(row_id)).attempts
    assert (1, "transient", 451, "4.3.0") == (first.number, first.outcome, first.reply_code, first.enhanced_status)
    assert (2, "accepted") == (second.number, second.outcome)


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.DOT])
async def test_a_permanent_refusal_fails_at_once(delivery: Delivery, server: SubmissionServer, step: Step) -> None:
    """5yz at any step: one attempt, and support reads what the server said."""
    server.at(step, Refuse("550 5.1.1 no such user here"))
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageFailed)
    found = await delivery.find(row_id)
    (attempt,) = found.attempts
    assert ("failed", "refused", 550, "5.1.1") == (
        found.message.state,
        found.message.reason,
        attempt.reply_code,
        attempt.enhanced_status,
    )
    assert "no such user here" in str(attempt.reply_text)


async def test_a_server_that_is_away_gets_everything_when_it_is_back(
    delivery: Delivery, server: SubmissionServer
) -> None:
    """Nothing is lost, nothing comes twice, and no try counts but the one that was accepted."""
    await server.stop()
    async with delivery.running():
        ids = await delivery.enqueue(20)
        await delivery.wait_for(MessageDeferred)
        await server.start()
        await delivery.wait_for(MessageAccepted, 20)
    assert 20 == len({message.message_id for message in server.messages}) == len(server.messages)
    assert {1} == {(await delivery.find(row_id)).message.attempts for row_id in ids}


async def test_a_message_expires_when_no_server_takes_it_in_time(delivery: Delivery, server: SubmissionServer) -> None:
    """Deferred until its end, then expired, without another try."""
    server.at(Step.RCPT, Refuse("450 4.2.0 not now"))
    async with delivery.running():
        (row_id,) = await delivery.enqueue(expires_in_s=60)
        await delivery.wait_for(MessageDeferred)
        delivery.clock.move(61)
        delivery.ring.ring()
        await delivery.wait_for(MessageExpired)
    found = await delivery.find(row_id)
    assert ("expired", 1, []) == (found.message.state, len(found.attempts), delivery.of(ClaimLost))


async def test_a_line_that_breaks_after_the_final_dot_leaves_the_message_unknown(
    delivery: Delivery, server: SubmissionServer
) -> None:
    """The policy `again` sends a copy with the same Message-ID 30 s later."""
    server.at(Step.TAKEN, Drop(), times=1)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageUnknown)
        assert "unknown" == (await delivery.find(row_id)).message.state
        delivery.clock.move(31)
        delivery.ring.ring()
        await delivery.wait_for(MessageAccepted)
    assert 1 == len({message.message_id for message in server.messages})
    assert 2 == len(server.messages)


async def test_a_message_that_must_not_come_twice_stays_unknown(delivery: Delivery, server: SubmissionServer) -> None:
    """`never_twice`: shown to whoever looks, and never copied."""
    server.at(Step.TAKEN, Drop(), times=1)
    async with delivery.running():
        (row_id,) = await delivery.enqueue(if_unknown=IfUnknown.NEVER_TWICE)
        await delivery.wait_for(MessageUnknown)
        delivery.clock.move(3600)
        await delivery.enqueue()
        await delivery.wait_for(MessageAccepted)
    assert "unknown" == (await delivery.find(row_id)).message.state
    assert 2 == len(server.messages)


async def test_a_stop_gives_back_what_has_no_content_yet(delivery: Delivery, server: SubmissionServer) -> None:
    """Hung at RCPT: queued again, uncounted, nothing left `sending`."""
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang())
    async with delivery.running(grace_s=0.2):
        (row_id,) = await delivery.enqueue()
        await wait(there)
    found = await delivery.find(row_id)
    assert ("queued", 0, None) == (found.message.state, found.message.attempts, found.attempts[0].number)
    assert 1 == len(delivery.of(MessageGivenBack))


async def test_a_stop_leaves_what_has_content_unknown(delivery: Delivery, server: SubmissionServer) -> None:
    """Hung after the final dot: nobody knows, so the row says so and its policy takes over."""
    there = reached(server, Step.DOT)
    server.at(Step.DOT, Hang())
    async with delivery.running(grace_s=0.3):
        (row_id,) = await delivery.enqueue()
        await wait(there)
    found = await delivery.find(row_id)
    assert ("unknown", "stopped") == (found.message.state, found.message.reason)
    assert found.message.due_at is not None


async def test_a_stop_lets_attempts_finish_within_the_grace(delivery: Delivery, server: SubmissionServer) -> None:
    """A slow answer inside the grace is an accepted message, not an abandoned one."""
    server.delay_s = 0.3
    there = reached(server, Step.RCPT)
    async with delivery.running(grace_s=10):
        (row_id,) = await delivery.enqueue()
        await wait(there)
    assert "accepted" == (await delivery.find(row_id)).message.state


async def test_a_stopping_worker_claims_nothing_more(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """One slot, ten waiting, one in flight: nine are still queued after the stop."""
    delivery = Delivery(database, smtp_to(server.port), clock, slots=1)
    server.delay_s = 0.3
    there = reached(server, Step.RCPT)
    ids = await delivery.enqueue(10)
    async with delivery.running(grace_s=10):
        await wait(there)
    states = [(await delivery.find(row_id)).message.state for row_id in ids]
    assert (1, 9) == (states.count("accepted"), states.count("queued"))


async def test_a_message_its_template_cannot_make_is_held(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """A mistake of ours in a template stops this message, not the worker, and loses nothing."""

    def compose(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
        raise TemplateError("templates/welcome/en/body.txt needs a value that is not given: nickname")

    delivery = Delivery(database, smtp_to(server.port), clock, compose=compose)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageHeld)
    found = await delivery.find(row_id)
    assert ("held", "cannot_compose") == (found.message.state, found.message.reason)
    assert "nickname" in str(found.attempts[0].reply_text)


async def test_a_message_without_its_template_is_left_for_a_worker_that_has_it(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """One worker began with another folder of templates, or before an upgrade: nothing is held, nothing counts."""

    def compose(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
        rendered = Templates().render(claimed.template, claimed.locale, values)
        raise AssertionError(f"there is a template: {rendered}")

    without = Delivery(database, smtp_to(server.port), clock, compose=compose)
    async with without.running():
        (row_id,) = await without.enqueue(template="invitation")
        await without.wait_for(MessageDeferred)
    found = await without.find(row_id)
    assert ("deferred", "template_unknown", 0) == (found.message.state, found.message.reason, found.message.attempts)
    clock.move(seconds=10)
    having = Delivery(database, smtp_to(server.port), clock)
    async with having.running():
        await having.wait_for(MessageAccepted)
    assert "accepted" == (await having.find(row_id)).message.state


async def test_a_poisoned_recipient_never_reaches_the_wire(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Whatever stands in the row: no MAIL, the message failed."""

    def compose(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
        raise InvalidRecipient("the stored recipient is no address")

    delivery = Delivery(database, smtp_to(server.port), clock, compose=compose)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageFailed)
    assert "invalid_recipient" == (await delivery.find(row_id)).message.reason
    assert 0 == server.connections_total


async def test_what_is_not_wanted_any_more_is_cancelled_without_a_try(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Its token was used: cancelled as superseded, in the claim's own transaction."""
    delivery = Delivery(
        database, smtp_to(server.port), clock, prepare=lambda tx, claimed, now_ms: [Skip("superseded") for _ in claimed]
    )
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageCancelled)
    found = await delivery.find(row_id)
    assert ("cancelled", "superseded", ()) == (found.message.state, found.message.reason, found.attempts)


async def test_what_a_dead_process_left_goes_out_after_the_start(
    delivery: Delivery, server: SubmissionServer, database: Database
) -> None:
    """Owned by somebody whose lock is gone: recovered before the first claim."""
    (row_id,) = await delivery.enqueue()
    await database.write(
        lambda tx: (
            tx.exec_driver_sql(
                "UPDATE messages SET state='sending', owner='dead:1', claim_number=1, started_at=1"
            ).rowcount
        )
    )
    async with delivery.running():
        await delivery.wait_for(MessageAccepted)
    assert [(1, 0)] == [(event.due_again, event.unknown) for event in delivery.of(MessagesRecovered)]
    outcomes = [one.outcome for one in (await delivery.find(row_id)).attempts]
    assert ["worker_died", "accepted"] == outcomes


async def test_chores_are_done_at_the_start_and_every_ten_minutes(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Old rows are deleted beside the mail, in transactions of their own, batch by batch until none are left."""
    batches, loop, looked = [500, 3, 0, 7, 0], asyncio.get_running_loop(), asyncio.Semaphore(0)

    def chore(tx: Connection, now_ms: int) -> int:
        loop.call_soon_threadsafe(looked.release)
        return batches.pop(0)

    delivery = Delivery(database, smtp_to(server.port), clock, chores=(chore,))
    async with asyncio.timeout(DEADLINE_S), delivery.running():
        for look in range(5):
            clock.move(601 if look == 3 else 1)
            delivery.ring.ring()
            await looked.acquire()
    assert ([500, 3, 7], []) == ([event.count for event in delivery.of(MessagesPruned)], batches)


async def test_a_chore_may_have_an_event_of_its_own(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """In place of the one that tells of all others."""
    counts = [2, 0]
    chore = Announced(lambda tx, now_ms: counts.pop(0) if counts else 0, MessagesAnonymised)
    delivery = Delivery(database, smtp_to(server.port), clock, chores=(chore,))
    async with delivery.running():
        await delivery.wait_for(MessagesAnonymised)
    assert ([2], []) == ([event.count for event in delivery.of(MessagesAnonymised)], delivery.of(MessagesPruned))


async def test_a_stolen_claim_is_noticed_before_the_content(
    delivery: Delivery, server: SubmissionServer, database: Database
) -> None:
    """Somebody else owns the row by the time of the mark: the dialogue is broken off, nothing is written."""
    there = reached(server, Step.CONNECT)
    server.at(Step.CONNECT, Hang())
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await wait(there)
        await database.write(
            lambda tx: tx.exec_driver_sql("UPDATE messages SET owner='thief', claim_number=claim_number+1").rowcount
        )
        server.clear()
        await delivery.wait_for(ClaimLost)
    assert [] == server.messages
    assert "sending" == (await delivery.find(row_id)).message.state


async def test_a_claim_nobody_heard_of_is_found_again(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit of a claim was durable, its answer was lost: the messages are ours and nobody works on them."""
    monkeypatch.setattr(worker, "AFTER_FAILURE_S", 0.01)
    losing = Troubled(database)
    delivery = Delivery(losing, smtp_to(server.port), clock)
    (row_id,) = await delivery.enqueue()
    await delivery.worker.start()
    losing.answers_to_lose = 1
    await delivery.wait_for(MessageAccepted)
    await delivery.worker.stop(1, StopSign())
    assert [1] == [event.due_again for event in delivery.of(MessagesRecovered)]
    assert ["worker_died", "accepted"] == [one.outcome for one in (await delivery.find(row_id)).attempts]
    assert 1 == len(server.messages)


async def test_a_result_whose_answer_is_lost_is_written_once(
    database: Database, server: SubmissionServer, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt asks again, finds its own row, and tells of the acceptance: one copy, one attempt, one event."""
    monkeypatch.setattr(commits, "SETTLE_RETRY_S", 0.01)
    losing = Troubled(database)
    delivery = Delivery(losing, smtp_to(server.port), clock)
    server.on_accepted = lambda message: setattr(losing, "answers_to_lose", 1)
    async with delivery.running():
        (row_id,) = await delivery.enqueue()
        await delivery.wait_for(MessageAccepted)
    found = await delivery.find(row_id)
    assert ("accepted", 1, 1) == (found.message.state, len(found.attempts), len(server.messages))
