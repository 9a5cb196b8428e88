"""Password reset: the newest link works once, for half an hour, and the owner is told."""

import pytest

from gatepost.accounts.account import Account
from gatepost.errors import BadToken, InvalidInput
from gatepost.events import Event, TokenRefused
from tests.support.clock import MovableClock
from tests.support.flows import Flows


async def test_a_reset_sets_the_password_and_tells_the_owner(flows: Flows) -> None:
    """The notice is promised in the same transaction."""
    await flows.registered_and_verified()
    (before,) = await flows.accounts()
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"])
    (after,) = await flows.accounts()
    assert before["password_hash"] != after["password_hash"]
    assert before["verified_at"] == after["verified_at"]
    assert ("password_changed", "queued", None) in await flows.outbox()


async def test_a_reset_link_works_for_half_an_hour(flows: Flows, clock: MovableClock) -> None:
    """Counted from the moment its mail goes out."""
    await flows.registered_and_verified()
    await flows.request_reset()
    clock.move(3 * 3600)
    token = (await flows.deliver())["password_reset"]
    clock.move(30 * 60 + 1)
    with pytest.raises(BadToken):
        await flows.reset(token)


async def test_only_the_newest_reset_link_works(flows: Flows, clock: MovableClock) -> None:
    """A new request voids the older ones."""
    await flows.registered_and_verified()
    await flows.request_reset()
    old = (await flows.deliver())["password_reset"]
    clock.move(61)
    await flows.request_reset()
    new = (await flows.deliver())["password_reset"]
    with pytest.raises(BadToken):
        await flows.reset(old)
    await flows.reset(new)


async def test_s34_a_reset_voids_every_other_token_and_cancels_what_waits_to_carry_one(
    flows: Flows, clock: MovableClock
) -> None:
    """A verification that has not gone out is cancelled as superseded; its link would be dead."""
    await flows.register()
    await flows.deliver()
    await flows.request_reset()
    reset = (await flows.deliver())["password_reset"]
    clock.move(61)
    await flows.request_verification()
    await flows.reset(reset)
    assert ("verification", "cancelled", "superseded") in await flows.outbox()
    assert all(row["used_at"] or row["voided_at"] for row in await flows.tokens())


async def test_a_message_whose_token_is_void_when_its_turn_comes_gets_no_link(flows: Flows) -> None:
    """Whatever voided it: the worker is told to cancel instead of mailing a dead link."""
    await flows.registered_and_verified()
    await flows.request_reset()
    await flows.gate.database.write(
        lambda tx: tx.exec_driver_sql("UPDATE tokens SET voided_at = 1 WHERE purpose = 'password_reset'").rowcount
    )
    assert {"password_reset": None} == {claimed.template: values for claimed, values in await flows.claim()}


async def test_a_reset_proves_the_address_too(flows: Flows) -> None:
    """The link came by mail: nothing of the waiting registrations remains."""
    await flows.register()
    await flows.register(password="some other password")
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"])
    (account,) = await flows.accounts()
    assert account["verified_at"] is not None
    assert [] == await flows.candidates()


async def test_a_verification_token_resets_nothing(flows: Flows) -> None:
    """A token is good for its purpose alone."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    with pytest.raises(BadToken):
        await flows.reset(token)
    assert isinstance(await flows.verify(token), Account)


async def test_a_bad_new_password_leaves_the_token_good(flows: Flows) -> None:
    """The person types another one on the same page."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    with pytest.raises(InvalidInput):
        await flows.reset(token, "short")
    await flows.reset(token)


async def test_a_request_for_an_unknown_address_writes_the_same_rows(flows: Flows) -> None:
    """One token and one message, with a hash instead of the address."""
    await flows.registered_and_verified()
    tokens_before, messages_before = len(await flows.tokens()), len(await flows.outbox())
    await flows.request_reset()
    known = len(await flows.tokens()) - tokens_before, len(await flows.outbox()) - messages_before
    await flows.request_reset("nobody@example.com")
    unknown = (
        len(await flows.tokens()) - tokens_before - known[0],
        len(await flows.outbox()) - messages_before - known[1],
    )
    assert (1, 1) == known == unknown
    assert ("password_reset", "cancelled", "no_account") in await flows.outbox()


async def test_a_second_request_within_a_minute_sends_no_second_mail(flows: Flows) -> None:
    """Nor while the first is under way; the first link stays good."""
    await flows.registered_and_verified()
    await flows.request_reset()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    await flows.request_reset()
    assert 1 == sum(row[:2] == ("password_reset", "accepted") for row in await flows.outbox())
    await flows.reset(token)


async def test_a_reset_link_works_once(flows: Flows, heard: list[Event]) -> None:
    """The row says that it was used, not only that it is void."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    await flows.reset(token)
    with pytest.raises(BadToken):
        await flows.reset(token, "a third good password")
    assert ["used"] == [event.reason for event in heard if isinstance(event, TokenRefused)]
