"""Deleting an account: shut at once, given back by a reset, gone for good some days later."""

import json

import pytest

from gatepost.accounts.deletion import delete_account
from gatepost.accounts.sessions import Current, find_session
from gatepost.accounts.sign_in import SignedIn, sign_in
from gatepost.clock import minute
from gatepost.errors import SignInFailed, WrongPassword
from gatepost.events import AccountDeleted, Event, SignedOut
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.tables import messages
from tests.support.flows import ADDRESS, PASSWORD, Flows

DAY_MS = 24 * 3600 * 1000


async def _sign_in(flows: Flows) -> SignedIn:
    return await sign_in(flows.gate, email=ADDRESS, password=PASSWORD, request_id="request-6")


async def _delete(flows: Flows, signed_in: SignedIn, password: str = PASSWORD) -> None:
    current = Current(signed_in.account, signed_in.session.id)
    await delete_account(flows.gate, current, current_password=password, request_id="request-7")


async def test_a_deleted_account_is_signed_in_to_no_more(flows: Flows) -> None:
    """The right password meets the same refusal as any wrong one."""
    await flows.registered_and_verified()
    await _delete(flows, await _sign_in(flows))
    with pytest.raises(SignInFailed):
        await _sign_in(flows)


async def test_deleting_takes_the_current_password(flows: Flows) -> None:
    """Whoever finds a browser signed in cannot delete the account."""
    await flows.registered_and_verified()
    signed_in = await _sign_in(flows)
    with pytest.raises(WrongPassword):
        await _delete(flows, signed_in, "not the password")
    assert signed_in.account.id == (await find_session(flows.gate, signed_in.token)).account.id


async def test_what_waits_is_cancelled_but_the_notice(flows: Flows) -> None:
    """Nothing more is written to somebody who left, except how to come back."""
    account_id = await flows.registered_and_verified()
    signed_in = await _sign_in(flows)
    await flows.deliver()
    await flows.request_reset()
    gate = flows.gate
    weekly = Draft(template="weekly", recipient=ADDRESS, account_id=account_id)
    await gate.database.write(lambda tx: enqueue(tx, weekly, now_ms=gate.clock.now_ms(), domain=gate.message_id_domain))
    await _delete(flows, signed_in)
    assert [
        ("account_deleted", "queued", None),
        ("password_reset", "cancelled", "account_deleted"),
        ("weekly", "cancelled", "account_deleted"),
    ] == [one for one in await flows.outbox() if one[1] != "accepted"]


async def test_the_notice_says_until_when_it_can_be_taken_back(flows: Flows) -> None:
    """To the minute, in a form that readers of every language understand."""
    await flows.registered_and_verified()
    await _delete(flows, await _sign_in(flows))
    (notice,) = [row for row in await flows.rows(messages) if row["template"] == "account_deleted"]
    assert minute(notice["created_at"] + 14 * DAY_MS) == json.loads(notice["template_values"])["until"]


async def test_a_reset_takes_the_deletion_back(flows: Flows) -> None:
    """Until it is erased: the notice says so, and that is all it takes."""
    await flows.registered_and_verified()
    await _delete(flows, await _sign_in(flows))
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"], PASSWORD)
    assert (await _sign_in(flows)).account.email == ADDRESS


async def test_deleting_is_told(flows: Flows, heard: list[Event]) -> None:
    """Who reads the log learns which account, how many sessions ended and which message tells the owner."""
    account_id = await flows.registered_and_verified()
    await _sign_in(flows)
    signed_in = await _sign_in(flows)
    del heard[:]
    await _delete(flows, signed_in)
    notice = next(row["id"] for row in await flows.rows(messages) if row["template"] == "account_deleted")
    assert [
        AccountDeleted(request_id="request-7", account_id=str(account_id), messages=(str(notice),)),
        SignedOut(request_id="request-7", account_id=str(account_id), reason="account_deleted", count=2),
    ] == heard
