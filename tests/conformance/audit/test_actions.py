"""Hold, release, cancel and resend: what becomes of the message, what is written down, and what is refused."""

from itertools import product

import pytest

from gatepost.audit.trail import Deed, Signature
from gatepost.database.connection import Database
from gatepost.errors import ActionRefused, MessageInFlight, NoSuchMessage
from gatepost.outbox.actions import (
    STATES,
    TIME_IS_UP_TEXT,
    Action,
)
from gatepost.outbox.lifecycle import State
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
