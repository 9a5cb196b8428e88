"""What facts say of addresses: which mail stops, for whose word, and when a source is not believed."""

import uuid
from typing import Any

import pytest

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.events import AddressSuppressed, BouncesUnusual, Event, Events, FeedbackReceived
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.unusual import HANDED_OVER, MAX_HARD
from gatepost.outbox.lifecycle import State
from gatepost.outbox.retention import ANONYMISED
from gatepost.suppression.lift import hide
from tests.support.feedback import HIDING, change, desk_on, fact, rows, sent, soft_causes, suppressed, take
from tests.support.outbox import next_millisecond

MIRA = "mira@example.com"
TO_MIRA: dict[str, Any] = {"recipient": "Mira@Example.com", "recipient_key": MIRA}
HARD: dict[str, Any] = {"bounce": Bounce.HARD, "status": "5.1.1", "text": "550 5.1.1 no such user"}


def hard(row_id: uuid.UUID | None = None, **changes: Any) -> Fact:
    """A report that the mailbox does not exist."""
    return fact(Kind.BOUNCED, row_id=row_id, **(HARD | changes))


@pytest.mark.parametrize("state", [State.ACCEPTED, State.UNKNOWN, State.FAILED, State.EXPIRED])
async def test_t5_a_hard_bounce_suppresses_with_the_fact(database: Database, state: State) -> None:
    """In the very transaction that took it, whatever became of the message: nothing goes there any more."""
    row_id = await sent(database, state, **TO_MIRA)
    (taken,) = await take(database, hard(row_id, proven=False))
    assert {(MIRA, "hard_bounce", "all")} == await suppressed(database)
    assert taken.suppressed is not None
    told = taken.suppressed
    assert ("M***@Example.com", "hard_bounce", "ses", str(row_id)) == (
        told.recipient,
        told.reason,
        told.source,
        told.message,
    )


@pytest.mark.parametrize("bounce", [Bounce.SOFT, Bounce.OTHER])
async def test_another_bounce_moves_the_message_alone(database: Database, bounce: Bounce) -> None:
    """A full mailbox or a rule of the server says nothing against the address for good."""
    row_id = await sent(database, **TO_MIRA)
    (taken,) = await take(database, fact(Kind.BOUNCED, bounce=bounce, row_id=row_id))
    assert ("bounced", None, set()) == (taken.state, taken.suppressed, await suppressed(database))
    assert bool(await soft_causes(database)) == (bounce is Bounce.SOFT)


async def test_the_fifth_message_that_comes_back_softly_is_one_too_many(database: Database) -> None:
    """Messages are counted, not reports: five of one message are one."""
    ids = [await sent(database, **TO_MIRA) for _ in range(5)]
    for row_id in ids[:4]:
        for _ in range(5):
            await take(database, fact(Kind.BOUNCED, bounce=Bounce.SOFT, row_id=row_id))
    assert set() == await suppressed(database)
    await take(database, fact(Kind.BOUNCED, bounce=Bounce.SOFT, row_id=ids[4]))
    assert {(MIRA, "soft_bounces", "all")} == await suppressed(database)


@pytest.mark.parametrize(("security", "scope"), [(False, "all_but_security"), (True, "all")])
async def test_t6_a_complaint_stops_what_was_complained_about(database: Database, security: bool, scope: str) -> None:
    """About other mail: that alone. About a message that keeps the account safe: everything."""
    row_id = await sent(database, security=security, **TO_MIRA)
    await take(database, fact(Kind.COMPLAINED, row_id=row_id, proven=False, source="arf"))
    assert {(MIRA, "complaint", scope)} == await suppressed(database)


async def test_a_complaint_about_no_known_message_stops_everything(database: Database) -> None:
    """A proven source names the address alone: what was complained about is not known."""
    await take(database, fact(Kind.COMPLAINED, recipient="Mira@Example.com"))
    assert {(MIRA, "complaint", "all")} == await suppressed(database)


async def test_who_unsubscribed_at_the_provider_still_gets_security_mail(database: Database) -> None:
    """As with our own link."""
    row_id = await sent(database, security=True, **TO_MIRA)
    await take(database, fact(Kind.UNSUBSCRIBED, row_id=row_id))
    assert {(MIRA, "unsubscribed", "all_but_security")} == await suppressed(database)


async def test_a_report_nobody_proved_counts_only_for_its_message(database: Database) -> None:
    """Anybody can send a report by mail: where it is about no message of ours, nothing of it is believed."""
    (taken,) = await take(database, hard(recipient=MIRA, proven=False, source="dsn"))
    assert (None, set()) == (taken.suppressed, await suppressed(database))
    await take(database, hard(recipient=MIRA))
    assert {(MIRA, "hard_bounce", "all")} == await suppressed(database)


async def test_the_messages_own_recipient_counts(database: Database) -> None:
    """A forwarded message comes back from another address than it was sent to: ours is the one not to write to."""
    row_id = await sent(database, **TO_MIRA)
    await take(database, hard(row_id, recipient="elsewhere@example.net"))
    assert {(MIRA, "hard_bounce", "all")} == await suppressed(database)


async def test_a_forgotten_recipient_is_not_suppressed_as_such(database: Database) -> None:
    """Of an anonymised message only a proven source still knows whose mailbox it was."""
    row_id = await sent(database)
    await change(database, row_id, recipient=ANONYMISED, recipient_key=ANONYMISED)
    await take(database, hard(row_id, recipient=MIRA, proven=False))
    assert set() == await suppressed(database)
    await take(database, hard(row_id, recipient=MIRA))
    assert {(MIRA, "hard_bounce", "all")} == await suppressed(database)
    assert {None} == {row.detail for row in await rows(database)}


@pytest.mark.parametrize("address", ["", "no address", "a@b@c", "x" * 400 + "@example.com", "<mira@example.com>"])
async def test_what_is_no_address_is_not_suppressed(database: Database, address: str) -> None:
    """Whatever a source writes there, the fact is kept and nothing else follows."""
    (taken,) = await take(database, hard(recipient=address))
    assert (None, set()) == (taken.suppressed, await suppressed(database))


async def test_an_erased_persons_address_stays_hidden(database: Database) -> None:
    """Suppressed under the keyed hash before: renewed there, and the address is not written down again."""
    row_id = await sent(database, **TO_MIRA)
    await take(database, hard(row_id))
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    await take(database, hard(recipient=MIRA))
    assert {(HIDING.hide(MIRA), "hard_bounce", "all")} == await suppressed(database)


async def _many(database: Database, count: int) -> list[uuid.UUID]:
    ids = []
    for number in range(count):
        ids.append(await sent(database, recipient=f"p{number}@example.com", recipient_key=f"p{number}@example.com"))
        next_millisecond()
    return ids


async def test_too_many_hard_bounces_are_not_believed(database: Database) -> None:
    """More than ten of the last fifty handed over: the eleventh suppresses nobody, and the alarm is told once."""
    ids = await _many(database, MAX_HARD + 3)
    events, told = Events(), list[Event]()
    events.subscribe(told.append)
    desk = desk_on(database, SystemClock(), events)
    taken = await desk.take([hard(row_id) for row_id in ids])
    assert ["bounced"] * len(ids) == [one.state for one in taken]
    assert len(ids) == len([one for one in told if isinstance(one, FeedbackReceived)])
    new = [one for one in told if isinstance(one, AddressSuppressed)]
    assert (MAX_HARD, MAX_HARD) == (len(await suppressed(database)), len(new))
    assert [("ses", MAX_HARD + 1)] == [(one.server, one.hard) for one in told if isinstance(one, BouncesUnusual)]


async def test_one_by_one_the_first_ten_are_believed(database: Database) -> None:
    """As they come in."""
    ids = await _many(database, MAX_HARD + 2)
    for row_id in ids:
        await take(database, hard(row_id))
    assert MAX_HARD == len(await suppressed(database))


async def test_a_source_that_tells_only_of_bounces_is_believed(database: Database) -> None:
    """What was handed over counts, not what the source tells: twenty of a hundred and twenty, each sixth, are few."""
    ids = await _many(database, 120)
    for row_id in ids[::6]:
        await take(database, hard(row_id, proven=False, source="dsn"))
    assert 20 == len(await suppressed(database))
    assert HANDED_OVER == 50


async def test_complaints_are_always_believed(database: Database) -> None:
    """However many mailboxes do not exist."""
    ids = await _many(database, MAX_HARD + 1)
    await take(database, *[hard(row_id) for row_id in ids])
    await take(database, fact(Kind.COMPLAINED, row_id=ids[-1]))
    assert ("p10@example.com", "complaint", "all_but_security") in await suppressed(database)
