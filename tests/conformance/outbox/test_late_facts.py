"""What a worker that was held for dead knows of a message that is `unknown` by now."""

import uuid

import pytest
from sqlalchemy import update

from gatepost.database.connection import Database
from gatepost.outbox.claim import Claimed
from gatepost.outbox.give_back import recover
from gatepost.outbox.late import settle_late
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import find
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of, value_of

ACCEPTED = Verdict(state=State.ACCEPTED)
DEFERRED = Verdict(state=State.DEFERRED, reason="transient", due_at=NOW_MS + 5_000)
UNREACHABLE = Verdict(state=State.DEFERRED, reason="unreachable", due_at=NOW_MS, counted=False)
TAKEN = Try(outcome="accepted", phase="final_reply", reply_code=250, started_at=NOW_MS, duration_ms=40_000)
PUT_OFF = Try(outcome="transient", phase="final_reply", reply_code=451, started_at=NOW_MS, duration_ms=40_000)


@pytest.fixture
async def late(database: Database) -> Claimed:
    """A claim whose worker was held for dead behind the mark: its message is `unknown`."""
    await enqueue_all(database, draft())
    (claimed,) = await claim_as(database, "late")
    assert await database.write(lambda tx: mark_committing(tx, claimed))
    await database.write(lambda tx: recover(tx, NOW_MS))
    assert "unknown" == await state_of(database, claimed.id)
    return claimed


async def _tell(database: Database, late: Claimed, verdict: Verdict, tried: Try) -> bool:
    return await database.write(lambda tx: settle_late(tx, late, verdict, tried, NOW_MS))


async def _numbers(database: Database, row_id: uuid.UUID) -> tuple[object, ...]:
    return tuple([await value_of(database, row_id, name) for name in ("attempts", "unknowns", "due_at", "settled_at")])


async def test_it_was_taken(database: Database, late: Claimed) -> None:
    """Accepted, so no copy goes out; the attempt that said `worker_died` says what happened."""
    assert await _tell(database, late, ACCEPTED, TAKEN)
    assert "accepted" == await state_of(database, late.id)
    assert (1, 0, None, NOW_MS) == await _numbers(database, late.id)
    found = await database.read(lambda connection: find(connection, late.id))
    assert found is not None
    assert [("accepted", 1, 250, 40_000)] == [
        (one.outcome, one.number, one.reply_code, one.duration_ms) for one in found.attempts
    ]
    assert not await _tell(database, late, ACCEPTED, TAKEN)


async def test_it_was_put_off(database: Database, late: Claimed) -> None:
    """4yz: certainly not taken, so it is tried again as after any other; `unknown` it never was."""
    assert await _tell(database, late, DEFERRED, PUT_OFF)
    assert ("deferred", "transient") == (await state_of(database, late.id), await value_of(database, late.id, "reason"))
    assert (1, 0, DEFERRED.due_at, None) == await _numbers(database, late.id)


async def test_a_try_that_does_not_count_is_not_counted(database: Database, late: Claimed) -> None:
    """421 behind the mark: what was counted in our place is taken back."""
    assert await _tell(database, late, UNREACHABLE, Try(outcome="unreachable", started_at=NOW_MS))
    assert (0, 0, NOW_MS, None) == await _numbers(database, late.id)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(state=State.FAILED, reason="refused"),
        Verdict(state=State.UNKNOWN, reason="no_final_reply", perhaps_taken=True),
        Verdict(state=State.QUEUED, reason="stopped", due_at=NOW_MS, counted=False),
    ],
)
async def test_what_is_no_better_answer_changes_nothing(database: Database, late: Claimed, verdict: Verdict) -> None:
    """Still `unknown`: a copy hears the refusal as well, and the rest is no news."""
    assert not await _tell(database, late, verdict, TAKEN)
    assert "unknown" == await state_of(database, late.id)


async def test_whoever_tried_again_decides(database: Database, late: Claimed) -> None:
    """A copy was claimed since: in flight or settled, it is no longer the late one's."""
    (copy,) = await claim_as(database, "another", now_ms=NOW_MS + 60_000)
    assert not await _tell(database, late, ACCEPTED, TAKEN)
    assert await database.write(lambda tx: mark_committing(tx, copy))
    unknown = Verdict(state=State.UNKNOWN, reason="no_final_reply", perhaps_taken=True)
    assert await database.write(lambda tx: settle(tx, copy, unknown, Try(outcome="unknown", started_at=1), NOW_MS))
    assert not await _tell(database, late, ACCEPTED, TAKEN)
    assert "unknown" == await state_of(database, late.id)


async def test_what_was_resent_does_not_go_out_besides(database: Database, late: Claimed) -> None:
    """An operator had it sent again meanwhile: that it was put off changes nothing, that it was taken is told."""
    (again,) = await enqueue_all(database, draft())
    resent = update(messages).where(messages.c.id == again).values(resent_from=late.id)
    await database.write(lambda tx: tx.execute(resent).rowcount)
    assert not await _tell(database, late, DEFERRED, PUT_OFF)
    assert await _tell(database, late, ACCEPTED, TAKEN)


async def test_what_a_worker_said_itself_is_no_late_fact(database: Database) -> None:
    """`unknown` by its own word, the line broke: that stays so."""
    await enqueue_all(database, draft())
    (one,) = await claim_as(database)
    assert await database.write(lambda tx: mark_committing(tx, one))
    unknown = Verdict(state=State.UNKNOWN, reason="no_final_reply", perhaps_taken=True)
    assert await database.write(lambda tx: settle(tx, one, unknown, Try(outcome="unknown", started_at=1), NOW_MS))
    assert not await _tell(database, one, ACCEPTED, TAKEN)
