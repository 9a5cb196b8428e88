"""What a worker does while its transport has no room: an outage, a server that is slow to start, a rate."""

from gatepost.database.connection import Database
from gatepost.events import MessageAccepted, MessageDeferred
from tests.support.clock import MovableClock
from tests.support.delivery import NEVER_S, Delivery
from tests.support.outbox import draft, enqueue_all, state_of, value_of
from tests.support.rooms import Bounded


async def test_nothing_is_claimed_without_room(database: Database, clock: MovableClock) -> None:
    """No row is written and nobody is tried; when there is room again the bell rings, and everything goes."""
    transport = Bounded(room=0)
    delivery = Delivery(database, transport, clock, poll_s=NEVER_S)
    async with delivery.running():
        ids = await delivery.enqueue(5)
        await delivery.at_rest(lambda: True)
        assert {0} == {await value_of(database, row_id, "claim_number") for row_id in ids}
        transport.make_room()
        await delivery.wait_for(MessageAccepted, 5)
    assert 5 == len(transport.messages)


async def test_an_outage_counts_no_try_and_keeps_the_order(database: Database, clock: MovableClock) -> None:
    """Found out by one message of three: after the outage the oldest goes first, with its first counted try."""
    transport = Bounded(room=1)
    transport.away = True
    delivery = Delivery(database, transport, clock, slots=1, poll_s=NEVER_S)
    people = ["first@example.com", "second@example.com", "third@example.com"]
    ids = [
        (await enqueue_all(database, draft(recipient=one), now_ms=clock.now_ms() - 60_000 + 1_000 * number))[0]
        for number, one in enumerate(people)
    ]
    async with delivery.running():
        (deferred,) = await delivery.wait_for(MessageDeferred)
        assert ("unreachable", 0) == (deferred.reason, deferred.attempt)
        await delivery.at_rest(lambda: True)
        assert ["deferred", "queued", "queued"] == [await state_of(database, row_id) for row_id in ids]
        transport.away = False
        transport.make_room()
        await delivery.wait_for(MessageAccepted, 3)
    assert [people[0], *people] == transport.begun
    first = await delivery.find(ids[0])
    assert [("unreachable", None), ("accepted", 1)] == [(one.outcome, one.number) for one in first.attempts]


async def test_no_more_is_claimed_than_there_is_room_for(database: Database, clock: MovableClock) -> None:
    """Two of five: what a server that has just come back, or its rate, allows."""
    transport = Bounded(room=2)
    delivery = Delivery(database, transport, clock, poll_s=NEVER_S)
    ids = await delivery.enqueue(5)
    async with delivery.running():
        await delivery.wait_for(MessageAccepted, 2)
        await delivery.at_rest(lambda: True)
        assert 2 == len(transport.begun)
        assert [0, 0, 0] == sorted([await value_of(database, row_id, "claim_number") for row_id in ids])[:3]
        transport.make_room(3)
        await delivery.wait_for(MessageAccepted, 5)
