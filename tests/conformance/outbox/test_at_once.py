"""Several processes at the outbox at once: nobody gets what another has, and nobody waits for anybody."""

import asyncio
from collections import Counter
from functools import partial

import pytest
from sqlalchemy import Connection, event

from gatepost.database.connection import Database
from gatepost.outbox.give_back import Recovered, recover
from gatepost.outbox.search import find
from gatepost.outbox.workers import DEAD_AFTER_S, beat, enlist, strike_out_dead
from tests.support.outbox import NOW_MS, beat_ago, claim_as, draft, enqueue_all
from tests.support.postgresql import deadlocks


async def test_claims_at_once_are_disjoint_and_as_large_as_asked_for(processes: list[Database]) -> None:
    """Twelve claims of 7 in four processes, of 100 that are due: 84 messages, each claimed by one."""
    await enqueue_all(processes[0], *[draft() for _ in range(100)])
    claims = await asyncio.gather(
        *(claim_as(database, f"worker-{number}", limit=7) for number, database in enumerate(processes * 3))
    )
    assert [7] * 12 == [len(claimed) for claimed in claims]
    claimed_by = {one.id: one.owner for claimed in claims for one in claimed}
    assert 84 == len(claimed_by)
    rows = [await processes[0].read(lambda connection, id=id: find(connection, id)) for id in claimed_by]
    assert ["sending"] * 84 == [row.message.state for row in rows if row is not None]


async def test_claims_go_on_until_everything_is_taken_once(processes: list[Database]) -> None:
    """Each process claims until nothing is left: together they have all of it, and nothing twice."""
    ids = await enqueue_all(processes[0], *[draft() for _ in range(200)])

    async def claim_all(database: Database, owner: str) -> list[object]:
        found: list[object] = []
        while claimed := await claim_as(database, owner, limit=5):
            found.extend(one.id for one in claimed)
        return found

    shares = await asyncio.gather(*(claim_all(one, f"worker-{number}") for number, one in enumerate(processes)))
    assert {one: 1 for one in ids} == Counter(one for share in shares for one in share)


async def test_a_dead_workers_messages_are_recovered_once(processes: list[Database]) -> None:
    """Four processes find the same dead worker at once: each message is settled by one of them, once."""
    await enqueue_all(processes[0], *[draft() for _ in range(50)])
    claimed = await claim_as(processes[0], "dead", limit=50)
    found = await asyncio.gather(*(one.write(lambda tx: recover(tx, NOW_MS)) for one in processes))
    assert Recovered(50, 0) == Recovered(sum(one.due_again for one in found), sum(one.unknown for one in found))
    for one in claimed:
        row = await processes[0].read(lambda connection, id=one.id: find(connection, id))
        assert row is not None
        assert ("queued", 1) == (row.message.state, len(row.attempts))


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite one of them would beat after the other's end
async def test_two_workers_that_hold_each_other_for_dead_do_not_wait_for_each_other(
    processes: list[Database], database_url: str
) -> None:
    """Both wake from a long stop, beat, and then find the other's row stale: whoever beats lives, and both go on."""
    owners = ("left", "right")
    for owner in owners:
        await processes[0].write(lambda tx, owner=owner: enlist(tx, owner, 8, alone=False))
    for owner in owners:
        await beat_ago(processes[0], owner, DEAD_AFTER_S)

    def wake(tx: Connection, owner: str) -> list[str]:
        assert beat(tx, owner)
        tx.exec_driver_sql("SELECT pg_sleep(0.3)")  # until the other has beaten too
        return strike_out_dead(tx)

    works = (partial(wake, owner=owner) for owner in owners)
    struck_out = await asyncio.gather(*(one.write(work) for one, work in zip(processes, works, strict=False)))
    assert [[], []] == struck_out
    await asyncio.gather(*(one.close() for one in processes))
    assert 0 == await deadlocks(database_url)


async def test_what_was_claimed_while_somebody_recovered_is_spared(database: Database) -> None:
    """A worker enlists and claims between the first look at a dead one's message and the lock on it."""
    await enqueue_all(database, draft())
    await claim_as(database, "late")

    def enlisted_meanwhile(tx: Connection) -> Recovered:
        looked: list[bool] = []

        def after_the_first_look(*_: object) -> None:
            if not looked:
                looked.append(True)
                enlist(tx, "late", 8, alone=False)

        event.listen(tx, "after_cursor_execute", after_the_first_look)
        return recover(tx, NOW_MS)

    assert Recovered(0, 0) == await database.write(enlisted_meanwhile)
