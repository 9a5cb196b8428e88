"""What becomes of a fact: its message is found, it moves or does not, and the same fact never counts twice."""

import uuid

import pytest

from gatepost.database.connection import Database
from gatepost.feedback.fact import Bounce, Kind
from gatepost.feedback.taken import Outcome
from gatepost.outbox.give_back import recover
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import find_row
from tests.support.feedback import LATER_MS, fact, rows, sent, take
from tests.support.outbox import NOW_MS, state_of, value_of

MOVED = [
    (State.ACCEPTED, Kind.DELIVERED, State.DELIVERED),
    (State.UNKNOWN, Kind.DELIVERED, State.DELIVERED),
    (State.ACCEPTED, Kind.BOUNCED, State.BOUNCED),
    (State.UNKNOWN, Kind.BOUNCED, State.BOUNCED),
]
ENDED = [State.FAILED, State.EXPIRED, State.CANCELLED, State.SUPPRESSED]
UNSETTLED = [State.QUEUED, State.SENDING, State.COMMITTING, State.DEFERRED, State.HELD]


@pytest.mark.parametrize(("before", "kind", "after"), MOVED)
async def test_a_fact_moves_its_message(database: Database, before: State, kind: Kind, after: State) -> None:
    """What was accepted, or may have been, is delivered or bounced by the word of a report."""
    row_id = await sent(database, before)
    (taken,) = await take(database, fact(kind, row_id=row_id))
    assert (Outcome.APPLIED, row_id, str(after)) == (taken.outcome, taken.message, taken.state)
    assert str(after) == await state_of(database, row_id)


@pytest.mark.parametrize("kind", [Kind.COMPLAINED, Kind.DELAYED, Kind.UNSUBSCRIBED])
@pytest.mark.parametrize("state", [State.ACCEPTED, State.UNKNOWN])
async def test_a_complaint_moves_nothing(database: Database, state: State, kind: Kind) -> None:
    """A complaint, a delay and an unsubscription are facts beside the state."""
    row_id = await sent(database, state)
    await take(database, fact(kind, row_id=row_id))
    assert str(state) == await state_of(database, row_id)


async def test_delivered_may_bounce_and_never_the_other_way(database: Database) -> None:
    """A server that took it may send it back later; a late report of delivery never takes a bounce back."""
    row_id = await sent(database)
    await take(database, fact(row_id=row_id))
    await take(database, fact(Kind.BOUNCED, row_id=row_id))
    assert "bounced" == await state_of(database, row_id)
    await take(database, fact(row_id=row_id))
    assert "bounced" == await state_of(database, row_id)


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.BOUNCED])
@pytest.mark.parametrize("state", ENDED)
async def test_what_ended_otherwise_stays(database: Database, state: State, kind: Kind) -> None:
    """A fact about a message that never went out, or was refused, is kept beside it and moves nothing."""
    row_id = await sent(database, state)
    (taken,) = await take(database, fact(kind, row_id=row_id))
    assert (Outcome.APPLIED, str(state)) == (taken.outcome, taken.state)
    assert str(state) == await state_of(database, row_id)
    assert [LATER_MS] == [row.applied_at for row in await rows(database)]


@pytest.mark.parametrize("kind", [Kind.DELIVERED, Kind.BOUNCED])
@pytest.mark.parametrize("state", UNSETTLED)
async def test_what_is_not_settled_does_not_move(database: Database, state: State, kind: Kind) -> None:
    """A worker still has it, or will: the fact is kept, and the message is the worker's."""
    row_id = await sent(database, state)
    (taken,) = await take(database, fact(kind, row_id=row_id))
    assert (Outcome.KEPT, row_id, str(state)) == (taken.outcome, taken.message, taken.state)
    assert str(state) == await state_of(database, row_id)
    assert [None] == [row.applied_at for row in await rows(database)]


async def test_a_copy_is_no_longer_due(database: Database) -> None:
    """Of an unknown message that was delivered after all, nothing is sent again."""
    row_id = await sent(database, State.COMMITTING)
    await _lose(database, row_id)
    assert await value_of(database, row_id, "due_at") is not None
    await take(database, fact(row_id=row_id))
    row = await database.read(lambda connection: find_row(connection, row_id))
    assert row is not None
    assert ("delivered", None, None, LATER_MS) == (row.state, row.due_at, row.reason, row.settled_at)


async def _lose(database: Database, row_id: uuid.UUID) -> None:
    await database.write(lambda tx: recover(tx, NOW_MS))


async def test_the_same_fact_counts_once(database: Database) -> None:
    """A provider posts the same one again, even in the same post: it is known, and nothing is done."""
    row_id = await sent(database)
    told = fact(Kind.BOUNCED, bounce=Bounce.HARD, row_id=row_id)
    assert [Outcome.APPLIED, Outcome.REPEATED] == [one.outcome for one in await take(database, told, told)]
    (again,) = await take(database, told)
    assert (Outcome.REPEATED, None, None) == (again.outcome, again.state, again.suppressed)
    assert 1 == len(await rows(database))


async def test_the_same_id_of_another_source_is_another_fact(database: Database) -> None:
    """Each source counts its own events."""
    row_id = await sent(database)
    taken = await take(
        database,
        fact(row_id=row_id, event_id="1", source="ses"),
        fact(Kind.BOUNCED, row_id=row_id, event_id="1", source="dsn"),
    )
    assert [Outcome.APPLIED] * 2 == [one.outcome for one in taken]


async def test_a_message_is_found_by_its_message_id(database: Database) -> None:
    """Where no id of ours comes back, the Message-ID does."""
    row_id = await sent(database)
    message_id = (await value_of(database, row_id, "message_id")).strip("<>")
    (taken,) = await take(database, fact(message_id=message_id, proven=False))
    assert (Outcome.APPLIED, row_id) == (taken.outcome, taken.message)
    assert "delivered" == await state_of(database, row_id)


async def test_the_id_counts_before_the_message_id(database: Database) -> None:
    """The id comes from what we put into the mail ourselves."""
    one, other = await sent(database), await sent(database)
    message_id = (await value_of(database, other, "message_id")).strip("<>")
    (taken,) = await take(database, fact(row_id=one, message_id=message_id))
    assert one == taken.message
    (taken,) = await take(database, fact(row_id=uuid.uuid4(), message_id=message_id))
    assert other == taken.message


async def test_s114_a_forged_id_is_of_none_of_ours(database: Database) -> None:
    """A fact about a message that was never ours is kept as such and moves nothing."""
    row_id = await sent(database)
    taken = await take(
        database,
        fact(row_id=uuid.uuid4()),
        fact(Kind.BOUNCED, message_id="0@elsewhere.example"),
        fact(Kind.BOUNCED, message_id="\x00\ud800", text="\x00\ud800", status="\x00", recipient="\x00@\ud800"),
    )
    assert [(Outcome.UNMATCHED, None, None)] * 3 == [(one.outcome, one.message, one.state) for one in taken]
    assert "accepted" == await state_of(database, row_id)


async def test_many_facts_are_taken_at_once(database: Database) -> None:
    """A post with fifty facts is one transaction, and each has its own answer in its place."""
    ids = [await sent(database) for _ in range(25)]
    told = [fact(kind, row_id=row_id) for row_id in ids for kind in (Kind.BOUNCED, Kind.DELIVERED)]
    taken = await take(database, *told)
    assert [one.row_id for one in told] == [one.message for one in taken]
    assert {"bounced"} == {await state_of(database, row_id) for row_id in ids}
