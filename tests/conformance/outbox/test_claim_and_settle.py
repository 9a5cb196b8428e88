"""Claiming, marking, settling, giving back and recovering, on a real database."""

import pytest
from sqlalchemy import select

from gatepost.database.connection import Database
from gatepost.mail.draft import IfUnknown, Priority
from gatepost.outbox.claim import Claimed
from gatepost.outbox.depths import depths
from gatepost.outbox.give_back import Recovered, given_back, recover, recover_strays
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import find
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import messages
from gatepost.outbox.unknown import perhaps_taken
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of


async def test_a_worker_gets_no_more_than_it_has_slots_for(database: Database) -> None:
    """What waits beyond the free slots stays in the database."""
    await enqueue_all(database, *[draft() for _ in range(5)])
    assert [3, 2, 0] == [len(await claim_as(database, limit=limit)) for limit in (3, 10, 10)]


async def test_the_urgent_go_first_and_the_oldest_of_them(database: Database) -> None:
    """Somebody waits in front of a screen for a verification, nobody for a welcome."""
    first = await enqueue_all(database, draft(), draft(), now_ms=NOW_MS - 2)
    urgent = await enqueue_all(database, draft(priority=Priority.URGENT), now_ms=NOW_MS - 1)
    assert [*urgent, *first] == [one.id for one in await claim_as(database)]


async def test_a_message_is_not_claimed_before_it_is_due(database: Database) -> None:
    """Due is by the clock that is handed in."""
    await enqueue_all(database, draft(), now_ms=NOW_MS + 1)
    assert [] == await claim_as(database)
    assert 1 == len(await claim_as(database, now_ms=NOW_MS + 1))


async def test_every_claim_raises_the_claim_number(database: Database) -> None:
    """The number is the fence: an older claim of the same message can no longer write."""
    await enqueue_all(database, draft())
    (first,) = await claim_as(database)
    await database.write(lambda tx: settle(tx, first, given_back(NOW_MS, "stopped"), None, NOW_MS))
    (second,) = await claim_as(database)
    assert (1, 2) == (first.claim_number, second.claim_number)
    assert not await database.write(lambda tx: mark_committing(tx, first))
    assert not await database.write(lambda tx: settle(tx, first, Verdict(state=State.FAILED), None, NOW_MS))
    assert await database.write(lambda tx: mark_committing(tx, second))


async def test_another_owner_can_neither_mark_nor_settle(database: Database) -> None:
    """A worker settles only what is still its own."""
    await enqueue_all(database, draft())
    (ours,) = await claim_as(database)
    theirs = Claimed(**{name: getattr(ours, name) for name in Claimed.__slots__} | {"owner": "worker-2"})
    assert not await database.write(lambda tx: mark_committing(tx, theirs))
    assert not await database.write(lambda tx: settle(tx, theirs, Verdict(state=State.FAILED), None, NOW_MS))


async def test_a_settled_try_is_remembered_with_everything_the_server_said(database: Database) -> None:
    """Support reads number, phase, outcome, codes, text, server and duration from the row."""
    (row_id,) = await enqueue_all(database, draft())
    (claimed,) = await claim_as(database)
    tried = Try(
        outcome="transient",
        phase="rcpt",
        reply_code=450,
        enhanced_status="4.2.0",
        reply_text="try again later",
        server="127.0.0.1:25",
        started_at=NOW_MS,
        duration_ms=12,
    )
    verdict = Verdict(state=State.DEFERRED, reason="transient", due_at=NOW_MS + 5_000)
    assert await database.write(lambda tx: settle(tx, claimed, verdict, tried, NOW_MS))
    found = await database.read(lambda connection: find(connection, row_id))
    assert found is not None
    (attempt,) = found.attempts
    assert (1, "rcpt", "transient", 450, "4.2.0", "try again later", "127.0.0.1:25", NOW_MS, 12) == (
        attempt.number,
        attempt.phase,
        attempt.outcome,
        attempt.reply_code,
        attempt.enhanced_status,
        attempt.reply_text,
        attempt.server,
        attempt.started_at,
        attempt.duration_ms,
    )
    assert ("deferred", 1, NOW_MS + 5_000) == (found.message.state, found.message.attempts, found.message.due_at)


async def test_a_try_that_is_given_back_does_not_count(database: Database) -> None:
    """A stop of ours is not the message's fault; the row still says that it happened."""
    (row_id,) = await enqueue_all(database, draft())
    (claimed,) = await claim_as(database)
    tried = Try(outcome="given_back", started_at=NOW_MS)
    await database.write(lambda tx: settle(tx, claimed, given_back(NOW_MS, "stopped"), tried, NOW_MS))
    found = await database.read(lambda connection: find(connection, row_id))
    assert found is not None
    assert ("queued", 0, None) == (found.message.state, found.message.attempts, found.attempts[0].number)


async def test_what_a_dead_worker_was_sending_is_due_at_once(database: Database) -> None:
    """It was certainly not handed over, so it goes out again without a copy."""
    (row_id,) = await enqueue_all(database, draft())
    await claim_as(database)
    assert Recovered(due_again=1, unknown=0) == await database.write(lambda tx: recover(tx, NOW_MS))
    assert "queued" == await state_of(database, row_id)
    assert 1 == len(await claim_as(database))


@pytest.mark.parametrize(("policy", "copied"), [(IfUnknown.AGAIN, True), (IfUnknown.NEVER_TWICE, False)])
async def test_what_a_dead_worker_may_have_handed_over_is_unknown(
    database: Database, policy: IfUnknown, copied: bool
) -> None:
    """The template's policy decides whether a copy goes out 30 s later."""
    (row_id,) = await enqueue_all(database, draft(if_unknown=policy))
    (claimed,) = await claim_as(database)
    await database.write(lambda tx: mark_committing(tx, claimed))
    assert Recovered(due_again=0, unknown=1) == await database.write(lambda tx: recover(tx, NOW_MS))
    assert "unknown" == await state_of(database, row_id)
    assert [] == await claim_as(database, now_ms=NOW_MS + 29_999)
    assert copied == (len(await claim_as(database, now_ms=NOW_MS + 30_000)) == 1)


async def test_a_message_stays_unknown_after_two_copies(database: Database) -> None:
    """30 s and 10 min later, then a person must look; each copy keeps the Message-ID."""
    (row_id,) = await enqueue_all(database, draft())
    seen, now_ms = [], NOW_MS
    while claimed := await claim_as(database, now_ms=now_ms):
        (one,) = claimed
        seen.append(one.message_id)
        verdict = perhaps_taken(one.if_unknown, one.unknowns, now_ms, "no_final_reply")
        await database.write(lambda tx, one=one: mark_committing(tx, one))
        tried = Try(outcome="unknown", started_at=now_ms)
        await database.write(lambda tx, one=one, verdict=verdict, tried=tried: settle(tx, one, verdict, tried, NOW_MS))
        now_ms += 600_000
    assert (3, 1) == (len(seen), len(set(seen)))
    assert "unknown" == await state_of(database, row_id)


async def test_no_copy_goes_out_after_the_message_has_expired(database: Database) -> None:
    """It stays unknown, which is the truth; a late copy would only puzzle."""
    (row_id,) = await enqueue_all(database, draft(expires_in_s=20))
    (claimed,) = await claim_as(database)
    await database.write(lambda tx: mark_committing(tx, claimed))
    await database.write(lambda tx: recover(tx, NOW_MS))
    assert [] == await claim_as(database, now_ms=NOW_MS + 60_000)
    assert "unknown" == await state_of(database, row_id)


async def test_recovery_spares_what_somebody_works_on(database: Database) -> None:
    """A worker that lost track of one message does not give back the others."""
    await enqueue_all(database, draft(), draft())
    kept, lost = await claim_as(database)
    assert Recovered(1, 0) == await database.write(lambda tx: recover_strays(tx, "worker-1", {kept.id}, NOW_MS))
    assert ("sending", "queued") == (await state_of(database, kept.id), await state_of(database, lost.id))


async def test_depths_count_every_state_and_find_the_oldest(database: Database) -> None:
    """What /metrics shows is what the table holds."""
    await enqueue_all(database, draft(), now_ms=NOW_MS - 10)
    await enqueue_all(database, draft(), draft())
    await claim_as(database, limit=1)
    found = await database.read(depths)
    assert (2, 1, NOW_MS) == (found.by_state["queued"], found.by_state["sending"], found.oldest_waiting_at)
    rows = await database.read(lambda connection: len(connection.execute(select(messages.c.id)).all()))
    assert rows == sum(found.by_state.values())
