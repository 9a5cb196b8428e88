"""What becomes of an account whose address support corrects, and when it is refused."""

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import update

from gatepost.accounts.account import Account
from gatepost.accounts.address_correction import (
    DELETED_TEXT,
    DISABLED_TEXT,
    TAKEN_TEXT,
    VERIFIED_TEXT,
    correct_address,
)
from gatepost.accounts.operators import AccountAction, WrittenTo, act_on_account
from gatepost.accounts.tables import accounts, address_changes, tokens
from gatepost.accounts.verification import ChoosePassword
from gatepost.audit.trail import Deed, Signature, done_to
from gatepost.errors import ActionRefused, BadToken, InvalidInput, NoSuchAccount
from gatepost.events import AccountActedOn, Event
from gatepost.mail.address import mask_address
from gatepost.orders.person import erase
from gatepost.outbox.tables import messages
from tests.support.flows import ADDRESS, PASSWORD, Flows
from tests.support.person import desk_of

BY = Signature(actor="operator mira", reason="told on the phone", request_id="request-8")
RIGHT = "mira@example.org"


async def _registered(flows: Flows, email: str = ADDRESS, password: str = PASSWORD) -> uuid.UUID:
    await flows.register(email, password)
    return next(row["id"] for row in await flows.accounts() if row["email"] == email)


async def _correct(flows: Flows, account_id: uuid.UUID, email: str = RIGHT) -> WrittenTo:
    return await correct_address(flows.gate, account_id, email, BY)


async def _written_to(flows: Flows, recipient: str) -> list[tuple[str, str, str | None]]:
    rows = [row for row in await flows.rows(messages) if row["recipient"] == recipient]
    return sorted((row["template"], row["state"], row["reason"]) for row in rows)


async def test_only_the_new_address_proves_the_account(flows: Flows) -> None:
    """The link at the wrong address is dead, the one at the right address makes the account, with its password."""
    account_id = await _registered(flows)
    old = (await flows.deliver())["verification"]
    corrected = await _correct(flows, account_id)
    assert (RIGHT, account_id, None) == (corrected.account.email, corrected.account.id, corrected.withheld)
    with pytest.raises(BadToken):
        await flows.verify(old)
    proved = await flows.verify((await flows.deliver())["verification"])
    assert isinstance(proved, Account)
    assert (account_id, RIGHT) == (proved.id, proved.email)
    assert RIGHT == (await flows.sign_in(RIGHT)).account.email


async def test_what_waits_to_the_wrong_address_is_cancelled(flows: Flows) -> None:
    """The verification and the welcome go nowhere any more; a new verification goes to the right address."""
    account_id = await _registered(flows)
    corrected = await _correct(flows, account_id)
    assert [] == [one for one in await _written_to(flows, ADDRESS) if one[1:] != ("cancelled", "superseded")]
    assert [("verification", "queued", None)] == await _written_to(flows, RIGHT)
    mailed = [claimed.id for claimed, _ in await flows.deliver_each()]
    assert [corrected.message] == mailed


async def test_every_registration_goes_on_waiting(flows: Flows) -> None:
    """Two people who typed one wrong address stay two: whoever proves the right one chooses the password."""
    account_id = await _registered(flows)
    await flows.register(ADDRESS, "somebody else's words")
    await _correct(flows, account_id)
    assert [None, None] == [row["closed_at"] for row in await flows.candidates()]
    assert isinstance(await flows.verify((await flows.deliver())["verification"]), ChoosePassword)


async def test_it_is_written_down_without_an_address(flows: Flows, heard: list[Event]) -> None:
    """The log names account, message and why; both addresses stand where they go with the account."""
    account_id = await _registered(flows)
    corrected = await _correct(flows, account_id)
    (deed,) = await flows.gate.database.read(lambda connection: done_to(connection, account_id))
    expected = ("operator mira", "correct_address", corrected.message, "active", "active", BY.reason, BY.request_id)
    assert Deed(deed.at, *expected) == deed
    (change,) = await flows.rows(address_changes)
    assert (ADDRESS, RIGHT) == (change["old_email"], change["new_email"])
    assert change["confirmed_at"] is not None
    event = AccountActedOn(
        actor=BY.actor,
        action="correct_address",
        account_id=str(account_id),
        request_id=BY.request_id,
        messages=(str(corrected.message),),
    )
    assert event == heard[-1]
    assert not any(address in repr(event) for address in (ADDRESS, RIGHT, mask_address(RIGHT)))


async def test_the_links_of_the_kept_change_are_of_no_use(flows: Flows) -> None:
    """Nothing that was stored for the correction can be redeemed: of the open tokens there is one, the new one."""
    account_id = await _registered(flows)
    await _correct(flows, account_id)
    still_open = [row["purpose"] for row in await flows.tokens() if row["used_at"] is row["voided_at"] is None]
    assert ["verification"] == still_open


async def _verified(flows: Flows) -> uuid.UUID:
    return await flows.registered_and_verified()


async def _disabled(flows: Flows) -> uuid.UUID:
    account_id = await _registered(flows)
    await act_on_account(flows.gate, AccountAction.DISABLE, account_id, BY)
    return account_id


async def _deleted(flows: Flows) -> uuid.UUID:
    account_id = await _registered(flows)
    await flows.gate.database.write(lambda tx: tx.execute(update(accounts).values(deleted_at=1)).rowcount)
    return account_id


async def _beside_another(flows: Flows) -> uuid.UUID:
    await flows.register(RIGHT, "somebody else's words")
    return await _registered(flows)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (_verified, VERIFIED_TEXT),
        (_disabled, DISABLED_TEXT),
        (_deleted, DELETED_TEXT),
        (_beside_another, TAKEN_TEXT),
    ],
)
async def test_what_is_refused_changes_nothing(flows: Flows, make: Any, text: str) -> None:
    """A proved, disabled or deleted account, and an address somebody has: the sentence says what to do instead."""
    account_id = await make(flows)

    async def everything() -> list[Any]:
        stored = [await flows.rows(table) for table in (accounts, messages, address_changes)]
        deeds = await flows.gate.database.read(lambda connection: done_to(connection, account_id))
        return [*stored, await flows.tokens(), deeds]

    before = await everything()
    with pytest.raises(ActionRefused) as refused:
        await _correct(flows, account_id, "MIRA@example.org")
    assert text == str(refused.value)
    assert before == await everything()


async def test_the_address_it_has_already_is_no_correction(flows: Flows) -> None:
    """However it is capitalised; and what is no address is none."""
    account_id = await _registered(flows)
    for typed, code in ((ADDRESS.upper(), "unchanged"), ("mira at example", "invalid_address")):
        with pytest.raises(InvalidInput) as refused:
            await _correct(flows, account_id, typed)
        assert [code] == [error.code for error in refused.value.errors]
    with pytest.raises(NoSuchAccount):
        await _correct(flows, uuid.UUID(int=1))


async def test_of_two_corrections_to_one_address_one_wins(flows: Flows) -> None:
    """The unique index decides, whoever looks first."""
    first, second = await _registered(flows), await _registered(flows, "mora@example.com")
    done = await asyncio.gather(_correct(flows, first), _correct(flows, second), return_exceptions=True)
    assert [ActionRefused, WrittenTo] == sorted((type(one) for one in done), key=lambda kind: kind.__name__)
    assert 1 == sum(row["address_key"] == RIGHT for row in await flows.accounts())


async def test_of_a_proof_and_a_correction_at_once_one_wins(flows: Flows) -> None:
    """Either the address was proved first and stays, or the link is void: and never both."""
    for number in range(4):
        wrong, right = f"mira{number}@example.com", f"mira{number}@example.org"
        account_id = await _registered(flows, wrong)
        token = (await flows.deliver())["verification"]
        pair = (flows.verify(token), _correct(flows, account_id, right))
        done = await asyncio.gather(*(pair if number % 2 else reversed(pair)), return_exceptions=True)
        (row,) = [one for one in await flows.accounts() if one["id"] == account_id]
        proved = row["verified_at"] is not None
        assert {ActionRefused if proved else BadToken} == {type(one) for one in done if isinstance(one, Exception)}
        assert (wrong if proved else right) == row["email"]


async def test_a_mailbox_that_had_enough_today_gets_no_more(flows: Flows) -> None:
    """The address is corrected all the same, and the row of the message says why nothing comes."""
    account_id = await _registered(flows)
    withheld = []
    for number in range(9):  # one mailbox, however the part after the plus sign reads
        corrected = await _correct(flows, account_id, f"mira+{number}@example.org")
        withheld.append(corrected.withheld)
    assert [*[None] * 8, "cap"] == withheld
    assert ("verification", "cancelled", "cap") in await _written_to(flows, "mira+8@example.org")


async def test_both_addresses_go_with_the_account(flows: Flows) -> None:
    """What was cancelled at the wrong address is found and erased as well, and of the log only words stay."""
    account_id = await _registered(flows)
    await _correct(flows, account_id)
    done = await erase(desk_of(flows), {"address": RIGHT}, BY)
    assert (1, False) == (done["accounts"], done["more"])
    assert [[], [], [], []] == [await flows.rows(one) for one in (accounts, messages, address_changes, tokens)]
    (deed,) = await flows.gate.database.read(lambda connection: done_to(connection, account_id))
    assert ("correct_address", "active", "active", None) == (
        deed.action,
        deed.state_before,
        deed.state_after,
        deed.reason,
    )
