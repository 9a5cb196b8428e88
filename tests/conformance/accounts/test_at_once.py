"""The account flows at once, for one account and beside the worker: one of them decides, and none blocks another."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from gatepost.accounts.account import Account
from gatepost.accounts.verification import ChoosePassword
from gatepost.database.connection import Database
from gatepost.errors import BadToken
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.postgresql import deadlocks

LATER_S = 61  # another message of the same kind may be asked for


@pytest.fixture
def everywhere(processes: list[Database], flows: Flows) -> list[Flows]:
    """The flows in four processes."""
    return [Flows(replace(flows.gate, database=database)) for database in processes]


async def test_many_requests_for_a_verification_at_once_promise_one_mail(
    everywhere: list[Flows], clock: MovableClock
) -> None:
    """50 in four processes: the account's row is taken before anybody looks whether a mail is on its way."""
    await everywhere[0].register()
    await everywhere[0].deliver()
    clock.move(LATER_S)
    await asyncio.gather(*(everywhere[number % 4].request_verification() for number in range(50)))
    states = Counter(row for row in await everywhere[0].outbox() if row[0] == "verification")
    assert states == {
        ("verification", "accepted", None): 1,
        ("verification", "queued", None): 1,
        ("verification", "cancelled", "waiting"): 49,
    }


async def test_many_requests_for_a_reset_at_once_promise_one_mail(everywhere: list[Flows]) -> None:
    """The same for a reset, whose request also voids the links before it."""
    await everywhere[0].registered_and_verified()
    await asyncio.gather(*(everywhere[number % 4].request_reset() for number in range(50)))
    states = Counter(row[1:] for row in await everywhere[0].outbox() if row[0] == "password_reset")
    assert states == {("queued", None): 1, ("cancelled", "waiting"): 49}


async def test_many_registrations_of_one_address_at_once_promise_one_mail(everywhere: list[Flows]) -> None:
    """20 in four processes: one account, twenty candidates, one verification on its way."""
    await asyncio.gather(*(everywhere[number % 4].register(name=f"N{number}") for number in range(20)))
    assert (1, 20) == (len(await everywhere[0].accounts()), len(await everywhere[0].candidates()))
    states = Counter(row[1:] for row in await everywhere[0].outbox() if row[0] == "verification")
    assert states == {("queued", None): 1, ("cancelled", "waiting"): 19}


async def test_one_token_redeemed_in_many_processes_at_once_counts_once(everywhere: list[Flows]) -> None:
    """20 calls: one has the account, the others a bad token; nobody is asked to choose a password."""
    await everywhere[0].register()
    token = (await everywhere[0].deliver())["verification"]
    results = await asyncio.gather(
        *(everywhere[number % 4].verify(token) for number in range(20)), return_exceptions=True
    )
    assert Counter({Account: 1, BadToken: 19}) == Counter(map(type, results))


async def test_of_two_tokens_of_one_account_at_once_one_counts(everywhere: list[Flows], clock: MovableClock) -> None:
    """Two registrations wait, both mails are opened at once with a password: one decides, the other's link is void."""
    await everywhere[0].register(password="the stranger's password", name="Stranger")
    first = (await everywhere[0].deliver())["verification"]
    clock.move(LATER_S)
    await everywhere[0].register(name="Mira")
    second = (await everywhere[0].deliver())["verification"]
    results = await asyncio.gather(
        *(everywhere[place].verify(token, "a password of mine") for place, token in enumerate((first, second))),
        return_exceptions=True,
    )
    assert Counter({Account: 1, BadToken: 1}) == Counter(map(type, results))
    assert [] == await everywhere[0].candidates()


async def test_a_registration_beside_the_proof_of_its_address_comes_before_it_or_after(everywhere: list[Flows]) -> None:
    """Either two candidates wait, and a password must be chosen, or the address is taken: nothing in between."""
    for number in range(10):
        address = f"mira{number}@example.com"
        await everywhere[0].register(address)
        token = (await everywhere[0].deliver())["verification"]
        proved, _ = await asyncio.gather(everywhere[0].verify(token), everywhere[1].register(address, name="Other"))
        account = next(one for one in await everywhere[0].accounts() if one["email"] == address)
        waiting = [
            one
            for one in await everywhere[0].candidates()
            if one["account_id"] == account["id"] and one["closed_at"] is None
        ]
        if isinstance(proved, ChoosePassword):
            assert (None, 2) == (account["verified_at"], len(waiting))
        else:
            assert [] == waiting
            assert account["verified_at"] is not None


async def test_proofs_and_claims_of_the_same_messages_never_deadlock(
    everywhere: list[Flows], clock: MovableClock, database_url: str
) -> None:
    """A proof cancels the mail and voids the token that the worker claims and renews: both take the mail first.

    PostgreSQL counts the deadlocks it had to break up: none, whichever was first.
    """
    addresses = [f"mira{number}@example.com" for number in range(40)]
    await asyncio.gather(*(everywhere[0].register(address) for address in addresses))
    proofs = [token for _, token in await everywhere[0].deliver_each() if token is not None]
    clock.move(LATER_S)
    await asyncio.gather(
        *(everywhere[0].request_verification(address) for address in addresses),
        *(everywhere[0].request_reset(address) for address in addresses),
    )
    proved = asyncio.gather(*(everywhere[number % 3].verify(token) for number, token in enumerate(proofs)))
    claimed = await everywhere[3].claim()
    assert [Account] * 40 == list(map(type, await proved))
    claimed += await everywhere[3].claim()
    assert 40 == sum(one.template == "password_reset" for one, _ in claimed)
    verifications = Counter(row[1:] for row in await everywhere[0].outbox() if row[0] == "verification")
    assert 40 == verifications["sending", None] + verifications["cancelled", "superseded"]
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)
