"""A mailbox that works again: the reset of the day arrives, and its link lifts what bounces said."""

import uuid

import pytest

from gatepost.audit.trail import done_to
from gatepost.database.connection import Database
from gatepost.events import (
    Event,
    MessageAccepted,
    SuppressionLifted,
)
from gatepost.suppression.reason import BOUNCES, Reason
from gatepost.suppression.soft import note_soft
from gatepost.testing import SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery
from tests.support.flows import ADDRESS, Flows
from tests.support.statements import statements
from tests.support.suppressing import HIDING, rows, suppressed


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
