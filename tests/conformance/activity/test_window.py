"""GET /mail/stats counts what the tables say of the last so many seconds, on every database."""

from functools import partial

from gatepost.activity.window import Window, window_of
from gatepost.database.connection import Database
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict, mark_committing, settle
from gatepost.web.stats import StatsBody
from tests.support.outbox import claim_as, draft, enqueue_all

NOW_MS = 1_800_000_000_000


async def _settled(database: Database, state: State, ago_s: int, took_ms: int = 1_000) -> None:
    """One message that came to this state so many seconds ago."""
    at_ms = NOW_MS - ago_s * 1000
    await enqueue_all(database, draft(), now_ms=at_ms - took_ms)
    (one,) = await claim_as(database, limit=1, now_ms=at_ms)
    verdict = Verdict(state=state, reason=None if state is State.ACCEPTED else "said so")
    assert await database.write(lambda tx: mark_committing(tx, one))
    assert await database.write(lambda tx: settle(tx, one, verdict, None, at_ms))


async def _window(database: Database, window_s: int) -> Window:
    return await database.read(partial(window_of, now_ms=NOW_MS, window_s=window_s))


async def test_what_was_settled_in_the_window_counts_and_nothing_before(database: Database) -> None:
    """By state; a rate over the whole window; times of those a server took, by nearest rank."""
    await _settled(database, State.ACCEPTED, 3_601)
    for took_ms in (40, 60, 900):
        await _settled(database, State.ACCEPTED, 600, took_ms)
    await _settled(database, State.FAILED, 30)
    await enqueue_all(database, draft(), now_ms=NOW_MS - 90_000)

    seen = await _window(database, 3_600)
    assert ({"accepted": 3, "failed": 1}, 3) == (seen.settled, seen.accepted)
    assert {50: 60, 95: 900, 99: 900} == seen.times_ms
    body = StatsBody.of(seen)
    assert (0.001, 90.0, 1) == (body.accepted_per_second, body.oldest_waiting_s, body.by_state["queued"])
    assert {"failed": 1} == (await _window(database, 60)).settled


async def test_an_empty_outbox_has_no_times(database: Database) -> None:
    """Nothing took no time, and nothing waits."""
    body = StatsBody.of(await _window(database, 60))
    assert (None, None, None) == (body.acceptance_ms.p50, body.acceptance_ms.p95, body.acceptance_ms.p99)
    assert (0, None, None, None) == (body.accepted, body.oldest_waiting_at, body.oldest_waiting_s, body.hold)
