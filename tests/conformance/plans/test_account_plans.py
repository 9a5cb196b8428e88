"""What a request for an account asks costs the same however many accounts, tokens and messages there are."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from gatepost.accounts import tokens
from gatepost.accounts.candidates import prune_candidates
from gatepost.accounts.gate import Gate
from gatepost.accounts.idempotency import prune_idempotency_keys
from gatepost.accounts.limits import prune_limits
from gatepost.accounts.tokens import Purpose, prune_tokens
from gatepost.database.connection import Database
from gatepost.delivery.chores import Chore
from gatepost.errors import BadToken
from gatepost.outbox.prune import prune_no_account
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, FLOODED, NOW_MS, account_id, address_of
from tests.support.crowd import client_number
from tests.support.flows import Flows

VERIFIED, UNVERIFIED = 8, 10

Flow = Callable[[Flows], Awaitable[object]]


_FLOWS: dict[str, Flow] = {
    "a new address": lambda flows: flows.register("new@example.com"),
    "a waiting address": lambda flows: flows.register(address_of(UNVERIFIED)),
    "a taken address": lambda flows: flows.register(address_of(VERIFIED)),
    "from a client": lambda flows: flows.register(address_of(UNVERIFIED), client=client_number(1)),
    "with a key": lambda flows: flows.register("new@example.com", key="a key of its own, as long as it should be"),
    "another verification": lambda flows: flows.request_verification(address_of(UNVERIFIED)),
    "verification of nobody": lambda flows: flows.request_verification("nobody@example.com"),
    "verification, flooded": lambda flows: flows.request_verification(address_of(FLOODED)),
    "a reset": lambda flows: flows.request_reset(address_of(VERIFIED)),
    "a reset of nobody": lambda flows: flows.request_reset("nobody@example.com", client=client_number(1)),
}


@pytest.mark.parametrize("name", _FLOWS)
def test_a_request_looks_up_what_it_needs(settled: Filled, gate: Gate, name: str) -> None:
    """Every request for mail costs a few look-ups, whoever it is for."""
    found = settled.examine(lambda database: _FLOWS[name](_flows(gate, database)))
    found.assert_searched(steps=3_000, pages=150)


def test_a_verification_looks_up_what_it_needs(settled: Filled, gate: Gate) -> None:
    """The mailed link is found by its id, and the account's other tokens by the account."""

    async def act(database: Database) -> None:
        token = await database.write(lambda tx: _mailed(tx, gate, Purpose.VERIFICATION, UNVERIFIED))
        await _flows(gate, database).verify(token, "a password of the owner's choice")

    settled.examine(act).assert_searched(steps=3_000, pages=150)


def test_a_reset_looks_up_what_it_needs(settled: Filled, gate: Gate) -> None:
    """The same for the link that sets a password."""

    async def act(database: Database) -> None:
        token = await database.write(lambda tx: _mailed(tx, gate, Purpose.PASSWORD_RESET, VERIFIED))
        await _flows(gate, database).reset(token)

    settled.examine(act).assert_searched(steps=3_000, pages=150)


def test_a_token_nobody_made_costs_one_look(settled: Filled, gate: Gate) -> None:
    """A guessed token is looked for once, by its id."""

    async def act(database: Database) -> None:
        with pytest.raises(BadToken):
            await _flows(gate, database).verify("A" * tokens.TEXT_LENGTH)

    settled.examine(act).assert_searched(steps=100, pages=10)


@pytest.mark.parametrize("after_days", [0, 8], ids=["something to prune", "everything old"])
@pytest.mark.parametrize(
    "chore", [prune_no_account, prune_tokens, prune_candidates, prune_idempotency_keys, prune_limits]
)
def test_pruning_looks_at_what_it_deletes(settled: Filled, chore: Chore, after_days: int) -> None:
    """A batch of old rows is found by its age and deleted by its keys, with what hangs on it."""
    now_ms = NOW_MS + after_days * DAY_MS
    settled.examine_work(lambda tx: chore(tx, now_ms)).assert_searched(steps=150_000, pages=30_000)


@pytest.mark.parametrize(
    "chore", [prune_no_account, prune_tokens, prune_candidates, prune_idempotency_keys, prune_limits]
)
def test_pruning_nothing_looks_at_nothing(settled: Filled, chore: Chore) -> None:
    """While nothing is old enough, a chore costs one look."""
    settled.examine_work(lambda tx: chore(tx, NOW_MS - 90 * DAY_MS)).assert_searched(steps=200, pages=20)


def _flows(gate: Gate, database: Database) -> Flows:
    return Flows(replace(gate, database=database))


def _mailed(tx: Connection, gate: Gate, purpose: Purpose, number: int) -> str:
    of = {"account_id": account_id(number), "address_key": address_of(number), "now_ms": NOW_MS}
    (token,) = tokens.renew(tx, gate.keys, purpose, [tokens.issue(tx, gate.keys, purpose, **of)], NOW_MS).values()
    return token
