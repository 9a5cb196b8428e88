"""Old messages forget whom they were for; what became of them stays."""

import json
import uuid
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from gatepost.audit.trail import Signature
from gatepost.database.connection import Database
from gatepost.errors import ActionRefused
from gatepost.mail.draft import MAX_EXPIRES_IN_S, Draft
from gatepost.outbox import bookmark, retention
from gatepost.outbox.actions import FORGOTTEN_TEXT, STATES, Action
from gatepost.outbox.claim import claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.lifecycle import State
from gatepost.outbox.operate import act
from gatepost.outbox.prune import prune_no_account
from gatepost.outbox.retention import ANONYMISED, anonymise
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from gatepost.outbox.tables import attempts, messages
from tests.support.traces import traces

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
KEPT_DAYS = 31
LATER_MS = NOW_MS + KEPT_DAYS * DAY_MS + 60_000
BY = Signature(actor="admin token", reason="zoe asked by phone")
ZOE = "zoe@example.com"


def _enqueue(tx: Connection, number: int, skip: str | None = None, expires_in_s: int = 3600) -> uuid.UUID:
    draft = Draft(
        expires_in_s=expires_in_s,
        template="welcome",
        recipient=ZOE,
        values={"name": "Zoe"},
        account_id=uuid.UUID(int=number + 1),
        request_id=f"zoe-{number}",
        token_id=b"zoe-token-of-her",
        client=b"zoe-client-of-he",
    )
    return enqueue(tx, draft, now_ms=NOW_MS + number, domain="gatepost.example", skip=skip).id


def _settle_all(tx: Connection, verdict: Verdict, outcome: str) -> None:
    for one in claim(tx, owner="me", limit=1000, now_ms=NOW_MS + 1000):
        assert mark_committing(tx, one)
        tried = Try(
            outcome=outcome, started_at=NOW_MS, reply_code=250, reply_text="2.1.5 <zoe@example.com> ok", server="smtp"
        )
        assert settle(tx, one, verdict, tried, NOW_MS + 2000)


async def _rows(database: Database, table: Any = messages) -> list[dict[str, Any]]:
    def query(connection: Connection) -> list[dict[str, Any]]:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]

    return await database.read(query)


async def _anonymise(database: Database, now_ms: int = LATER_MS) -> int:
    return await database.write(lambda tx: anonymise(tx, now_ms, kept_days=KEPT_DAYS))


async def test_s118_an_old_message_forgets_whom_it_was_for(database: Database) -> None:
    """Address, values, account, request, client, the server's words and the operator's: nothing names a person."""

    def work(tx: Connection) -> None:
        message_id = _enqueue(tx, 1)
        _enqueue(tx, 2, skip="told_today")
        act(tx, Action.HOLD, message_id, BY, NOW_MS)
        act(tx, Action.RELEASE, message_id, BY, NOW_MS)
        _settle_all(tx, Verdict(state=State.ACCEPTED), "accepted")

    await database.write(work)
    assert await traces(database, ["zoe"])
    assert 2 == await _anonymise(database)
    assert set() == await traces(database, ["zoe", uuid.UUID(int=2).bytes])


async def test_what_became_of_it_stays_for_the_statistics(database: Database) -> None:
    """State, reason, template, language, times, codes and servers are as before."""

    def work(tx: Connection) -> None:
        _enqueue(tx, 1)
        _enqueue(tx, 2, skip="told_today")
        _settle_all(tx, Verdict(state=State.FAILED, reason="refused"), "permanent")

    await database.write(work)
    before = await _rows(database), await _rows(database, attempts)
    await _anonymise(database)
    after = await _rows(database), await _rows(database, attempts)
    gone = {
        "recipient": ANONYMISED,
        "recipient_key": ANONYMISED,
        "recipient_domain": None,
        "template_values": "{}",
        "account_id": None,
        "token_id": None,
        "request_id": None,
        "client": None,
    }
    assert [{**row, **gone} for row in before[0]] == after[0]
    assert [{**row, "reply_text": None} for row in before[1]] == after[1]


async def test_a_younger_message_is_left_alone(database: Database) -> None:
    """Not a minute before its time."""
    await database.write(lambda tx: _enqueue(tx, 0, skip="told_today"))
    assert 0 == await _anonymise(database, NOW_MS + KEPT_DAYS * DAY_MS)
    assert [ZOE] == [row["recipient"] for row in await _rows(database)]


async def test_batches_are_bounded_and_go_on_where_the_last_one_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is looked at once, however many there are."""
    monkeypatch.setattr(retention, "BATCH", 2)
    await database.write(lambda tx: [_enqueue(tx, number, skip="told_today") for number in range(5)])
    assert [2, 2, 1, 0] == [await _anonymise(database) for _ in range(4)]
    assert {ANONYMISED} == {row["recipient"] for row in await _rows(database)}


async def test_it_waits_for_a_message_that_is_not_over(database: Database) -> None:
    """What a worker has, or will have, is settled first; those behind it wait for that."""
    first = min(await database.write(lambda tx: [_enqueue(tx, number) for number in range(2)]))
    await database.write(lambda tx: act(tx, Action.CANCEL, first, BY, NOW_MS).result)
    assert [1, 0] == [await _anonymise(database) for _ in range(2)]
    await database.write(lambda tx: len(claim(tx, owner="me", limit=1, now_ms=LATER_MS - 30 * DAY_MS)))
    assert 0 == await _anonymise(database)
    assert [ZOE] == [row["recipient"] for row in await _rows(database) if row["owner"]]


async def test_what_is_held_is_forgotten_with_the_others(database: Database) -> None:
    """It has no time left, so nobody could release it; it does not stand in the way either."""

    def work(tx: Connection) -> None:
        act(tx, Action.HOLD, _enqueue(tx, 0), BY, NOW_MS)
        _enqueue(tx, 1, skip="told_today")

    await database.write(work)
    assert 2 == await _anonymise(database)
    assert set() == await traces(database, ["zoe"])
    (held,) = [row["id"] for row in await _rows(database) if row["state"] == "held"]
    with pytest.raises(ActionRefused):
        await database.write(lambda tx: act(tx, Action.RELEASE, held, BY, LATER_MS).result)
    await database.write(lambda tx: act(tx, Action.CANCEL, held, BY, LATER_MS).result)


@pytest.mark.parametrize("state", sorted(STATES[Action.RESEND] - {State.DELIVERED, State.BOUNCED}))
async def test_what_is_forgotten_cannot_be_sent_again(database: Database, state: State) -> None:
    """There is nobody to send it to; the operator is told."""

    def work(tx: Connection) -> uuid.UUID:
        message_id = _enqueue(tx, 0, skip="operator" if state is State.CANCELLED else None)
        if state in (State.EXPIRED, State.SUPPRESSED):
            tx.execute(update(messages).values(state=str(state), reason=str(state), due_at=None))
        elif state is not State.CANCELLED:
            _settle_all(tx, Verdict(state=state, reason="refused"), "permanent")
        return message_id

    message_id = await database.write(work)
    assert 1 == await _anonymise(database)
    with pytest.raises(ActionRefused, match=FORGOTTEN_TEXT):
        await database.write(lambda tx: act(tx, Action.RESEND, message_id, BY, LATER_MS).result)


SOON_DAYS = 7
SOON_MS = NOW_MS + SOON_DAYS * DAY_MS + 60_000


async def _forget_soon(database: Database, now_ms: int) -> int:
    return await database.write(lambda tx: anonymise(tx, now_ms, kept_days=SOON_DAYS))


async def test_a_short_time_passes_what_may_still_go_out(database: Database) -> None:
    """One that waits or is held for weeks keeps its recipient, and does not keep those behind it from being forgotten.

    It is forgotten when no message of that age has time left.
    """

    def work(tx: Connection) -> tuple[uuid.UUID, uuid.UUID]:
        waits, held = (_enqueue(tx, number, expires_in_s=MAX_EXPIRES_IN_S) for number in (0, 1))
        act(tx, Action.HOLD, held, BY, NOW_MS)
        _enqueue(tx, 2, skip="told_today")
        return waits, held

    waits, held = await database.write(work)
    assert [1, 0] == [await _forget_soon(database, SOON_MS) for _ in range(2)]
    assert {waits, held} == {row["id"] for row in await _rows(database) if row["recipient"] == ZOE}
    await database.write(lambda tx: act(tx, Action.CANCEL, waits, BY, SOON_MS).result)
    assert 0 == await _forget_soon(database, SOON_MS)
    assert [2, 0] == [await _forget_soon(database, LATER_MS) for _ in range(2)]
    assert set() == await traces(database, ["zoe"])


async def test_what_was_passed_is_forgotten_under_a_longer_time_too(database: Database) -> None:
    """Whatever the operator set meanwhile."""
    held = await database.write(lambda tx: _enqueue(tx, 0, expires_in_s=MAX_EXPIRES_IN_S))
    await database.write(lambda tx: act(tx, Action.HOLD, held, BY, NOW_MS).result)
    await _forget_soon(database, SOON_MS)
    assert 1 == await _anonymise(database)


async def test_a_short_time_set_later_goes_on_where_the_long_one_was(database: Database) -> None:
    """The walk for those that were passed begins there, too: everything before it is forgotten already."""
    await database.write(lambda tx: [_enqueue(tx, number, skip="told_today") for number in range(2)])
    assert 2 == await _anonymise(database)
    (second,) = [row["id"] for row in await _rows(database)][1:]
    assert 0 == await _forget_soon(database, LATER_MS)
    assert second == await database.write(lambda tx: bookmark.come_to(tx, "anonymised late messages"))


async def test_what_else_is_known_of_them_is_forgotten_in_the_same_transaction(database: Database) -> None:
    """Whoever keeps something about messages takes part."""
    told: list[uuid.UUID] = []
    message_id = await database.write(lambda tx: _enqueue(tx, 0, skip="told_today"))
    also = (lambda tx, ids: told.extend(ids),)
    await database.write(lambda tx: anonymise(tx, LATER_MS, kept_days=KEPT_DAYS, also=also))
    assert [message_id] == told


async def test_messages_to_nobody_are_left_to_the_prune(database: Database) -> None:
    """A recipient of null says that nobody has an account with the address: an old message never looks like one."""

    def work(tx: Connection) -> int:
        _enqueue(tx, 0, skip="told_today")
        anonymise(tx, LATER_MS, kept_days=KEPT_DAYS)
        return prune_no_account(tx, LATER_MS)

    assert 0 == await database.write(work)
    assert [json.dumps({})] == [row["template_values"] for row in await _rows(database)]


async def test_walks_with_different_names_do_not_meet(database: Database) -> None:
    """Each chore has a bookmark of its own, which begins before the first row."""

    def work(tx: Connection) -> list[uuid.UUID]:
        bookmark.move(tx, "one", uuid.UUID(int=5))  # nothing is there yet
        found = [bookmark.come_to(tx, "one"), bookmark.come_to(tx, "two")]
        bookmark.move(tx, "one", uuid.UUID(int=7))
        return [*found, bookmark.come_to(tx, "one"), bookmark.come_to(tx, "two")]

    start = bookmark.START
    assert [start, start, uuid.UUID(int=7), start] == await database.write(work)
