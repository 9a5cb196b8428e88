"""Mailboxes that take nothing at present: each message that is over because of it counts, and the fifth suppresses."""

import pytest
from sqlalchemy import Connection, select

from gatepost.database.connection import Database
from gatepost.events import AddressSuppressed, MessageAccepted, MessageDeferred, MessageExpired, MessageFailed
from gatepost.suppression.tables import soft_bounces
from gatepost.testing import Refuse, Step, SubmissionServer
from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply import Outcome, Phase, Reply
from tests.support.clock import MovableClock
from tests.support.delivery import SHORT_S, Delivery, smtp_to
from tests.support.outbox import state_of
from tests.support.rooms import Bounded
from tests.support.suppressing import DAY_MS, rows

DISABLED = Refuse("550 5.2.1 Mailbox disabled")
FULL = Refuse("452 4.2.2 Mailbox full")
LIFE_S = 600.0


async def test_the_fifth_message_to_a_disabled_mailbox_suppresses_it(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Four say nothing yet; the fifth does, for fourteen days."""
    server.at(Step.RCPT, DISABLED)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue(4)
        await delivery.wait_for(MessageFailed, 4)
        await delivery.at_rest(lambda: True)
        assert [] == await rows(database)
        (fifth,) = await delivery.enqueue()
        (told,) = await delivery.wait_for(AddressSuppressed)
    (row,) = await rows(database)
    assert ("soft_bounces", "all", fifth) == (row["reason"], row["scope"], row["message"])
    assert (14 * DAY_MS, "soft_bounces") == (row["expires_at"] - row["created_at"], told.reason)


async def test_a_message_that_arrives_in_the_end_does_not_count(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """A full mailbox defers however often: only a message that is over because of it counts, and once."""
    server.at(Step.RCPT, FULL, times=10)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue(2)
        for tries in range(1, 6):
            await delivery.wait_for(MessageDeferred, 2 * tries)
            await delivery.at_rest(lambda: True)
            clock.move(3 * 3600)
            delivery.ring.ring()
        await delivery.wait_for(MessageAccepted, 2)
    assert ([], []) == (await rows(database), await _causes(database))


@pytest.mark.parametrize("walked", [False, True], ids=["found by a claim", "found by a walk"])
async def test_a_message_that_expires_at_a_full_mailbox_counts(
    database: Database, server: SubmissionServer, clock: MovableClock, walked: bool
) -> None:
    """Five such messages suppress the address, whether a claim meets their end or a walk while no server is there."""
    server.at(Step.RCPT, FULL)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        ids = await delivery.enqueue(5, expires_in_s=LIFE_S)
        await delivery.wait_for(MessageDeferred, 5)
    transport = Bounded(room=0) if walked else smtp_to(server.port)
    later = Delivery(database, transport, clock, poll_s=SHORT_S)
    clock.move(LIFE_S)
    async with later.running():
        later.ring.ring()
        await later.wait_for(MessageExpired, 5)
        (told,) = await later.wait_for(AddressSuppressed)
    assert (1, 5, "soft_bounces") == (len(await rows(database)), len(await _causes(database)), told.reason)
    assert {"expired"} == {await state_of(database, row_id) for row_id in ids}


async def test_the_last_reply_decides_what_an_expired_message_says(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Full at first and something else in the end, or never tried: neither says anything of the mailbox."""
    server.at(Step.RCPT, FULL, times=5)
    server.at(Step.RCPT, Refuse("451 4.3.0 Trouble"))
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await delivery.enqueue(5, expires_in_s=LIFE_S)
        await delivery.wait_for(MessageDeferred, 5)
        await delivery.at_rest(lambda: True)
        clock.move(60)
        delivery.ring.ring()
        await delivery.wait_for(MessageDeferred, 10)
    await delivery.enqueue(5, expires_in_s=1.0)
    later = Delivery(database, smtp_to(server.port), clock)
    clock.move(LIFE_S)
    async with later.running():
        later.ring.ring()
        await later.wait_for(MessageExpired, 10)
    assert ([], []) == (await rows(database), await _causes(database))


async def test_an_outage_before_the_end_does_not_hide_a_full_mailbox(database: Database, clock: MovableClock) -> None:
    """Tries that do not count say nothing: the last that did count was about the mailbox."""
    away = Reply(Outcome.UNREACHABLE, Phase.CONNECT)
    full = Reply(Outcome.TRANSIENT, Phase.RCPT, 452, "4.2.2", "4.2.2 Mailbox full")
    transport = MemoryTransport()
    transport.answer_with(full, *[away] * 20)
    delivery = Delivery(database, transport, clock)
    async with delivery.running():
        (row_id,) = await delivery.enqueue(expires_in_s=LIFE_S)
        for tries, seconds in enumerate((60, 60, LIFE_S), 1):
            await delivery.wait_for(MessageDeferred, tries)
            await delivery.at_rest(lambda: True)
            clock.move(seconds)
            delivery.ring.ring()
        await delivery.wait_for(MessageExpired)
    assert [row_id.bytes] == await _causes(database)


async def _causes(database: Database) -> list[bytes]:
    def query(connection: Connection) -> list[bytes]:
        return [bytes(cause) for cause in connection.execute(select(soft_bounces.c.cause)).scalars()]

    return await database.read(query)
