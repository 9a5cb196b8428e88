"""The wall clock is set back while messages wait: they were due before, so they are due after it."""

from gatepost.database.connection import Database
from gatepost.events import MessageAccepted, WorkerStarted
from tests.support.clock import MovableClock
from tests.support.delivery import SHORT_S, Delivery
from tests.support.rooms import Bounded

HOUR_S = 3_600


async def test_what_waits_is_due_although_the_clock_was_set_back(database: Database, clock: MovableClock) -> None:
    """Messages that could not be claimed before the jump go out after it, and not in an hour."""
    transport = Bounded(room=0)
    delivery = Delivery(database, transport, clock, poll_s=SHORT_S)
    async with delivery.running():
        await delivery.wait_for(WorkerStarted)
        ids = await delivery.enqueue(3)
        await delivery.at_rest(lambda: True)
        clock.set(-HOUR_S)
        transport.make_room()
        told = await delivery.wait_for(MessageAccepted, 3)
    assert sorted(map(str, ids)) == sorted(event.message for event in told)


async def test_a_clock_set_back_before_the_start_strands_nobody(database: Database, clock: MovableClock) -> None:
    """The worker hears nothing of that jump: what was made in the future goes out at once all the same."""
    delivery = Delivery(database, Bounded(), clock)
    ids = await delivery.enqueue(3)
    clock.set(-HOUR_S)
    async with delivery.running():
        told = await delivery.wait_for(MessageAccepted, 3)
    assert sorted(map(str, ids)) == sorted(event.message for event in told)
