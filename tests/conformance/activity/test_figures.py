"""What the activity page shows is what the tables say, on every database."""

import uuid

from sqlalchemy import Connection, insert

from gatepost.activity.counts import time_to_acceptance_ms
from gatepost.activity.now import LATEST, Activity, Watch
from gatepost.activity.replies import SHOWN, last_replies
from gatepost.activity.tally import DAY_MS, MINUTE_MS
from gatepost.audit.trail import Signature
from gatepost.clock import SystemClock
from gatepost.database.columns import new_row_id
from gatepost.database.connection import Database
from gatepost.feedback.tables import feedback
from gatepost.outbox.lifecycle import State
from gatepost.outbox.queue_hold import hold
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from tests.support.outbox import claim_as, draft, enqueue_all

BY = Signature(actor="mira", reason="the provider asked for it")


class Noon:
    """A clock that stands at noon of today, so that an hour ago is today as well."""

    def __init__(self) -> None:
        now_ms = SystemClock().now_ms()
        self.at = now_ms - now_ms % DAY_MS + DAY_MS // 2

    def now_ms(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return 0.0


async def _settled(database: Database, state: State, at_ms: int, *, due_at: int | None = None) -> uuid.UUID:
    """One message that came to this state; it was written a second before."""
    (row_id,) = await enqueue_all(database, draft(), now_ms=at_ms - 1000)
    (one,) = await claim_as(database, limit=1, now_ms=at_ms)
    verdict = Verdict(state=state, reason="said so", due_at=due_at)
    tried = Try(outcome=str(state), reply_code=450, reply_text="later", server="mail.example:25", started_at=at_ms)
    assert await database.write(lambda tx: mark_committing(tx, one))
    assert await database.write(lambda tx: settle(tx, one, verdict, tried, at_ms))
    return row_id


async def _bounced(database: Database, message: uuid.UUID, at_ms: int) -> None:
    """One report that it bounced, with its consequence."""

    def work(tx: Connection) -> None:
        row = {"id": new_row_id(), "source": "dsn", "event": uuid.uuid4().bytes, "kind": "bounced", "bounce": "hard"}
        tx.execute(
            insert(feedback), {**row, "message": message, "at": at_ms, "received_at": at_ms, "applied_at": at_ms}
        )
        tx.execute(messages.update().where(messages.c.id == message).values(state="bounced"))

    await database.write(work)


async def _look(database: Database) -> Activity:
    return await Watch(database, Noon()).look()


async def test_an_empty_database_shows_zeros(database: Database) -> None:
    """Nothing was accepted, nothing waits, nothing is held, and no time is known."""
    seen = await _look(database)
    assert (0, 0.0, 0, 0, None) == (
        seen.accepted_today,
        seen.per_second,
        seen.given_up_today,
        seen.bounced_today,
        seen.acceptance_ms,
    )
    assert (0, None, None, ()) == (seen.waiting, seen.depths.oldest_waiting_at, seen.hold, seen.latest)


async def test_what_was_settled_today_counts_by_its_state(database: Database) -> None:
    """Accepted ones of today count, of yesterday not; failures are counted apart, and unknown ones in neither."""
    now_ms = Noon().now_ms()
    for age_ms in (2_000, 3_000, 90_000, 3 * 60 * MINUTE_MS, DAY_MS):
        await _settled(database, State.ACCEPTED, now_ms - age_ms)
    await _settled(database, State.FAILED, now_ms - 10 * MINUTE_MS)
    await _settled(database, State.UNKNOWN, now_ms - 10 * MINUTE_MS)
    seen = await _look(database)
    assert (4, 1, 1) == (seen.accepted_today, seen.given_up_today, seen.in_state(State.UNKNOWN))
    assert 0.2 == seen.per_second
    assert 1000 == seen.acceptance_ms
    assert [1, 4] == [sum(one) for one in (seen.chart.hour.given_up, seen.chart.day.accepted)]


async def test_what_bounced_counts_once_and_stays_accepted(database: Database) -> None:
    """Two reports about one message are one bounce; the server took it all the same."""
    now_ms = SystemClock().now_ms()
    watch = Watch(database, SystemClock())
    message = await _settled(database, State.ACCEPTED, now_ms - 5)
    await _bounced(database, message, now_ms)
    await _bounced(database, message, now_ms)
    seen = await watch.look()
    assert (1, 1) == (seen.bounced_today, seen.accepted_today)


async def test_what_waits_and_what_is_held_is_shown(database: Database) -> None:
    """Queued and deferred messages wait since the oldest of them, and a held queue says by whom."""
    now_ms = Noon().now_ms()
    await _settled(database, State.DEFERRED, now_ms - 5_000, due_at=now_ms + MINUTE_MS)
    await enqueue_all(database, draft(), now_ms=now_ms - 2_000)
    await database.write(lambda tx: hold(tx, BY, now_ms - 1_000))
    seen = await _look(database)
    assert (2, now_ms - 6_000) == (seen.waiting, seen.depths.oldest_waiting_at)
    assert seen.hold is not None
    assert ("mira", now_ms - 1_000) == (seen.hold.actor, seen.hold.at)


async def test_the_newest_messages_come_first(database: Database) -> None:
    """As many as a page shows, and no more."""
    rows = await enqueue_all(database, *(draft() for _ in range(LATEST + 3)))
    seen = await _look(database)
    assert sorted(rows, reverse=True)[:LATEST] == [one.id for one in seen.latest]


async def test_the_time_to_acceptance_is_that_of_the_slowest_but_five_of_a_hundred(database: Database) -> None:
    """Of twenty messages it is that of the second slowest."""
    now_ms = Noon().now_ms()
    for late_ms in range(20):
        (_,) = await enqueue_all(database, draft(), now_ms=now_ms - 60_000)
        (one,) = await claim_as(database, limit=1, now_ms=now_ms)
        verdict, at_ms = Verdict(state=State.ACCEPTED), now_ms - 50_000 + late_ms
        assert await database.write(lambda tx, one=one: mark_committing(tx, one))
        assert await database.write(lambda tx, one=one, v=verdict, at=at_ms: settle(tx, one, v, None, at))
    assert 10_018 == await database.read(lambda connection: time_to_acceptance_ms(connection, now_ms))


async def test_replies_are_those_of_each_server(database: Database) -> None:
    """Newest first, at most as many as are shown, whether their message is settled or waits."""
    now_ms = Noon().now_ms()
    for number in range(SHOWN + 2):
        await _settled(database, State.ACCEPTED, now_ms + number)
    await _settled(database, State.DEFERRED, now_ms + 100, due_at=now_ms + DAY_MS)
    found = await database.read(last_replies)
    assert ["mail.example:25"] == list(found)
    times = [said.started_at for said in found["mail.example:25"]]
    assert [now_ms + 100, *(now_ms + SHOWN + 1 - number for number in range(SHOWN - 1))] == times
