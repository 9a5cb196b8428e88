"""A suppressed address gets no mail, whatever was promised before: a real worker before a real server."""

from itertools import product

import pytest

from gatepost.accounts.messages import VERIFICATION_EXPIRES_S
from gatepost.database.connection import Database
from gatepost.events import (
    MessageAccepted,
    MessageDeferred,
    MessageSuppressed,
    MessageUnknown,
)
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.suppression.check import RESET
from gatepost.suppression.lift import lift
from gatepost.suppression.reason import BOUNCES, Reason, Scope
from gatepost.testing import Drop, Refuse, Step, SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery
from tests.support.flows import ADDRESS, Flows
from tests.support.operating import operate
from tests.support.suppressing import MIRA, suppressed

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
