"""Many sign in at once, in several processes, while the password changes: no old password leaves a session behind."""

import asyncio
from dataclasses import replace

from gatepost.database.connection import Database
from gatepost.errors import SignInFailed
from gatepost.events import Event, SignedOut
from tests.support.clock import MovableClock
from tests.support.flows import PASSWORD, Flows

NEW = "another good password"


def _flows_in(flows: Flows, processes: list[Database]) -> list[Flows]:
    return [Flows(replace(flows.gate, database=database)) for database in processes]


async def test_every_one_of_many_logins_at_once_gets_a_session_of_its_own(
    flows: Flows, processes: list[Database]
) -> None:
    """Of the same account, in several processes."""
    account_id = await flows.registered_and_verified()
    several = _flows_in(flows, processes)
    entered = await asyncio.gather(*(several[number % len(several)].sign_in() for number in range(40)))
    found = await asyncio.gather(*(flows.find(one.token) for one in entered))
    assert {account_id} == {current.account.id for current in found}
    assert 40 == len({current.session_id for current in found}) == len(await flows.sessions())


async def test_s48_no_login_with_the_old_password_outlives_a_reset(
    flows: Flows, processes: list[Database], clock: MovableClock
) -> None:
    """Each was either before it, and its session ended, or after it, and failed: the account's row is taken by both."""
    await flows.registered_and_verified()
    several = _flows_in(flows, processes)
    for old, new in ((PASSWORD, NEW), (NEW, PASSWORD)):
        await flows.request_reset()
        token = (await flows.deliver())["password_reset"]
        logins = [several[number % len(several)].sign_in(password=old) for number in range(24)]
        results = await asyncio.gather(*logins[:12], flows.reset(token, new), *logins[12:], return_exceptions=True)
        assert {SignInFailed} >= {type(one) for one in results if isinstance(one, Exception)}
        assert [] == await flows.sessions()
        clock.move(3700)


async def test_of_many_failures_at_once_one_mails_another_verification(
    flows: Flows, processes: list[Database], clock: MovableClock
) -> None:
    """However many try for an address that waits for its proof."""
    await flows.register()
    await flows.deliver()
    clock.move(3700)
    several = _flows_in(flows, processes)
    tries = (several[number % len(several)].sign_in() for number in range(20))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert {SignInFailed} == {type(one) for one in results}
    assert 1 == (await flows.outbox()).count(("verification", "queued", None))


async def test_of_many_sign_outs_at_once_one_is_told(
    flows: Flows, processes: list[Database], heard: list[Event]
) -> None:
    """A double click, in two processes, is no mistake."""
    await flows.registered_and_verified()
    entered = await flows.sign_in()
    await asyncio.gather(*(one.sign_out(entered.token) for one in _flows_in(flows, processes) for _ in range(5)))
    assert [] == await flows.sessions()
    assert 1 == sum(isinstance(event, SignedOut) for event in heard)
