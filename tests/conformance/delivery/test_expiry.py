"""Messages whose end comes while no server can be used: they become `expired`, and nobody claims them for that."""

import uuid

import pytest

from gatepost.database.connection import Database
from gatepost.events import MessageExpired
from gatepost.mail.draft import Priority
from gatepost.outbox import expire as expiring
from gatepost.outbox.expire import START, Place, expire, overdue
from tests.support.clock import MovableClock
from tests.support.delivery import SHORT_S, Delivery
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of, value_of
from tests.support.rooms import Bounded

LIFE_S = 60
LATER_MS = NOW_MS + LIFE_S * 1000


async def test_messages_expire_in_an_outage(database: Database, clock: MovableClock) -> None:
    """Nothing can be claimed: those whose end has come expire and are told of, the others wait on."""
    delivery = Delivery(database, Bounded(room=0), clock, poll_s=SHORT_S)
    short = await delivery.enqueue(3, expires_in_s=LIFE_S)
    (long,) = await delivery.enqueue()
    async with delivery.running():
        await delivery.at_rest(lambda: True)
        assert [] == delivery.of(MessageExpired)
        clock.move(LIFE_S)
        delivery.ring.ring()
        told = await delivery.wait_for(MessageExpired, 3)
    assert sorted(map(str, short)) == sorted(event.message for event in told)
    assert {("expired", "expired", None)} == {await _end(database, row_id) for row_id in short}
    assert "queued" == await state_of(database, long)


async def test_every_overdue_message_is_found_piece_by_piece(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty of both priorities and all of one instant, three at a time: each is met once, none is left."""
    monkeypatch.setattr(expiring, "WALKED_AT_ONCE", 3)
    monkeypatch.setattr(expiring, "_ALONG", expiring._ALONG.limit(3))
    drafts = [draft(expires_in_s=LIFE_S, priority=Priority(number % 2)) for number in range(20)]
    ids = await enqueue_all(database, *drafts)
    await enqueue_all(database, *[draft() for _ in range(5)])
    found, place, pieces = list[uuid.UUID](), START, 0
    while pieces == 0 or place != START:
        some, place = await database.read(lambda tx, at=place: overdue(tx, at, LATER_MS))
        found, pieces = found + some, pieces + 1
    assert sorted(ids) == sorted(found)
    assert pieces <= 2 * 20


async def test_a_place_is_an_instant_and_how_many_of_it_were_passed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the walk gets past any number of messages that are due at the same instant."""
    monkeypatch.setattr(expiring, "WALKED_AT_ONCE", 2)
    monkeypatch.setattr(expiring, "_ALONG", expiring._ALONG.limit(2))
    await enqueue_all(database, *[draft(priority=Priority.URGENT) for _ in range(5)])
    _, first = await database.read(lambda tx: overdue(tx, START, NOW_MS))
    _, second = await database.read(lambda tx: overdue(tx, first, NOW_MS))
    _, end = await database.read(lambda tx: overdue(tx, second, NOW_MS))
    urgent, normal = Priority.URGENT, Priority.NORMAL
    assert [Place(urgent, NOW_MS, 2), Place(urgent, NOW_MS, 4), Place(normal, 0, 0)] == [first, second, end]


async def test_what_was_claimed_meanwhile_does_not_expire(database: Database) -> None:
    """It was found overdue, and a worker was quicker: that one decides."""
    soon_over = draft(expires_in_s=LIFE_S, priority=Priority.URGENT)
    waiting, claimed = await enqueue_all(database, soon_over, soon_over)
    found, _ = await database.read(lambda tx: overdue(tx, START, LATER_MS))
    (one,) = await claim_as(database, limit=1)
    gone = await database.write(lambda tx: expire(tx, found, LATER_MS))
    assert {waiting, claimed} - {one.id} == {other.id for other in gone}
    assert "sending" == await state_of(database, one.id)


async def test_a_message_not_at_its_end_does_not_expire(database: Database) -> None:
    """Whoever asks: the end is looked at again in the write."""
    (row_id,) = await enqueue_all(database, draft(expires_in_s=LIFE_S))
    assert [] == await database.write(lambda tx: expire(tx, [row_id], LATER_MS - 1))
    assert [row_id] == [one.id for one in await database.write(lambda tx: expire(tx, [row_id], LATER_MS))]


async def _end(database: Database, row_id: uuid.UUID) -> tuple[object, ...]:
    return tuple([await value_of(database, row_id, name) for name in ("state", "reason", "due_at")])
