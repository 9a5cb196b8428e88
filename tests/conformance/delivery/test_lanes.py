"""Slow domains and the worker: one that hangs or puts us off holds up nobody else, however much of it waits."""

from gatepost.database.connection import Database
from gatepost.events import MessageAccepted, MessageDeferred
from gatepost.testing import SubmissionServer
from gatepost.transport.reply import Outcome, Phase, Reply
from tests.support.clock import MovableClock
from tests.support.delivery import NEVER_S, SHORT_S, Delivery, smtp_to
from tests.support.outbox import draft, enqueue_all
from tests.support.slow_domains import SlowDomains


async def test_a_domain_that_hangs_delays_nobody(database: Database, clock: MovableClock) -> None:
    """Eight slots, forty messages to it before twenty to others: those are accepted while it hangs."""
    transport = SlowDomains("hangs.example")
    delivery = Delivery(database, transport, clock, slots=8, poll_s=NEVER_S)
    await _enqueue(delivery, "hangs.example", 40)
    await _enqueue(delivery, "fine.example", 20)
    async with delivery.running(grace_s=0):
        await delivery.wait_for(MessageAccepted, 20)
        await delivery.at_rest(lambda: True)
        assert 7 == transport.under_way["hangs.example"]


async def test_a_domain_that_puts_us_off_is_tried_by_one_message_at_a_time(
    database: Database, clock: MovableClock
) -> None:
    """Until it accepts one; the others need not wait, and then it has its slots again."""
    transport = SlowDomains("busy.example")
    delivery = Delivery(database, transport, clock, slots=8, poll_s=NEVER_S)
    async with delivery.running():
        await _enqueue(delivery, "busy.example", 1)
        await delivery.at_rest(lambda: transport.under_way["busy.example"] == 1)
        transport.answer("busy.example", Reply(Outcome.TRANSIENT, Phase.RCPT, 451), 1)
        await delivery.wait_for(MessageDeferred)
        await _enqueue(delivery, "busy.example", 20)
        await _enqueue(delivery, "fine.example", 5)
        await delivery.wait_for(MessageAccepted, 5)
        await delivery.at_rest(lambda: transport.under_way["busy.example"] == 1)
        for deferred in (2, 3, 4):
            transport.answer("busy.example", Reply(Outcome.TRANSIENT, Phase.RCPT, 451), 1)
            await delivery.wait_for(MessageDeferred, deferred)
            await delivery.at_rest(lambda: transport.under_way["busy.example"] == 1)
        transport.answer("busy.example", Reply(Outcome.ACCEPTED, Phase.FINAL_REPLY, 250), 1)
        await delivery.at_rest(lambda: transport.under_way["busy.example"] == 7)
        transport.open("busy.example")
        await delivery.wait_for(MessageAccepted, 5 + 17)


async def test_a_lane_goes_on_as_soon_as_it_has_room(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """One domain alone, without bell and poll: every message goes, each as soon as one before it ends."""
    delivery = Delivery(database, smtp_to(server.port), clock, slots=4, poll_s=NEVER_S)
    await delivery.enqueue(200)
    async with delivery.running():
        await delivery.wait_for(MessageAccepted, 200)
    assert server.connections_max <= 3


async def test_what_becomes_due_behind_the_walk_is_found(database: Database, clock: MovableClock) -> None:
    """An older message comes back while a lane is full: the walk starts over, at the latest after a second or so."""
    transport = SlowDomains("hangs.example")
    delivery = Delivery(database, transport, clock, slots=4, poll_s=SHORT_S)
    await _enqueue(delivery, "hangs.example", 20)
    async with delivery.running(grace_s=0):
        await delivery.at_rest(lambda: transport.under_way["hangs.example"] == 3)
        late = draft(recipient="a@late.example", recipient_key="a@late.example")
        await enqueue_all(database, late, now_ms=clock.now_ms() - 3_600_000)
        clock.move(2.0)
        await delivery.wait_for(MessageAccepted)


async def _enqueue(delivery: Delivery, domain: str, count: int) -> None:
    await delivery.enqueue(count, recipient=f"a@{domain}", recipient_key=f"a@{domain}")
