"""What /metrics reads from the database: how much is not over, since when it waits, and who works."""

from gatepost.database.connection import Database
from gatepost.outbox.depths import COUNTED, Depths, depths
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.workers import DEAD_AFTER_S, beat, enlist, living
from tests.support.outbox import NOW_MS, beat_ago, claim_as, draft, enqueue_all, next_millisecond


async def _settle(database: Database, *, state: State, due_at: int | None = None) -> None:
    (one,) = await claim_as(database, limit=1)
    verdict = Verdict(state=state, reason="said so", due_at=due_at)
    assert await database.write(lambda tx: mark_committing(tx, one))
    assert await database.write(lambda tx: settle(tx, one, verdict, Try(outcome="said", started_at=NOW_MS), NOW_MS))


async def test_an_empty_outbox_counts_nothing(database: Database) -> None:
    """Every state that is counted is there with 0, and nothing waits."""
    assert Depths(dict.fromkeys(map(str, COUNTED), 0), None) == await database.read(depths)


async def test_what_is_over_is_not_counted(database: Database) -> None:
    """Accepted and failed messages are in no count; deferred and unknown ones are."""
    await enqueue_all(database, *(draft() for _ in range(6)))
    for state in (State.ACCEPTED, State.FAILED, State.UNKNOWN):
        await _settle(database, state=state)
    await _settle(database, state=State.DEFERRED, due_at=NOW_MS + 60_000)
    await claim_as(database, limit=1)
    found = await database.read(depths)
    expected = {"queued": 1, "sending": 1, "committing": 0, "deferred": 1, "held": 0, "unknown": 1}
    assert expected == found.by_state


async def test_the_oldest_that_waits_is_found_in_both_states(database: Database) -> None:
    """Whether the oldest is queued or deferred, its age is shown; what is in flight or over does not wait."""
    await enqueue_all(database, draft(), now_ms=NOW_MS - 30)
    await _settle(database, state=State.ACCEPTED)
    await enqueue_all(database, draft(), now_ms=NOW_MS - 20)
    next_millisecond()
    await enqueue_all(database, draft(), now_ms=NOW_MS - 10)
    assert NOW_MS - 20 == (await database.read(depths)).oldest_waiting_at
    await _settle(database, state=State.DEFERRED, due_at=NOW_MS + 60_000)
    assert NOW_MS - 20 == (await database.read(depths)).oldest_waiting_at


async def test_workers_count_while_they_beat(database: Database) -> None:
    """One without a beat for half a minute is not counted, though nobody has struck it out yet."""

    async def count(*, alone: bool = False) -> int:
        return await database.read(lambda connection: living(connection, alone=alone))

    assert 0 == await count()
    for owner in ("first", "second"):
        await database.write(lambda tx, owner=owner: enlist(tx, owner, 8, alone=False))
    assert 2 == await count()
    await beat_ago(database, "first", DEAD_AFTER_S)
    assert 1 == await count()
    assert 2 == await count(alone=True)
    await database.write(lambda tx: beat(tx, "first"))
    assert 2 == await count()
