"""Hold, release, cancel and resend: what becomes of the message, what is written down, and what is refused."""

import json
from itertools import product

import pytest

from gatepost.accounts.messages import VERIFICATION_EXPIRES_S
from gatepost.audit.trail import Deed, Signature
from gatepost.database.connection import Database
from gatepost.errors import ActionRefused, MessageInFlight, NoSuchMessage
from gatepost.mail.draft import IfUnknown, Priority
from gatepost.outbox.actions import (
    COPY_DUE_TEXT,
    NOBODY_TEXT,
    NOT_WANTED_TEXT,
    SENT_AGAIN_TEXT,
    STATES,
    TIME_IS_UP_TEXT,
    Action,
)
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.operating import ADA, found, in_state, operate, row_of
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, next_millisecond, state_of

LATER_MS = NOW_MS + 60_000


@pytest.mark.parametrize("state", ["queued", "deferred"])
async def test_a_held_message_stays_until_it_is_released(database: Database, state: str) -> None:
    """No worker claims it; released, it is due at once, whatever it waited for before."""
    message = await in_state(database, state, due_at=LATER_MS)
    await operate(database, Action.HOLD, message)
    held = (await found(database, message)).message
    assert ("held", "operator", None, NOW_MS) == (held.state, held.reason, held.due_at, held.settled_at)
    assert [] == await claim_as(database, now_ms=LATER_MS)
    await operate(database, Action.RELEASE, message, now_ms=NOW_MS + 5)
    queued = (await found(database, message)).message
    assert ("queued", None, NOW_MS + 5, None) == (queued.state, queued.reason, queued.due_at, queued.settled_at)
    assert [message] == [one.id for one in await claim_as(database, now_ms=NOW_MS + 5)]


async def test_a_released_message_is_no_longer_suspected(database: Database) -> None:
    """What was held for killing its process is tried again among the others: an operator has looked at it."""
    message = await in_state(database, "held", reason="kills_process", deaths=5)
    await operate(database, Action.RELEASE, message)
    assert 0 == (await row_of(database, message))["deaths"]
    assert [message] == [one.id for one in await claim_as(database)]


async def test_a_hold_forgets_no_death(database: Database) -> None:
    """Only a release does."""
    message = await in_state(database, "queued", deaths=1)
    await operate(database, Action.HOLD, message)
    assert 1 == (await row_of(database, message))["deaths"]


@pytest.mark.parametrize("state", ["queued", "deferred", "held", "unknown"])
async def test_a_cancelled_message_never_goes_out(database: Database, state: str) -> None:
    """Neither the message nor a copy that was due."""
    message = await in_state(database, state)
    await operate(database, Action.CANCEL, message)
    over = (await found(database, message)).message
    assert ("cancelled", "operator", None, NOW_MS) == (over.state, over.reason, over.due_at, over.settled_at)
    assert [] == await claim_as(database, now_ms=NOW_MS + 10**9)


async def test_the_copy_of_an_unknown_one_is_cancelled_with_it(database: Database) -> None:
    """Where the policy would send another copy, none goes out."""
    message = await in_state(database, "unknown", due_at=LATER_MS)
    await operate(database, Action.CANCEL, message)
    assert [] == await claim_as(database, now_ms=LATER_MS)
    assert "cancelled" == await state_of(database, message)


# Resend


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


# What is written down


async def test_each_deed_is_written_down_with_who_and_why(database: Database) -> None:
    """Newest last; a resend also names what came of it, beside the old message."""
    message = await in_state(database, "queued")
    uid = Signature(actor="command line (uid 1000)")
    done = [(Action.HOLD, ADA), (Action.RELEASE, uid), (Action.CANCEL, uid), (Action.RESEND, ADA)]
    for number, (action, by) in enumerate(done):
        acted = await operate(database, action, message, by=by, now_ms=NOW_MS + number)
        next_millisecond()
    who, reason, request_id = ADA.actor, ADA.reason, ADA.request_id
    assert (
        Deed(NOW_MS, who, "hold", None, "queued", "held", reason, request_id),
        Deed(NOW_MS + 1, uid.actor, "release", None, "held", "queued", None, None),
        Deed(NOW_MS + 2, uid.actor, "cancel", None, "queued", "cancelled", None, None),
        Deed(NOW_MS + 3, who, "resend", acted.result, "cancelled", "cancelled", reason, request_id),
    ) == (await found(database, message)).actions
    assert acted.result is not None
    assert () == (await found(database, acted.result)).actions


@pytest.mark.parametrize(("action", "state"), list(product(Action, State)), ids=str)
async def test_what_is_refused_changes_nothing(database: Database, action: Action, state: State) -> None:
    """Every action in every state: it is done and written down, or neither."""
    message = await in_state(database, str(state))
    before = await row_of(database, message)
    allowed = state in STATES[action] and not (action is Action.RESEND and state is State.CANCELLED)
    if allowed:
        acted = await operate(database, action, message)
        assert (state, 1) == (acted.state_before, len((await found(database, message)).actions))
        return
    with pytest.raises(MessageInFlight if state in (State.SENDING, State.COMMITTING) else ActionRefused):
        await operate(database, action, message)
    assert (before, ()) == (await row_of(database, message), (await found(database, message)).actions)


async def test_a_message_whose_time_is_up_is_not_released(database: Database) -> None:
    """It would expire at once: whoever releases it is told, and a copy of it gets new time."""
    message = await in_state(database, "held")
    expires_at = (await found(database, message)).message.expires_at
    with pytest.raises(ActionRefused) as refused:
        await operate(database, Action.RELEASE, message, now_ms=expires_at)
    assert TIME_IS_UP_TEXT == refused.value.text
    await operate(database, Action.CANCEL, message, now_ms=expires_at)
    acted = await operate(database, Action.RESEND, message, now_ms=expires_at)
    assert acted.result is not None
    assert (await found(database, acted.result)).message.expires_at > expires_at


async def test_a_message_that_is_not_there_is_told(database: Database) -> None:
    """An id nobody has, for every action."""
    (message,) = await enqueue_all(database, draft())
    for action in Action:
        with pytest.raises(NoSuchMessage):
            await operate(database, action, type(message)(int=7))
