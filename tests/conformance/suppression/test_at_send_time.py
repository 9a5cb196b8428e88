"""A suppressed address gets no mail, whatever was promised before: a real worker before a real server."""

import uuid
from collections.abc import AsyncIterator
from itertools import product

import pytest

from gatepost.accounts.messages import VERIFICATION_EXPIRES_S
from gatepost.audit.trail import done_to
from gatepost.database.connection import Database
from gatepost.events import (
    Event,
    MessageAccepted,
    MessageDeferred,
    MessageSuppressed,
    MessageUnknown,
    SuppressionLifted,
)
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.parts import prepare_with
from gatepost.suppression.check import RESET
from gatepost.suppression.lift import lift
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from gatepost.suppression.soft import note_soft
from gatepost.testing import Drop, Refuse, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery, smtp_to
from tests.support.flows import ADDRESS, Flows
from tests.support.operating import operate
from tests.support.statements import statements
from tests.support.suppressing import HIDING, MIRA, rows, suppressed

TEMPLATES = (
    "verification",
    "password_reset",
    "welcome",
    "account_exists",
    "password_changed",
    "address_change",
    "address_change_notice",
    "account_deleted",
    "newsletter",  # a host's own
)
OF_NO_SECURITY = {"welcome", "newsletter"}


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    """A submission server that takes everything."""
    async with SubmissionServer() as running:
        yield running


@pytest.fixture
def delivery(database: Database, server: SubmissionServer, clock: MovableClock, flows: Flows) -> Delivery:
    """A worker that asks about suppressions and makes links, as the product's does."""
    return Delivery(database, smtp_to(server.port), clock, prepare=prepare_with(HIDING, flows.links.prepare))


def reached_server(server: SubmissionServer) -> list[str]:
    """Whom the server has mail for."""
    return [message.recipient for message in server.messages]


async def test_s72_a_suppressed_address_gets_no_mail(
    delivery: Delivery, database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Every template, reason and scope: what the scope spares goes out, and one reset past bounces; nothing else."""
    expected = set()
    for number, (template, reason, scope) in enumerate(product(TEMPLATES, Reason, Scope)):
        address = f"p{number}@d{number}.example"
        await suppressed(database, reason, address, scope=scope, now_ms=clock.now_ms())
        security = template not in OF_NO_SECURITY
        await delivery.enqueue(template=template, recipient=address, recipient_key=address, security=security)
        spared = security and scope is Scope.ALL_BUT_SECURITY
        if spared or (template == RESET and reason in BOUNCES):
            expected.add(address)
    everything = number + 1
    async with delivery.running():
        await delivery.wait_for(MessageSuppressed, everything - len(expected))
        await delivery.wait_for(MessageAccepted, len(expected))
    assert expected == set(reached_server(server))
    assert len(expected) == len(server.messages)


async def test_s72_it_is_asked_when_the_message_goes_out(
    delivery: Delivery, database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """Promised first, suppressed before its turn: not sent, not counted as a try, nothing composed, and why is told."""
    (message,) = await delivery.enqueue()
    await suppressed(database, Reason.COMPLAINT, now_ms=clock.now_ms())
    async with delivery.running():
        (told,) = await delivery.wait_for(MessageSuppressed)
    found = await delivery.find(message)
    assert ("suppressed", "complaint", 0, ()) == (
        found.message.state,
        found.message.reason,
        found.message.attempts,
        found.attempts,
    )
    assert (str(message), "complaint") == (told.message, told.reason)
    assert [] == server.messages
    assert 0 == server.connections_total


async def test_s72_it_is_asked_before_every_try(
    delivery: Delivery, database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """A server says later, the person complains about something else meanwhile: the next try is not made."""
    server.at(Step.RCPT, Refuse("450 4.2.1 later"), times=1)
    async with delivery.running():
        (message,) = await delivery.enqueue()
        await delivery.wait_for(MessageDeferred)
        await suppressed(database, Reason.COMPLAINT, now_ms=clock.now_ms())
        clock.move(7)
        delivery.ring.ring()
        await delivery.wait_for(MessageSuppressed)
    assert State.SUPPRESSED == (await delivery.find(message)).message.state
    assert [] == server.messages


async def test_s72_no_copy_of_an_unknown_message_goes_out(
    delivery: Delivery, database: Database, server: SubmissionServer, clock: MovableClock
) -> None:
    """The policy would send another copy; the address must not be written to by then."""
    server.at(Step.TAKEN, Drop(), times=1)
    async with delivery.running():
        (message,) = await delivery.enqueue(template="account_exists", security=True)
        await delivery.wait_for(MessageUnknown)
        await suppressed(database, Reason.HARD_BOUNCE, now_ms=clock.now_ms())
        clock.move(31)
        delivery.ring.ring()
        await delivery.wait_for(MessageSuppressed)
    assert State.SUPPRESSED == (await delivery.find(message)).message.state
    assert 1 == len(server.messages)


@pytest.mark.parametrize("action", [Action.RELEASE, Action.RESEND])
async def test_s72_no_operator_sends_past_a_suppression(
    delivery: Delivery, database: Database, server: SubmissionServer, clock: MovableClock, action: Action
) -> None:
    """Releasing or resending is allowed, and the message is asked about like every other; once it is lifted it goes."""
    made = await suppressed(database, Reason.HARD_BOUNCE, now_ms=clock.now_ms())
    (message,) = await delivery.enqueue()
    if action is Action.RELEASE:
        await operate(database, Action.HOLD, message, now_ms=clock.now_ms())
        await operate(database, Action.RELEASE, message, now_ms=clock.now_ms())
    async with delivery.running():
        await delivery.wait_for(MessageSuppressed)
        again = await operate(database, Action.RESEND, message, now_ms=clock.now_ms())
        delivery.ring.ring()
        await delivery.wait_for(MessageSuppressed, 2)
        assert again.result is not None
        await database.write(lambda tx: lift(tx, made.id))
        await operate(database, Action.RESEND, again.result, now_ms=clock.now_ms())
        delivery.ring.ring()
        await delivery.wait_for(MessageAccepted)
    assert [MIRA] == reached_server(server)


async def test_a_stopped_message_starts_no_link(
    delivery: Delivery, database: Database, flows: Flows, clock: MovableClock
) -> None:
    """The life of a token begins when its mail goes out, and a message that does not go out renews none."""
    await flows.register()
    await suppressed(database, Reason.HARD_BOUNCE, ADDRESS, now_ms=clock.now_ms())
    (before,) = await flows.tokens()
    clock.move(VERIFICATION_EXPIRES_S - 60)
    async with delivery.running():
        await delivery.wait_for(MessageSuppressed, 2)  # the welcome as well
    assert [before] == await flows.tokens()


# ---- a mailbox that works again -----------------------------------------------------------------------------------


async def _reset_link(flows: Flows, delivery: Delivery, server: SubmissionServer) -> str:
    await flows.request_reset()
    delivery.ring.ring()
    await delivery.wait_for(MessageAccepted)
    (message,) = server.messages
    return message.content.decode().partition("token=")[2].strip()


@pytest.mark.parametrize("hidden", [False, True])
async def test_a_reset_that_arrives_lifts_the_bounces(
    delivery: Delivery,
    database: Database,
    server: SubmissionServer,
    flows: Flows,
    clock: MovableClock,
    heard: list[Event],
    hidden: bool,
) -> None:
    """Asked for, let through, used: the bounces are lifted, written down and told, and the notice goes out at once."""
    await flows.registered_and_verified()
    await flows.deliver()
    form = HIDING.hide(ADDRESS) if hidden else ADDRESS
    made = {await _suppressed(database, reason, form, clock) for reason in BOUNCES}
    kept = await suppressed(database, Reason.UNSUBSCRIBED, form, now_ms=clock.now_ms())
    for number in range(4):
        await database.write(lambda tx, n=number: note_soft(tx, ADDRESS, bytes([n] * 16), clock.now_ms()))  # type: ignore[misc]
    async with delivery.running():
        token = await _reset_link(flows, delivery, server)
        assert 3 == len(await rows(database))  # that a server took it proves nothing yet
        await flows.reset(token)
        delivery.ring.ring()
        _, notice = await delivery.wait_for(MessageAccepted, 2)
    assert "password_changed" == notice.template
    assert [kept.id] == [one["id"] for one in await rows(database)]
    told = [event for event in heard if isinstance(event, SuppressionLifted)]
    assert made == {uuid.UUID(event.suppression) for event in told}
    masked = "***" if hidden else "m***@example.com"
    assert {("password_reset", masked, "request-5")} == {
        (event.source, event.recipient, event.request_id) for event in told
    }
    for one in made:
        (deed,) = await database.read(lambda connection, one=one: done_to(connection, one))  # type: ignore[misc]
        assert ("password reset", "lift", "request-5") == (deed.actor, deed.action, deed.request_id)
    assert not await database.write(lambda tx: note_soft(tx, ADDRESS, bytes([9] * 16), clock.now_ms()))


async def _suppressed(database: Database, reason: Reason, form: str, clock: MovableClock) -> uuid.UUID:
    return (await suppressed(database, reason, form, now_ms=clock.now_ms())).id


async def test_a_reset_lifts_nobody_elses_bounces(database: Database, flows: Flows) -> None:
    """Only the address the link was mailed to works."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    await suppressed(database, Reason.HARD_BOUNCE, "zoe@example.com")
    await flows.reset(token)
    assert ["zoe@example.com"] == [one["address"] for one in await rows(database)]


async def test_a_reset_that_is_refused_lifts_nothing(database: Database, flows: Flows, heard: list[Event]) -> None:
    """A link that was used already proves nothing about the mailbox of today."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    await flows.reset(token)
    await suppressed(database, Reason.HARD_BOUNCE, ADDRESS)
    with pytest.raises(Exception, match="used"):
        await flows.reset(token)
    assert 1 == len(await rows(database))
    assert [] == [event for event in heard if isinstance(event, SuppressionLifted)]


async def test_a_reset_takes_suppressions_before_the_token_it_uses(database: Database, flows: Flows) -> None:
    """As a claim of a copy of that mail does: the other way round each could wait for what the other holds."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    with statements() as ran:
        await flows.reset(token)
    lifted = [number for number, one in enumerate(ran) if "FROM suppressions" in one]
    used = [number for number, one in enumerate(ran) if one.startswith("UPDATE tokens") and "used_at=" in one]
    of_messages = [number for number, one in enumerate(ran) if one.startswith("UPDATE messages")]
    assert 1 == len(lifted) == len(used)
    assert max(of_messages) < lifted[0] < used[0]
