"""Who works: rows in `workers`, the database's clock, and what follows from a row that is gone."""

import pytest
from sqlalchemy import select

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.database.now import database_now
from gatepost.outbox.claim import Claimed
from gatepost.outbox.give_back import Recovered, recover, recover_strays
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, is_settled, mark_committing, settle
from gatepost.outbox.workers import DEAD_AFTER_S, beat, enlist, leave, strike_out_dead
from tests.support.outbox import NOW_MS, beat_ago, claim_as, draft, enlisted, enqueue_all, state_of

ACCEPTED = Verdict(state=State.ACCEPTED)
TRIED = Try(outcome="accepted", started_at=NOW_MS)


async def _enlist(database: Database, owner: str, *, alone: bool = False) -> list[str]:
    return await database.write(lambda tx: enlist(tx, owner, 8, alone=alone))


async def _recover(database: Database) -> Recovered:
    return await database.write(lambda tx: recover(tx, NOW_MS))


async def test_the_databases_clock_counts_milliseconds_since_the_epoch(database: Database) -> None:
    """On this machine it is the machine's, whichever way each database has to say it."""
    before = SystemClock().now_ms()
    at_database = await database.read(lambda connection: connection.scalar(select(database_now())))
    assert before - 1 <= at_database <= SystemClock().now_ms() + 1


async def test_a_worker_that_owns_the_database_strikes_out_every_other(database: Database) -> None:
    """Alone there can be no other: however fresh a row is, its process is dead."""
    await _enlist(database, "first")
    assert ["first"] == await _enlist(database, "second", alone=True)
    assert ["second"] == list(await enlisted(database))


async def test_beside_others_only_the_dead_are_struck_out(database: Database) -> None:
    """A beat older than DEAD_AFTER_S by the database's clock; a second less is a life."""
    for owner in ("dead", "late", "fresh"):
        await _enlist(database, owner)
    await beat_ago(database, "dead", DEAD_AFTER_S)
    await beat_ago(database, "late", DEAD_AFTER_S - 5)
    assert [] == await _enlist(database, "new")
    assert ["dead"] == await database.write(strike_out_dead)
    assert ["fresh", "late", "new"] == sorted(await enlisted(database))


async def test_a_worker_enlists_again_where_its_row_was_left(database: Database) -> None:
    """The last write of its stop failed: the row is its own, and no obstacle."""
    await _enlist(database, "same")
    assert [] == await _enlist(database, "same")
    assert ["same"] == list(await enlisted(database))


async def test_a_beat_makes_the_row_fresh(database: Database) -> None:
    """As of now, by the database's clock."""
    await _enlist(database, "one")
    before = (await enlisted(database))["one"]
    await beat_ago(database, "one", 20)
    assert await database.write(lambda tx: beat(tx, "one"))
    assert before <= (await enlisted(database))["one"]


async def test_a_beat_tells_a_worker_that_it_was_struck_out(database: Database) -> None:
    """Found dead by another while it slept: the beat finds no row and writes none."""
    await _enlist(database, "sleeper")
    await beat_ago(database, "sleeper", DEAD_AFTER_S)
    assert ["sleeper"] == await database.write(strike_out_dead)
    assert not await database.write(lambda tx: beat(tx, "sleeper"))
    assert {} == await enlisted(database)


async def test_claims_count_only_while_the_claimer_is_enlisted(database: Database) -> None:
    """Not enlisted, or without a beat for too long: nothing is claimed, because others would take it away at once."""
    await enqueue_all(database, draft())
    assert [] == await claim_as(database, "nobody", while_alive=True)
    await _enlist(database, "stale")
    await beat_ago(database, "stale", DEAD_AFTER_S)
    assert [] == await claim_as(database, "stale", while_alive=True)
    await _enlist(database, "fresh")
    assert 1 == len(await claim_as(database, "fresh", while_alive=True))


async def test_what_a_living_worker_has_in_flight_is_not_recovered(database: Database) -> None:
    """Only who has no row is dead; the same rows are recovered once it left."""
    await _enlist(database, "worker-1")
    (row_id,) = await enqueue_all(database, draft())
    await claim_as(database)
    assert Recovered(0, 0) == await _recover(database)
    assert "sending" == await state_of(database, row_id)
    await database.write(lambda tx: leave(tx, "worker-1"))
    assert Recovered(1, 0) == await _recover(database)
    assert "queued" == await state_of(database, row_id)


@pytest.mark.parametrize("marked", [False, True])
async def test_late_writes_of_a_worker_held_for_dead_are_refused(database: Database, marked: bool) -> None:
    """It lives and goes on where it stopped: neither its mark nor its result counts, whoever owns the message now."""
    (row_id,) = await enqueue_all(database, draft())
    (late,) = await claim_as(database, "late")
    if marked:
        assert await database.write(lambda tx: mark_committing(tx, late))
    await _recover(database)
    await _must_be_refused(database, late)
    assert ("unknown" if marked else "queued") == await state_of(database, row_id)
    assert 1 == len(await claim_as(database, "another", now_ms=NOW_MS + 60_000))
    await _must_be_refused(database, late)
    assert "sending" == await state_of(database, row_id)


async def _must_be_refused(database: Database, late: Claimed) -> None:
    assert not await database.write(lambda tx: mark_committing(tx, late))
    assert not await database.write(lambda tx: settle(tx, late, ACCEPTED, TRIED, NOW_MS))


async def test_a_try_settled_in_ones_place_is_not_ones_own(database: Database) -> None:
    """The row of the try is there, written by whoever recovered it: no answer of ours that got lost."""
    await enqueue_all(database, draft(), draft())
    ours, theirs = await claim_as(database)
    failed = Verdict(state=State.FAILED, reason="refused")
    assert await database.write(lambda tx: settle(tx, ours, failed, TRIED, NOW_MS))
    await _recover(database)
    assert await database.write(lambda tx: is_settled(tx, ours, TRIED))
    assert not await database.write(lambda tx: is_settled(tx, theirs, TRIED))


async def test_strays_are_ones_own_messages_and_nobody_elses(database: Database) -> None:
    """A claim whose answer was lost is looked for among one's own rows only, enlisted or not."""
    mine, others = await enqueue_all(database, draft(), draft())
    (first,) = await claim_as(database, "me", limit=1)
    (second,) = await claim_as(database, "other", limit=1)
    assert Recovered(1, 0) == await database.write(lambda tx: recover_strays(tx, "me", set(), NOW_MS))
    assert {first.id: "queued", second.id: "sending"} == {one: await state_of(database, one) for one in (mine, others)}
