"""What the mailbox page reads of the outbox: what has not arrived, and the story of one message."""

from sqlalchemy import update

from gatepost.database.connection import Database
from gatepost.outbox.lately import not_arrived, not_arrived_and_why, story_of
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, next_millisecond, value_of


async def _settle(database: Database, state: State, outcome: str, due_at: int | None = None) -> None:
    (one,) = await claim_as(database, limit=1, now_ms=NOW_MS + 10)
    verdict = Verdict(state=state, reason="said so", due_at=due_at)
    assert await database.write(lambda tx: mark_committing(tx, one))
    tried = Try(outcome=outcome, started_at=NOW_MS)
    assert await database.write(lambda tx: settle(tx, one, verdict, tried, NOW_MS))


async def test_what_arrived_is_left_out(database: Database) -> None:
    """Newest first over all other states, each with its last try; one that was never tried has none."""
    made = []
    for state, outcome in ((State.ACCEPTED, "accepted"), (State.FAILED, "permanent"), (State.DEFERRED, "transient")):
        made += await enqueue_all(database, draft())
        await _settle(database, state, outcome, NOW_MS + 5 if state is State.DEFERRED else None)
        next_millisecond()
    await _settle(database, State.DEFERRED, "unreachable", NOW_MS + 60_000)  # the deferred one once more
    made += await enqueue_all(database, draft())
    found = await database.read(lambda connection: not_arrived_and_why(connection, 10))
    expected = [(made[3], "queued", None), (made[2], "deferred", "unreachable"), (made[1], "failed", "permanent")]
    assert expected == [(one.message.id, one.message.state, one.last and one.last.outcome) for one in found]


async def test_no_more_than_the_limit_is_told(database: Database) -> None:
    """The newest over all states, not of each."""
    made = []
    for number in range(6):
        made += await enqueue_all(database, draft())
        if number % 2:
            await _settle(database, State.FAILED, "permanent")
        next_millisecond()
    found = await database.read(lambda connection: not_arrived(connection, 3))
    assert made[:2:-1] == [row.id for row in found]


async def test_a_message_is_found_by_its_message_id(database: Database) -> None:
    """With its tries; an unknown Message-ID has no story."""
    (row_id,) = await enqueue_all(database, draft())
    await _settle(database, State.ACCEPTED, "accepted")
    message_id = await value_of(database, row_id, "message_id")
    found = await database.read(lambda connection: story_of(connection, message_id))
    assert found is not None
    assert (row_id, ["accepted"]) == (found.message.id, [one.outcome for one in found.attempts])
    assert None is await database.read(lambda connection: story_of(connection, "<nobody@example.com>"))


async def test_what_was_stopped_is_told_without_its_tries(database: Database) -> None:
    """Its reason says it all: the try before that decided nothing."""
    await enqueue_all(database, draft())
    await _settle(database, State.DEFERRED, "transient", NOW_MS + 60_000)
    stopped = update(messages).values(state="cancelled", reason="superseded", due_at=None)
    await database.write(lambda tx: tx.execute(stopped) and None)
    found = await database.read(lambda connection: not_arrived_and_why(connection, 10))
    assert [("cancelled", None)] == [(one.message.state, one.last) for one in found]
