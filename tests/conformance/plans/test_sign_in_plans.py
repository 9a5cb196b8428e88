"""What signing in and every request of a session asks costs the same however many accounts and sessions there are."""

from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from gatepost.accounts.gate import Gate
from gatepost.accounts.known_clients import KEPT_S, prune_known_clients, remember
from gatepost.accounts.sessions import begin_session, end_all, end_session, list_sessions, prune_sessions
from gatepost.database.connection import Database
from gatepost.delivery.chores import Chore
from gatepost.errors import SignInFailed
from tests.conformance.plans.filled import Filled
from tests.conformance.plans.filling import DAY_MS, FLOODED, NOW_MS, account_id, address_of, session_token
from tests.conformance.plans.test_account_plans import UNVERIFIED, VERIFIED
from tests.support.flows import Flows
from tests.support.places import HOME

SIGNED_IN = 40  # a session of today


@pytest.mark.parametrize(
    "address", [address_of(VERIFIED), address_of(UNVERIFIED), address_of(FLOODED), "no@example.com"]
)
def test_a_failed_sign_in_looks_up_what_it_needs(settled: Filled, gate: Gate, address: str) -> None:
    """Whoever it is for, and however much mail was asked for there before."""

    async def act(database: Database) -> None:
        with suppress(SignInFailed):
            await _flows(gate, database).sign_in(address, "a password nobody chose", client=HOME)

    settled.examine(act).assert_searched(steps=3_000, pages=150)


@pytest.mark.parametrize("number", [VERIFIED, FLOODED])
def test_a_new_session_looks_up_what_it_needs(settled: Filled, gate: Gate, number: int) -> None:
    """Also for an account with a hundred of them, of which the oldest ends."""

    def work(tx: Connection) -> None:
        begin_session(tx, gate, account_id(number), HOME, NOW_MS)
        remember(tx, gate.keys, account_id(number), HOME, NOW_MS)

    settled.examine_work(work).assert_searched(steps=5_000, pages=300)


def test_a_request_of_a_session_looks_up_what_it_needs(settled: Filled, gate: Gate) -> None:
    """The session by its digest, the account by its id; the list by the account."""

    async def act(database: Database) -> None:
        current = await _flows(gate, database).find(session_token(SIGNED_IN))
        await list_sessions(replace(gate, database=database), current)

    settled.examine(act).assert_searched(steps=1_000, pages=50)


def test_the_end_of_sessions_looks_up_what_it_needs(settled: Filled, gate: Gate) -> None:
    """One by its token, one by its id, all by the account."""

    async def act(database: Database) -> None:
        flows = _flows(gate, database)
        current = await flows.find(session_token(SIGNED_IN))
        await end_session(flows.gate, current, current.session_id, request_id="request-1")
        await flows.sign_out(session_token(SIGNED_IN * 2))
        await database.write(lambda tx: end_all(tx, account_id(FLOODED)))

    settled.examine(act).assert_searched(steps=6_000, pages=800)


@pytest.mark.parametrize("chore", [prune_sessions, prune_known_clients])
def test_pruning_looks_at_what_it_deletes(settled: Filled, chore: Chore) -> None:
    """A batch is found by its age and deleted by its keys."""
    settled.examine_work(lambda tx: chore(tx, NOW_MS)).assert_searched(steps=60_000, pages=15_000)


@pytest.mark.parametrize("chore", [prune_sessions, prune_known_clients])
def test_pruning_nothing_looks_at_nothing(settled: Filled, chore: Chore) -> None:
    """While nothing is old enough, a chore costs one look."""
    long_ago = NOW_MS - 100 * DAY_MS - KEPT_S * 1000
    settled.examine_work(lambda tx: chore(tx, long_ago)).assert_searched(steps=200, pages=20)


def _flows(gate: Gate, database: Database) -> Flows:
    return Flows(replace(gate, database=database))
