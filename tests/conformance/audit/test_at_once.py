"""An operator against a worker and against another operator, at the same moment: one wins whole, the other is told."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from sqlalchemy import Connection, text

from gatepost.database.connection import Database
from gatepost.errors import ActionRefused, MessageInFlight
from gatepost.outbox.actions import SENT_AGAIN_TEXT, Action
from gatepost.outbox.claim import Claimed, claim
from gatepost.outbox.operate import Acted, act
from gatepost.outbox.search import page
from tests.conformance.database.barrier import Barrier, PostgresqlBarrier, SqliteBarrier
from tests.support.operating import ADA, found, in_state, operate
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all
from tests.support.postgresql import deadlocks

ROUNDS = 40


@pytest.fixture
async def barrier(database_kind: str, database_url: str) -> AsyncIterator[Barrier]:
    """Where a transaction waits with everything it has taken."""
    if database_kind == "sqlite":
        yield SqliteBarrier()
        return
    async with PostgresqlBarrier.at(database_url) as barrier:
        yield barrier


@pytest.mark.parametrize("action", [Action.HOLD, Action.CANCEL])
async def test_a_claim_passes_over_what_an_operator_has_taken(
    processes: list[Database], barrier: Barrier, action: Action
) -> None:
    """The operator's transaction is not committed yet: the worker waits for nobody, gets the others, and not this."""
    message, other = await enqueue_all(processes[0], draft(), draft(), now_ms=NOW_MS)

    def act_slowly(tx: Connection) -> Acted:
        acted = act(tx, action, message, ADA, NOW_MS)
        barrier.wait(tx)
        return acted

    acting = asyncio.create_task(processes[0].write(act_slowly))
    await barrier.arrived(1)
    claiming = asyncio.create_task(claim_as(processes[1]))
    if processes[0].shared:
        assert [other] == [one.id for one in await claiming]
    await barrier.open()
    await acting
    assert [other] == [one.id for one in await claiming]
    detail = await found(processes[0], message)
    assert (acting.result().state_after, [], 1) == (detail.message.state, list(detail.attempts), len(detail.actions))


@pytest.mark.parametrize("action", list(Action))
async def test_an_operator_waits_for_a_claim_and_is_told_of_it(
    processes: list[Database], barrier: Barrier, action: Action
) -> None:
    """The worker's claim is not committed yet: the operator decides by what is true after it, and writes nothing."""
    (message,) = await enqueue_all(processes[0], draft())

    def claim_slowly(tx: Connection) -> list[Claimed]:
        claimed = claim(tx, owner="worker-1", limit=1, now_ms=NOW_MS)
        barrier.wait(tx)
        return claimed

    claiming = asyncio.create_task(processes[0].write(claim_slowly))
    await barrier.arrived(1)
    acting = asyncio.create_task(operate(processes[1], action, message))
    if processes[2].shared:
        await _waits_for_a_row(processes[2])
    await barrier.open()
    with pytest.raises(MessageInFlight):
        await acting
    assert 1 == len(await claiming)
    detail = await found(processes[0], message)
    assert ("sending", ()) == (detail.message.state, detail.actions)


async def _waits_for_a_row(database: Database) -> None:
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'")
    async with asyncio.timeout(10):
        while not await database.read(lambda connection: connection.scalar(waiting)):
            pass


@pytest.mark.parametrize("action", [Action.HOLD, Action.CANCEL])
async def test_of_a_worker_and_an_operator_exactly_one_gets_it(
    processes: list[Database], database_url: str, action: Action
) -> None:
    """Again and again without any order between them: claimed and refused, or stopped and never claimed."""
    ids = await enqueue_all(processes[0], *[draft() for _ in range(ROUNDS)])

    async def stop(number: int) -> bool:
        try:
            await operate(processes[number % 2], action, ids[number])
        except MessageInFlight:
            return False
        return True

    async def claim_all(database: Database) -> list[Claimed]:
        return [one for _ in range(ROUNDS // 4) for one in await claim_as(database, limit=2)]

    *stopped, first, second = await asyncio.gather(
        *(stop(number) for number in range(ROUNDS)), claim_all(processes[2]), claim_all(processes[3])
    )
    claimed = [one.id for one in (*first, *second)]
    assert len(claimed) == len(set(claimed))
    assert {one for one, won in zip(ids, stopped, strict=True) if not won} == set(claimed)
    for one, won in zip(ids, stopped, strict=True):
        detail = await found(processes[0], one)
        states = {Action.HOLD: "held", Action.CANCEL: "cancelled"}
        assert ((states[action], 1) if won else ("sending", 0)) == (detail.message.state, len(detail.actions))
    if processes[0].shared:
        await asyncio.gather(*(one.close() for one in processes))
        assert 0 == await deadlocks(database_url)


async def test_of_two_that_resend_at_once_one_is_told(processes: list[Database]) -> None:
    """Eight operators press the button at the same moment: one more mail goes out, and seven learn why no other."""
    message = await in_state(processes[0], "accepted")
    presses = (operate(processes[number % 4], Action.RESEND, message) for number in range(8))
    results = await asyncio.gather(*presses, return_exceptions=True)
    won = [one for one in results if isinstance(one, Acted)]
    told = [one.text for one in results if isinstance(one, ActionRefused)]
    assert (1, [SENT_AGAIN_TEXT] * 7) == (len(won), told)
    detail = await found(processes[0], message)
    assert ((won[0].result,), 1) == (detail.resent_as, len(detail.actions))
    assert 2 == len(await processes[0].read(partial(page, limit=10)))


async def test_of_all_actions_at_once_each_finds_what_the_one_before_left(processes: list[Database]) -> None:
    """Whatever the order, each deed that is written down began with the state the deed before it ended with."""
    message = await in_state(processes[0], "queued")
    wanted = [action for action in Action for _ in range(5)]
    tries = (operate(processes[number % 4], action, message) for number, action in enumerate(wanted))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert [] == [one for one in results if not isinstance(one, Acted | ActionRefused)]
    done = {(deed.state_before, deed.state_after) for deed in (await found(processes[0], message)).actions}
    assert len([one for one in results if isinstance(one, Acted)]) == len((await found(processes[0], message)).actions)
    assert done <= {
        ("queued", "held"),
        ("held", "queued"),
        ("queued", "cancelled"),
        ("held", "cancelled"),
        ("cancelled", "cancelled"),
    }
