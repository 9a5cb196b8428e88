"""The worker and messages that may be what kills the process: each goes alone, and the others go on."""

import uuid

from sqlalchemy import Connection, update

from gatepost.database.connection import Database
from gatepost.events import MessageAccepted, MessageExpired
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.tables import SUSPECTED_AT, messages
from gatepost.testing import Call, Hang, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery, reached, smtp_to, wait
from tests.support.outbox import draft, state_of


async def _suspect(delivery: Delivery, count: int = 1, *, age_ms: int = 0) -> list[uuid.UUID]:
    """Messages whose process died twice in flight; one commit writes both, or a poll might claim them in between."""
    now_ms = delivery.clock.now_ms() - age_ms

    def work(tx: Connection) -> list[uuid.UUID]:
        ids = [enqueue(tx, draft(), now_ms=now_ms, domain="gatepost.example").id for _ in range(count)]
        tx.execute(update(messages).where(messages.c.id.in_(ids)).values(deaths=SUSPECTED_AT))
        return ids

    return await delivery.database.write(work)


async def test_a_suspect_goes_when_nothing_else_is_under_way(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Two suspects and four others: whenever a suspect is with the server, nobody else is."""
    together: list[int] = []
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=0.02)
    others = await delivery.enqueue(4)
    suspects = await _suspect(delivery, 2)

    async with delivery.running():
        server.at(Step.RCPT, Call(lambda: together.append(len(delivery.worker._open))))
        await delivery.wait_for(MessageAccepted, 6)
    order = [uuid.UUID(event.message) for event in delivery.of(MessageAccepted)]
    assert sorted([*others, *suspects]) == sorted(order)
    assert set(suspects) == set(order[:2])
    assert [1, 1] == together[:2]


async def test_what_is_under_way_delays_a_suspect(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """One hangs: the suspect waits, and so does whoever comes; then the suspect goes, alone, then the others."""
    there = reached(server, Step.RCPT)
    server.at(Step.RCPT, Hang(), times=1)
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=0.02)
    async with delivery.running():
        await delivery.enqueue()
        await wait(there)
        (suspect,) = await _suspect(delivery)
        clock.move(1.0)
        delivery.ring.ring()
        await delivery.at_rest(lambda: delivery.worker._claims._alone._waiting_since is not None)
        (late,) = await delivery.enqueue()
        await delivery.at_rest(lambda: True)
        assert ["queued", "queued"] == [await state_of(database, row_id) for row_id in (suspect, late)]
        server.clear()
        accepted = await delivery.wait_for(MessageAccepted, 3)
    assert [str(suspect), str(late)] == [event.message for event in accepted[1:]]


async def test_a_suspect_whose_time_is_up_expires(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Nobody tries it, and the others are not held up."""
    delivery = Delivery(database, smtp_to(server.port), clock, poll_s=0.02)
    (suspect,) = await _suspect(delivery, age_ms=draft().expires_in_s * 1000)
    await delivery.enqueue()
    async with delivery.running():
        await delivery.wait_for(MessageAccepted)
    assert [str(suspect)] == [event.message for event in delivery.of(MessageExpired)]
