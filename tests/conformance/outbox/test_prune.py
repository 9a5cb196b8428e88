"""Old messages are deleted with all that hangs on them, a bounded number at a time, and no other."""

import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update

from gatepost.audit.tables import audit
from gatepost.audit.trail import Signature
from gatepost.database.columns import new_row_id
from gatepost.database.connection import Database
from gatepost.feedback.tables import feedback
from gatepost.mail.draft import Draft
from gatepost.outbox import prune
from gatepost.outbox.actions import Action
from gatepost.outbox.claim import claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.lifecycle import State
from gatepost.outbox.operate import act
from gatepost.outbox.prune import NEVER_MEANT_KEPT_S, prune_born_cancelled, prune_messages
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import attempts, messages
from tests.support.traces import traces

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
KEPT_DAYS = 31
LATER_MS = NOW_MS + KEPT_DAYS * DAY_MS + 60_000
WEEK_MS = NEVER_MEANT_KEPT_S * 1000
BY = Signature(actor="admin token", reason="zoe asked by phone")


def _enqueue(tx: Connection, number: int = 0, *, skip: str | None = None) -> uuid.UUID:
    draft = Draft(template="welcome", recipient="zoe@example.com", values={"name": "Zoe"})
    return enqueue(tx, draft, now_ms=NOW_MS + number, domain="gatepost.example", skip=skip).id


def _accept_all(tx: Connection) -> None:
    for one in claim(tx, owner="me", limit=1000, now_ms=NOW_MS + 1000):
        assert mark_committing(tx, one)
        tried = Try(outcome="accepted", started_at=NOW_MS, reply_code=250, reply_text="2.1.5 <zoe@example.com> ok")
        assert settle(tx, one, Verdict(state=State.ACCEPTED), tried, NOW_MS + 2000)


def _came_back(tx: Connection, message_id: uuid.UUID) -> None:
    row = {
        "id": new_row_id(),
        "source": "dsn",
        "event": message_id.bytes,
        "kind": "delivered",
        "message": message_id,
        "detail": "zoe@example.com took it",
        "at": NOW_MS,
        "received_at": NOW_MS,
        "applied_at": NOW_MS,
    }
    tx.execute(insert(feedback), row)


async def _ids(database: Database, table: Any = messages) -> list[Any]:
    return await database.read(lambda c: list(c.execute(select(*table.primary_key).order_by(*table.primary_key)).all()))


async def _prune(database: Database, now_ms: int = LATER_MS) -> int:
    return await database.write(lambda tx: prune_messages(tx, now_ms, kept_days=KEPT_DAYS))


async def test_s118_an_old_message_goes_with_its_attempts_and_feedback(database: Database) -> None:
    """Nothing of it is left but that an operator did something, without the words."""

    def work(tx: Connection) -> None:
        message_id = _enqueue(tx)
        act(tx, Action.HOLD, message_id, BY, NOW_MS)
        act(tx, Action.RELEASE, message_id, BY, NOW_MS)
        _accept_all(tx)
        _came_back(tx, message_id)

    await database.write(work)
    assert {"messages.recipient", "attempts.reply_text", "feedback.detail", "audit.reason"} < await traces(
        database, ["zoe"]
    )
    assert 1 == await _prune(database)
    assert [[], [], []] == [await _ids(database, table) for table in (messages, attempts, feedback)]
    assert set() == await traces(database, ["zoe"])
    assert 2 == len(await _ids(database, audit))


async def test_a_younger_message_stays(database: Database) -> None:
    """Not a minute before its time."""
    await database.write(lambda tx: _enqueue(tx, skip="told_today"))
    assert 0 == await _prune(database, NOW_MS + KEPT_DAYS * DAY_MS)
    assert 1 == len(await _ids(database))


async def test_batches_are_bounded_and_go_on_where_the_last_one_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are old, one transaction deletes only so many."""
    monkeypatch.setattr(prune, "MESSAGES_AT_ONCE", 2)
    await database.write(lambda tx: [_enqueue(tx, number, skip="told_today") for number in range(5)])
    assert [2, 2, 1, 0] == [await _prune(database) for _ in range(4)]
    assert [] == await _ids(database)


async def test_it_waits_for_a_message_that_is_not_over(database: Database) -> None:
    """What a worker has, or will have, is settled first: what became of it must be written somewhere."""
    waits = await database.write(_enqueue)
    assert 0 == await _prune(database)
    await database.write(lambda tx: len(claim(tx, owner="me", limit=1, now_ms=NOW_MS + 1000)))
    assert 0 == await _prune(database)
    settled = update(messages).values(state="cancelled", reason="superseded", owner=None, due_at=None)
    await database.write(lambda tx: tx.execute(settled).rowcount)
    assert [(waits,)] == await _ids(database)
    assert 1 == await _prune(database)


async def test_what_is_held_goes_with_the_others(database: Database) -> None:
    """It has no time left: nobody could release it."""
    await database.write(lambda tx: act(tx, Action.HOLD, _enqueue(tx), BY, NOW_MS).result)
    assert 1 == await _prune(database)


async def test_what_never_was_to_go_out_is_kept_for_a_week(database: Database) -> None:
    """Also of those who have an account: support can say until then why nothing came."""
    await database.write(lambda tx: _enqueue(tx, skip="told_today"))
    assert 0 == await database.write(lambda tx: prune_born_cancelled(tx, NOW_MS + WEEK_MS))
    assert 1 == await database.write(lambda tx: prune_born_cancelled(tx, NOW_MS + WEEK_MS + 1))
    assert [] == await _ids(database)


async def test_what_was_cancelled_later_is_kept_as_any_message(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was promised once; the walk passes it and goes on with those behind it."""
    monkeypatch.setattr(prune, "BATCH", 1)

    def work(tx: Connection) -> tuple[uuid.UUID, uuid.UUID]:
        cancelled, waits = _enqueue(tx), _enqueue(tx, 1)
        act(tx, Action.CANCEL, cancelled, BY, NOW_MS + 5)
        _enqueue(tx, 2, skip="told_today")
        return cancelled, waits

    kept = await database.write(work)
    later_ms = NOW_MS + 2 * WEEK_MS
    assert [0, 1, 0] == [await database.write(lambda tx: prune_born_cancelled(tx, later_ms)) for _ in range(3)]
    assert sorted(kept) == [row.id for row in await _ids(database)]
