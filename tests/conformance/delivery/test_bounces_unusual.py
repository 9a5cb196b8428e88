"""The guard at work: a server that says of everybody that the address does not exist is not believed."""

from gatepost.database.connection import Database
from gatepost.events import AddressSuppressed, BouncesUnusual, MessageAccepted, MessageFailed
from gatepost.suppression.guard import ANSWERS, MAX_HARD
from gatepost.testing import Refuse, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery, smtp_to
from tests.support.suppressing import MIRA, keys_and_reasons, rows

NO_SUCH_USER = Refuse("550 5.1.1 No such user")
DISABLED = Refuse("550 5.2.1 Mailbox disabled")


async def test_a_server_that_refuses_everybody_is_not_believed(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """The first ten are, then there is one alarm, and nobody is suppressed until it serves forty people again."""
    server.at(Step.RCPT, NO_SUCH_USER, recipient="gone-*")
    delivery = Delivery(database, smtp_to(server.port), clock, slots=1)
    async with delivery.running():
        await _one_each(delivery, "gone", 20)
        await delivery.wait_for(MessageFailed, 20)
        assert {(f"gone-{number}@example.com", "hard_bounce") for number in range(10)} == await keys_and_reasons(
            database
        )
        (alarm,) = delivery.of(BouncesUnusual)
        assert (f"127.0.0.1:{server.port}", 11, 11) == (alarm.server, alarm.hard, alarm.answers)
        await _one_each(delivery, "there", ANSWERS - MAX_HARD + 1)
        await delivery.wait_for(MessageAccepted, ANSWERS - MAX_HARD + 1)
        await _one_each(delivery, "gone-late", 1)
        await delivery.wait_for(MessageFailed, 21)
    assert ("gone-late-0@example.com", "hard_bounce") in await keys_and_reasons(database)
    assert (1, 11) == (len(delivery.of(BouncesUnusual)), len(await rows(database)))


async def test_a_server_that_is_not_believed_is_not_believed_about_mailboxes_either(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """What it says of mailboxes that take nothing does not count meanwhile."""
    server.at(Step.RCPT, NO_SUCH_USER, recipient="gone-*")
    server.at(Step.RCPT, DISABLED, recipient=MIRA)
    delivery = Delivery(database, smtp_to(server.port), clock, slots=1)
    async with delivery.running():
        await _one_each(delivery, "gone", MAX_HARD + 1)
        await delivery.wait_for(BouncesUnusual)
        await delivery.enqueue(5)
        await delivery.wait_for(MessageFailed, MAX_HARD + 1 + 5)
    assert MIRA not in {address for address, _ in await keys_and_reasons(database)}


async def test_rules_of_a_server_do_not_make_it_unusual(
    database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Twenty messages taken for spam are a trouble of another kind: no alarm, and a hard bounce is believed."""
    server.at(Step.DOT, Refuse("554 5.7.1 Spam"), recipient="spam-*")
    server.at(Step.RCPT, NO_SUCH_USER, recipient=MIRA)
    delivery = Delivery(database, smtp_to(server.port), clock)
    async with delivery.running():
        await _one_each(delivery, "spam", 20)
        await delivery.wait_for(MessageFailed, 20)
        await delivery.enqueue()
        await delivery.wait_for(AddressSuppressed)
    assert [] == delivery.of(BouncesUnusual)


async def _one_each(delivery: Delivery, who: str, count: int) -> None:
    addresses = [f"{who}-{number}@example.com" for number in range(count)]
    for one in addresses:
        await delivery.enqueue(recipient=one, recipient_key=one)
