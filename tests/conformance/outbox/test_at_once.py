"""Several processes at the outbox at once: nobody gets what another has, and nobody waits for anybody."""

import asyncio
from collections import Counter

from gatepost.database.connection import Database
from gatepost.outbox.give_back import Recovered, recover
from gatepost.outbox.search import find
from gatepost.outbox.workers import DEAD_AFTER_S, beat, enlist, strike_out_dead
from tests.support.outbox import NOW_MS, beat_ago, claim_as, draft, enlisted, enqueue_all


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


async def test_two_workers_that_hold_each_other_for_dead_do_not_wait_for_each_other(
    processes: list[Database],
) -> None:
    """Both wake from a long stop and beat, and each finds the other's row stale: at least one of them stays."""
    for owner in ("left", "right"):
        await processes[0].write(lambda tx, owner=owner: enlist(tx, owner, 8, alone=False))
    for owner in ("left", "right"):
        await beat_ago(processes[0], owner, DEAD_AFTER_S)
    both_beat = asyncio.gather(
        *(
            one.write(lambda tx, owner=owner: (beat(tx, owner), strike_out_dead(tx)))
            for owner, one in zip(("left", "right"), processes[:2], strict=True)
        )
    )
    async with asyncio.timeout(10):
        results = await both_beat
    struck_out = {owner for _, dead in results for owner in dead}
    assert {"left", "right"} - struck_out == set(await enlisted(processes[0]))
    assert len(struck_out) < 2
