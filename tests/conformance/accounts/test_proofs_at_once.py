"""Proofs and requests for one account at once, and beside the worker: one decides, and nobody waits for ever."""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gatepost.accounts import tokens
from gatepost.accounts.account import Account
from gatepost.database.connection import Database
from gatepost.errors import BadToken
from gatepost.outbox.claim import claim
from gatepost.outbox.give_back import recover
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


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite the one would begin after the other's end
async def test_no_claim_comes_between_a_message_and_its_token(everywhere: list[Flows], database_url: str) -> None:
    """Two messages in flight whose tokens are being voided are to be recovered and claimed: not before the end of it.

    They are not cancelled, because they are in flight; they are taken all the same. Otherwise the claim would wait for
    a token that is being voided, and the flow for one that the claim renews.
    """
    flows, others = everywhere[:2]
    await flows.register()
    await flows.request_reset()
    assert {"verification", "password_reset"} <= {one.template for one, _ in await flows.claim()}
    (account,) = await flows.accounts()
    now_ms = flows.gate.clock.now_ms()

    def void_slowly(tx: Connection) -> None:
        def after_the_messages(*about: Any) -> None:
            if about[2].startswith("UPDATE messages"):
                tx.exec_driver_sql("SELECT pg_sleep(0.6)")

        event.listen(tx, "after_cursor_execute", after_the_messages)
        tokens.void(tx, account["id"], tokens.ALL_BUT_UNDO, now_ms)

    def claim_slowly(tx: Connection) -> int:
        tx.exec_driver_sql("SELECT pg_sleep(0.3)")
        recover(tx, now_ms)
        claimed = claim(tx, owner="other", limit=10, now_ms=now_ms)
        for one in sorted(claimed, key=lambda one: one.template, reverse=True):
            if one.token_id is not None:
                tokens.renew(tx, flows.gate.keys, tokens.Purpose(one.template), [one.token_id], now_ms)
                tx.exec_driver_sql("SELECT pg_sleep(0.6)")
        return sum(one.token_id is not None for one in claimed)

    _, claimed = await asyncio.gather(flows.gate.database.write(void_slowly), others.gate.database.write(claim_slowly))
    assert 0 == claimed
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    assert 0 == await deadlocks(database_url)
