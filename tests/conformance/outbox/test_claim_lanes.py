"""The claim past full lanes: whose messages are taken, in which order, and how far one walk goes."""

import pytest
from sqlalchemy import Connection

from gatepost.database.connection import Database
from gatepost.mail.draft import Draft, Priority
from gatepost.outbox import claim_lanes
from gatepost.outbox.claim_lanes import Passed, Passing, claim_passing
from gatepost.outbox.workers import enlist
from tests.support.outbox import NOW_MS, draft, enqueue_all

FULL = frozenset({"full.example", "slow.example"})
URGENT, NORMAL = Priority.URGENT, Priority.NORMAL


def _to(domain: str, priority: Priority = NORMAL) -> Draft:
    return draft(recipient=f"a@{domain}", recipient_key=f"a@{domain}", priority=priority)


async def _claim(database: Database, passing: Passing, *, limit: int = 10, while_alive: bool = False) -> Passed:
    return await database.write(
        lambda tx: claim_passing(
            tx, passing, owner="worker-1", limit=limit, now_ms=NOW_MS + 1_000, while_alive=while_alive
        )
    )


async def test_full_lanes_are_passed_over(database: Database) -> None:
    """The messages of everybody else, the urgent first; those of full lanes stay where they are."""
    for number, one in enumerate(
        [_to("full.example"), _to("a.example"), _to("slow.example"), _to("b.example", URGENT)]
    ):
        await enqueue_all(database, one, now_ms=NOW_MS + number)
    passed = await _claim(database, Passing(FULL, False, {}))
    assert ["b.example", "a.example"] == [one.recipient_domain for one in passed.claimed]
    assert passed.ended
    only = await _claim(database, Passing(FULL, True, {}), limit=1)
    assert ["full.example"] == [one.recipient_domain for one in only.claimed]
    assert not only.ended


async def test_a_walk_is_bounded_and_goes_on(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten of a full lane before one of another, three at a time: found by the fourth walk, and none walks twice."""
    end = claim_lanes._END
    bounded = claim_lanes.Prepared(end._statement.offset(2))
    monkeypatch.setattr(claim_lanes, "_END", bounded)
    for number in range(10):
        await enqueue_all(database, _to("full.example"), now_ms=NOW_MS + number)
    await enqueue_all(database, _to("other.example"), now_ms=NOW_MS + 10)
    since: list[int] = []
    passed = Passed([], {}, ended=False)
    while not passed.claimed and not passed.ended:
        passed = await _claim(database, Passing(FULL, False, passed.since))
        since.append(passed.since[NORMAL])
    assert [NOW_MS + 3, NOW_MS + 6, NOW_MS + 9, NOW_MS + 1_000] == since
    assert ["other.example"] == [one.recipient_domain for one in passed.claimed]


async def test_what_is_less_urgent_waits_for_the_walk(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a backlog of urgent messages of a full lane may be another urgent one: it goes first."""
    monkeypatch.setattr(claim_lanes, "_END", claim_lanes.Prepared(claim_lanes._END._statement.offset(2)))
    for number in range(4):
        await enqueue_all(database, _to("full.example", URGENT), now_ms=NOW_MS + number)
    await enqueue_all(database, _to("normal.example"))
    first = await _claim(database, Passing(FULL, False, {}))
    assert ([], False) == (first.claimed, first.ended)
    second = await _claim(database, Passing(FULL, False, first.since))
    assert ["normal.example"] == [one.recipient_domain for one in second.claimed]


async def test_a_full_hand_leaves_the_place_where_it_was(database: Database) -> None:
    """What was not taken is found by the next walk."""
    await enqueue_all(database, *[_to("a.example") for _ in range(3)])
    first = await _claim(database, Passing(FULL, False, {}), limit=2)
    assert (2, False) == (len(first.claimed), first.ended)
    second = await _claim(database, Passing(FULL, False, first.since), limit=2)
    assert (1, True) == (len(second.claimed), second.ended)


async def test_a_message_without_a_domain_is_in_nobodys_lane(database: Database) -> None:
    """None should be; if one is, it goes out."""

    def forget(tx: Connection) -> int:
        return tx.exec_driver_sql("UPDATE messages SET recipient_domain = NULL").rowcount

    await enqueue_all(database, draft())
    await database.write(forget)
    (one,) = (await _claim(database, Passing(FULL, False, {}))).claimed
    assert "" == one.recipient_domain


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_only_the_living_claim_past_full_lanes(database: Database) -> None:
    """As in every claim where several processes share the database."""
    await enqueue_all(database, _to("a.example"))
    assert [] == (await _claim(database, Passing(FULL, False, {}), while_alive=True)).claimed
    await database.write(lambda tx: enlist(tx, "worker-1", 8, alone=False))
    assert 1 == len((await _claim(database, Passing(FULL, False, {}), while_alive=True)).claimed)
