"""Many registrations of one address at once: one account, nothing lost, nobody written to twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.database.opening import open_database
from gatepost.errors import AddressTaken
from gatepost.outbox.tables import messages
from tests.support.flows import ADDRESS, Flows

WITHIN_S = 60.0


@pytest.fixture
async def everywhere(gate: Gate, database_kind: str, database_url: str) -> AsyncIterator[list[Flows]]:
    """The flows of every process there may be: two on PostgreSQL, the owner of the file on SQLite."""
    if database_kind == "sqlite":
        yield [Flows(gate)]
        return
    other = await open_database(database_url, wait_for_owner_s=0)
    yield [Flows(gate), Flows(replace(gate, database=other))]
    await other.close()


async def test_a_thousand_registrations_of_one_address_make_one_account_and_one_verification(
    everywhere: list[Flows],
) -> None:
    """All answered and counted, each with all its rows; nobody but the first causes mail."""
    async with asyncio.timeout(WITHIN_S):
        await asyncio.gather(*(everywhere[number % len(everywhere)].register() for number in range(1000)))
    flows = everywhere[0]
    (account,) = await flows.accounts()
    assert (1000, 1000, 1000) == (account["registrations"], len(await flows.candidates()), len(await flows.tokens()))
    assert {row["account_id"] for row in [*await flows.candidates(), *await flows.tokens()]} == {account["id"]}
    out = Counter((template, state) for template, state, _ in await flows.outbox())
    assert {
        ("verification", "queued"): 1,
        ("verification", "cancelled"): 999,
        ("welcome", "queued"): 1,
        ("welcome", "cancelled"): 999,
    } == out
    (good,) = [row["id"] for row in await flows.tokens() if row["voided_at"] is None]
    assert [good] == [
        row["token_id"] for row in await flows.rows(messages) if row["state"] == "queued" and row["token_id"]
    ]


async def test_s24_the_owner_of_a_taken_address_is_told_once_by_a_hundred(everywhere: list[Flows]) -> None:
    """Once a day holds for those who come at the same moment too."""
    await everywhere[0].registered_and_verified()
    await asyncio.gather(*(everywhere[number % len(everywhere)].register() for number in range(100)))
    told = Counter(row[1:] for row in await everywhere[0].outbox() if row[0] == "account_exists")
    assert Counter({("queued", None): 1, ("cancelled", "told_today"): 99}) == told


async def test_of_a_hundred_that_may_be_told_one_gets_the_account(everywhere: list[Flows]) -> None:
    """The unique index decides; the others hear that the address is taken and leave no row."""
    revealing = [Flows(replace(flows.gate, reveal_accounts=True)) for flows in everywhere]
    asked = (revealing[number % len(revealing)].register() for number in range(100))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert Counter({AddressTaken: 99, Account: 1}) == Counter(type(answer) for answer in answers)
    assert (1, 1, 2) == (
        len(await revealing[0].candidates()),
        len(await revealing[0].tokens()),
        len(await revealing[0].outbox()),
    )


async def test_no_registration_slips_past_the_proof_of_its_address(everywhere: list[Flows]) -> None:
    """However a proof falls among registrations: the owner's password counts, and none of theirs is kept."""
    for round_number in range(5):
        email = f"{round_number}.{ADDRESS}"
        await everywhere[0].register(email)
        token = (await everywhere[0].deliver())["verification"]
        strangers = [everywhere[number % len(everywhere)].register(email) for number in range(30)]
        proof = everywhere[-1].verify(token, "the password of the owner")
        answers = await asyncio.gather(*strangers[:15], proof, *strangers[15:])
        assert isinstance(answers[15], Account)
    flows = everywhere[0]
    assert [(31, True)] * 5 == [
        (one["registrations"], one["verified_at"] is not None) for one in await flows.accounts()
    ]
    assert [] == [row for row in await flows.candidates() if row["closed_at"] is None]
