"""Verification: who proves the address decides which registration counts."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table, select

from gatepost.accounts import tokens
from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.accounts.verification import ChoosePassword
from gatepost.database.columns import metadata
from gatepost.errors import BadToken, InvalidInput
from gatepost.events import AddressVerified, Event, TokenRefused
from tests.support.clock import MovableClock
from tests.support.flows import Flows

HOUR_S = 3600


async def test_the_mailed_token_proves_the_address(flows: Flows, heard: list[Event]) -> None:
    """The account has the password of its one registration; the candidate is gone."""
    await flows.register()
    (candidate,) = await flows.candidates()
    account = await flows.verify((await flows.deliver())["verification"])
    assert isinstance(account, Account)
    assert account.verified_at is not None
    (stored,) = await flows.accounts()
    assert candidate["password_hash"] == stored["password_hash"]
    assert [] == await flows.candidates()
    assert [str(account.id)] == [event.account_id for event in heard if isinstance(event, AddressVerified)]


async def test_a_token_works_once(flows: Flows, heard: list[Event]) -> None:
    """The second time it is a bad token like every other; only operators see why."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    await flows.verify(token)
    with pytest.raises(BadToken):
        await flows.verify(token)
    assert ["used"] == [event.reason for event in heard if isinstance(event, TokenRefused)]


async def test_of_many_redemptions_at_once_exactly_one_succeeds(flows: Flows) -> None:
    """One conditional update decides."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    results = await asyncio.gather(*(flows.verify(token) for _ in range(100)), return_exceptions=True)
    assert (1, 99) == (
        sum(isinstance(result, Account) for result in results),
        sum(isinstance(result, BadToken) for result in results),
    )


async def test_s19_with_two_registrations_waiting_whoever_proves_chooses_the_password(flows: Flows) -> None:
    """Nobody knows which one the owner made: neither password counts, and the token is still good."""
    await flows.register(password="the stranger's password", name="Stranger")
    await flows.register(password="the owner's password", name="Owner")
    token = (await flows.deliver())["verification"]
    hashes = {row["password_hash"] for row in await flows.candidates()}
    assert ChoosePassword() == await flows.verify(token)
    assert ChoosePassword() == await flows.verify(token)
    account = await flows.verify(token, "a third password")
    assert isinstance(account, Account)
    (stored,) = await flows.accounts()
    assert stored["password_hash"] not in hashes
    assert None is stored["name"]
    assert [] == await flows.candidates()


async def test_registrations_that_agree_on_the_name_keep_it(flows: Flows) -> None:
    """Somebody who registered twice is not asked for the name again."""
    await flows.register(password="the first password")
    await flows.register(password="the second password")
    account = await flows.verify((await flows.deliver())["verification"], "a third password")
    assert isinstance(account, Account)
    assert "Mira" == account.name


async def test_a_password_that_is_too_short_leaves_the_token_good(flows: Flows) -> None:
    """The person types another one on the same page."""
    await flows.register()
    await flows.register()
    token = (await flows.deliver())["verification"]
    with pytest.raises(InvalidInput):
        await flows.verify(token, "short")
    assert isinstance(await flows.verify(token, "long enough for this"), Account)


async def test_the_life_of_a_token_begins_when_its_mail_goes_out(flows: Flows, clock: MovableClock) -> None:
    """After an outage of 40 hours the link in the late mail is good for its whole day."""
    await flows.register()
    clock.move(40 * HOUR_S)
    token = (await flows.deliver())["verification"]
    clock.move(24 * HOUR_S - 1)
    assert isinstance(await flows.verify(token), Account)


async def test_a_token_ends_after_its_life(flows: Flows, clock: MovableClock, heard: list[Event]) -> None:
    """24 hours, not a second more; operators see why it was refused."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    clock.move(24 * HOUR_S + 1)
    with pytest.raises(BadToken):
        await flows.verify(token)
    assert ["expired"] == [event.reason for event in heard if isinstance(event, TokenRefused)]


@pytest.mark.parametrize("token", [None, "", " ", 7, [], {}, True, "x" * 64, "é" * 64, "A" * 63, "A" * 65, "-_" * 32])
async def test_whatever_is_no_token_is_a_bad_token(flows: Flows, token: object) -> None:
    """Any JSON value, one error."""
    await flows.register()
    with pytest.raises(BadToken):
        await flows.verify(token)


async def test_a_changed_character_makes_a_token_bad(flows: Flows) -> None:
    """Every bit of the MAC counts."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    for position in (0, 21, 22, 40, 63):
        changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        with pytest.raises(BadToken):
            await flows.verify(changed)
    assert isinstance(await flows.verify(token), Account)


async def test_a_reset_token_verifies_nothing(flows: Flows) -> None:
    """A token is good for its purpose alone."""
    await flows.registered_and_verified()
    await flows.request_reset()
    with pytest.raises(BadToken):
        await flows.verify((await flows.deliver())["password_reset"])


async def test_s30_a_token_is_bound_to_the_address_it_was_mailed_to(flows: Flows) -> None:
    """Once the account has another address, the old link proves nothing."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    await flows.change_address("somebody@example.com")
    with pytest.raises(BadToken):
        await flows.verify(token)


async def test_the_database_holds_nothing_a_token_could_be_made_from(flows: Flows) -> None:
    """Neither the token nor its MAC nor a link stands in any row, whether it is written as text or as bytes."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    values = [value for table in metadata.sorted_tables for row in await _rows(flows, table) for value in row]
    stored = b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)
    mac = base64.urlsafe_b64decode(token)[tokens.ID_BYTES :]
    assert b"mira@example.com" in stored
    assert not any(secret in stored for secret in (token.encode(), token.encode()[22:], mac, b"token="))


async def _rows(flows: Flows, table: Table) -> list[tuple[Any, ...]]:
    return await flows.gate.database.read(lambda connection: [tuple(row) for row in connection.execute(select(table))])


async def test_another_verification_is_promised_on_request(flows: Flows, clock: MovableClock) -> None:
    """The newest link works, and the older one still does."""
    await flows.register()
    old = (await flows.deliver())["verification"]
    clock.move(61)
    await flows.request_verification()
    new = (await flows.deliver())["verification"]
    assert old != new
    assert isinstance(await flows.verify(old), Account)
    with pytest.raises(BadToken):
        await flows.verify(new)


async def test_a_request_for_a_verified_or_unknown_address_sends_nothing(flows: Flows) -> None:
    """Support sees a row with the reason, the stranger sees nothing; an unknown address stands there only as a hash."""
    await flows.registered_and_verified()
    await flows.request_verification()
    await flows.request_verification("nobody@example.com")
    reasons = [reason for template, state, reason in await flows.outbox() if state == "cancelled"]
    assert ["already_verified", "no_account"] == sorted(map(str, reasons))
    assert "nobody@example.com" not in str(await flows.tokens())


async def test_the_welcome_may_wait_for_the_proof(gate: Gate) -> None:
    """With WELCOME=at_verification it is promised in the transaction that proves the address."""
    flows = Flows(replace(gate, welcome="at_verification"))
    await flows.register()
    await flows.verify((await flows.deliver())["verification"])
    assert ("welcome", "queued", None) in await flows.outbox()


async def test_a_retired_key_still_verifies_and_a_removed_one_does_not(gate: Gate) -> None:
    """The first secret signs, all verify."""
    keys = type(gate.keys)
    old, new = "the old secret, long enough to be one", "the new secret, long enough to be one"
    before = Flows(replace(gate, keys=keys([old])))
    await before.register()
    token = (await before.deliver())["verification"]
    with pytest.raises(BadToken):
        await Flows(replace(gate, keys=keys([new]))).verify(token)
    assert isinstance(await Flows(replace(gate, keys=keys([new, old]))).verify(token), Account)
