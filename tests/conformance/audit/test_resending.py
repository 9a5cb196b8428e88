"""Resend: a message of its own, and when there is none."""

import json

import pytest

from gatepost.accounts.messages import VERIFICATION_EXPIRES_S
from gatepost.database.connection import Database
from gatepost.errors import ActionRefused
from gatepost.mail.draft import IfUnknown, Priority
from gatepost.outbox.actions import (
    COPY_DUE_TEXT,
    NOBODY_TEXT,
    NOT_WANTED_TEXT,
    SENT_AGAIN_TEXT,
    STATES,
    Action,
)
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.operating import found, in_state, operate, row_of
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, next_millisecond

LATER_MS = NOW_MS + 60_000


@pytest.mark.parametrize("state", sorted(STATES[Action.RESEND] - {State.CANCELLED}))
async def test_a_message_is_resent_as_a_new_one(database: Database, state: str) -> None:
    """The old row says what became of the first; the new one has a life and a Message-ID of its own."""
    message = await in_state(database, state)
    before = await row_of(database, message)
    acted = await operate(database, Action.RESEND, message, now_ms=LATER_MS)
    assert acted.result is not None
    assert before == await row_of(database, message)
    new = await row_of(database, acted.result)
    same = {"template", "locale", "recipient", "recipient_key", "recipient_domain", "account_id", "token_id"}
    same |= {"priority", "if_unknown"}
    assert {name: before[name] for name in same} == {name: new[name] for name in same}
    assert f"<{acted.result.hex}@gatepost.example>" == new["message_id"] != before["message_id"]
    assert (message, "queued", None, LATER_MS) == (new["resent_from"], new["state"], new["reason"], new["due_at"])
    assert (0, 0, 0, 0) == (new["claim_number"], new["attempts"], new["unknowns"], new["deaths"])
    assert before["expires_at"] - before["created_at"] == new["expires_at"] - new["created_at"]
    assert (LATER_MS, "request-9") == (new["created_at"], new["request_id"])
    assert [acted.result] == [one.id for one in await claim_as(database, now_ms=LATER_MS)]


async def test_what_a_draft_asked_for_holds_for_the_copy(database: Database) -> None:
    """Priority, policy, values and span of life of a host's own message."""
    wanted = draft(
        values={"project": "Tideline"}, priority=Priority.URGENT, if_unknown=IfUnknown.NEVER_TWICE, expires_in_s=90
    )
    (message,) = await enqueue_all(database, wanted)
    await operate(database, Action.CANCEL, message)
    acted = await operate(database, Action.RESEND, message)
    assert acted.result is not None
    new = await row_of(database, acted.result)
    assert (0, "never_twice", NOW_MS + 90_000) == (new["priority"], new["if_unknown"], new["expires_at"])
    assert "Tideline" == json.loads(new["template_values"])["project"]


async def test_a_copy_says_when_the_first_one_was_asked_for(database: Database) -> None:
    """A notice tells the minute something happened, not the minute an operator sent it again, and again."""
    message = await in_state(database, "failed")
    for _ in range(2):
        acted = await operate(database, Action.RESEND, message, now_ms=LATER_MS + 10**7)
        assert acted.result is not None
        message = acted.result
        assert "1970-01-01 00:16 UTC" == json.loads((await row_of(database, message))["template_values"])["when"]
        await operate(database, Action.CANCEL, message, now_ms=LATER_MS + 10**7)


async def test_what_an_operator_cancelled_may_be_resent(database: Database) -> None:
    """A cancellation by mistake can be mended; one with another reason holds for a copy as well."""
    mistaken, superseded = await in_state(database, "queued"), await in_state(database, "cancelled")
    await operate(database, Action.CANCEL, mistaken)
    assert (await operate(database, Action.RESEND, mistaken)).result
    with pytest.raises(ActionRefused) as refused:
        await operate(database, Action.RESEND, superseded)
    assert NOT_WANTED_TEXT == refused.value.text


async def test_nothing_is_resent_while_a_copy_of_it_is_on_its_way(database: Database) -> None:
    """Neither beside the policy's own copy nor beside an earlier resend; once that one is over, it may be."""
    unknown = await in_state(database, "unknown", due_at=LATER_MS)
    with pytest.raises(ActionRefused) as refused:
        await operate(database, Action.RESEND, unknown)
    assert COPY_DUE_TEXT == refused.value.text
    message = await in_state(database, "accepted")
    first = await operate(database, Action.RESEND, message)
    assert first.result is not None
    for way in (None, Action.HOLD):
        if way is not None:
            await operate(database, way, first.result)
        with pytest.raises(ActionRefused) as refused:
            await operate(database, Action.RESEND, message)
        assert SENT_AGAIN_TEXT == refused.value.text
    await operate(database, Action.CANCEL, first.result)
    next_millisecond()
    second = await operate(database, Action.RESEND, message)
    assert (first.result, second.result) == (await found(database, message)).resent_as
    assert message == (await found(database, first.result)).message.resent_from


async def test_nobody_is_written_to_who_has_no_account(database: Database, flows: Flows) -> None:
    """The row about a stranger's address holds no address."""
    await flows.request_reset("stranger@example.com")
    (row,) = await flows.rows(messages)
    with pytest.raises(ActionRefused) as refused:
        await operate(database, Action.RESEND, row["id"])
    assert NOBODY_TEXT == refused.value.text


async def test_the_link_of_a_copy_is_that_of_the_first_and_lives_again(
    database: Database, flows: Flows, clock: MovableClock
) -> None:
    """A verification that came too late is resent: its link is the same, and works for as long as at first."""
    await flows.register()
    first = (await flows.deliver())["verification"]
    clock.move(VERIFICATION_EXPIRES_S)
    (message,) = [row["id"] for row in await flows.rows(messages) if row["template"] == "verification"]
    await operate(database, Action.RESEND, message, now_ms=clock.now_ms())
    assert {"verification": first} == await flows.deliver()
    assert await flows.verify(first)


async def test_the_copy_of_a_void_link_does_not_go_out(database: Database, flows: Flows) -> None:
    """The address is verified by now: the copy is cancelled at the claim, as every message whose link is void."""
    await flows.registered_and_verified()
    (message,) = [row["id"] for row in await flows.rows(messages) if row["template"] == "verification"]
    acted = await operate(database, Action.RESEND, message, now_ms=flows.gate.clock.now_ms())
    assert [(acted.result, None)] == [(claimed.id, values) for claimed, values in await flows.claim()]


async def test_a_held_message_whose_link_becomes_void_is_cancelled(
    database: Database, flows: Flows, clock: MovableClock
) -> None:
    """The person used another link meanwhile, so the message an operator holds is over: nothing is left to do."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    clock.move(120)
    await flows.request_verification()
    (message,) = [row["id"] for row in await flows.rows(messages) if row["state"] == "queued"]
    await operate(database, Action.HOLD, message, now_ms=clock.now_ms())
    await flows.verify(token)
    assert ("cancelled", "superseded") == (
        (await found(database, message)).message.state,
        (await found(database, message)).message.reason,
    )
    for action, words in ((Action.RELEASE, "not held"), (Action.CANCEL, "cancelled already")):
        with pytest.raises(ActionRefused, match=words):
            await operate(database, action, message)
    with pytest.raises(ActionRefused) as refused:
        await operate(database, Action.RESEND, message)
    assert NOT_WANTED_TEXT == refused.value.text
