"""What an operator who starts a reset causes: what the owner would have caused, and nothing else."""

import uuid
from typing import Any

import pytest

from gatepost.accounts.operators import AccountAction, WrittenTo, act_on_account
from gatepost.accounts.reset_by_operator import DISABLED_TEXT, start_reset
from gatepost.audit.trail import Deed, Signature, done_to
from gatepost.errors import ActionRefused, BadToken, NoSuchAccount, SignInFailed
from gatepost.events import AccountActedOn, Event
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import PASSWORD, Flows

BY = Signature(actor="operator mira", reason="cannot get in", request_id="request-4")
NEW_PASSWORD = "another good password"
_OWN = {"id", "message_id", "token_id", "created_at", "expires_at", "due_at", "settled_at", "started_at"}


async def _start(flows: Flows, account_id: uuid.UUID) -> WrittenTo:
    return await start_reset(flows.gate, account_id, BY)


async def _resets(flows: Flows) -> list[dict[str, Any]]:
    return [row for row in await flows.rows(messages) if row["template"] == "password_reset"]


async def test_s107_whoever_starts_a_reset_chooses_no_password(flows: Flows) -> None:
    """The old password counts until the owner follows the link, which goes to the account's own address alone."""
    account_id = await flows.registered_and_verified()
    before = (await flows.accounts())[0]
    started = await _start(flows, account_id)
    assert before == (await flows.accounts())[0]
    assert account_id == (await flows.sign_in()).account.id
    await flows.reset((await flows.deliver())["password_reset"], NEW_PASSWORD)
    with pytest.raises(SignInFailed):
        await flows.sign_in(password=PASSWORD)
    assert account_id == (await flows.sign_in(password=NEW_PASSWORD)).account.id
    assert (account_id, None) == (started.account.id, started.withheld)


async def test_the_rows_are_those_of_a_request_by_the_owner(flows: Flows, clock: MovableClock) -> None:
    """But for what each row has of its own, both messages are the same."""
    account_id = await flows.registered_and_verified()
    await flows.request_reset()
    await flows.deliver()
    clock.move(61)
    started = await _start(flows, account_id)
    await flows.deliver()
    owners, operators = ({k: v for k, v in row.items() if k not in _OWN} for row in await _resets(flows))
    assert owners == operators
    assert started.message == (await _resets(flows))[-1]["id"]


async def test_only_the_newest_link_works(flows: Flows, clock: MovableClock) -> None:
    """A link that was mailed before is void from then on."""
    account_id = await flows.registered_and_verified()
    await flows.request_reset()
    old = (await flows.deliver())["password_reset"]
    clock.move(61)
    await _start(flows, account_id)
    with pytest.raises(BadToken):
        await flows.reset(old)
    await flows.reset((await flows.deliver())["password_reset"])


async def test_one_that_is_on_its_way_is_not_followed_by_another(flows: Flows) -> None:
    """What is withheld is written and says why, and the link that is on its way stays good."""
    account_id = await flows.registered_and_verified()
    await _start(flows, account_id)
    again = await _start(flows, account_id)
    assert "waiting" == again.withheld
    assert {"queued", "cancelled"} == {row["state"] for row in await _resets(flows)}
    await flows.reset((await flows.deliver())["password_reset"])


async def test_it_is_written_down_and_told(flows: Flows, heard: list[Event]) -> None:
    """Who, why and which message, and no address."""
    account_id = await flows.registered_and_verified()
    started = await _start(flows, account_id)
    (deed,) = await flows.gate.database.read(lambda connection: done_to(connection, account_id))
    expected = ("operator mira", "start_reset", started.message, "active", "active", BY.reason, BY.request_id)
    assert Deed(deed.at, *expected) == deed
    event = AccountActedOn(
        actor=BY.actor,
        action="start_reset",
        account_id=str(account_id),
        request_id=BY.request_id,
        messages=(str(started.message),),
    )
    assert event == heard[-1]


async def test_nothing_is_started_for_a_disabled_account_or_for_nobody(flows: Flows) -> None:
    """The sentence says what to do first."""
    account_id = await flows.registered_and_verified()
    await act_on_account(flows.gate, AccountAction.DISABLE, account_id, BY)
    with pytest.raises(ActionRefused) as refused:
        await _start(flows, account_id)
    assert DISABLED_TEXT == str(refused.value)
    assert [] == await _resets(flows)
    with pytest.raises(NoSuchAccount):
        await _start(flows, uuid.UUID(int=1))
