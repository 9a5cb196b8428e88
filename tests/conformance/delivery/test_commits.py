"""Marks, results and claims that share a commit: what one of them may cost the others, and how many may be doubtful."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gatepost.database.connection import Database
from gatepost.delivery import commits
from gatepost.delivery.bounces import Bounces
from gatepost.delivery.commits import MAX_UNSETTLED
from gatepost.delivery.round import Look, Round
from gatepost.errors import DatabaseUnavailable, TryLater
from gatepost.events import Events
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import find
from gatepost.outbox.settle import NotAllOurs, Result, Verdict, mark_all, settle_all, take
from gatepost.suppression.guard import Guard
from tests.support.commits import TRIED, Asking
from tests.support.delivery import DEADLINE_S
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of
from tests.support.postgresql import deadlocks
from tests.support.suppressing import HIDING

OWNER = "worker-1"
DEFERRED = Verdict(state=State.DEFERRED, reason="transient", due_at=NOW_MS)


@pytest.fixture
async def asking(database: Database) -> Asking:
    """Somebody who asks for commits."""
    return Asking(database)


async def test_what_one_moment_asks_for_shares_one_commit(database: Database, asking: Asking) -> None:
    """Three results, three marks and a claim: one transaction, and everybody is told."""
    *results, first, second, third = await _claimed(database, 6, marked=3)
    await enqueue_all(database, draft())
    told = [asking.settle(one) for one in results]
    marks = [asking.commits.mark(one) for one in (first, second, third)]
    asking.next_look = _look()
    assert [True] * 3 == await _all(marks)
    await asking.commits.drained()
    assert [[True]] * 3 == told
    assert [1] == [answer.size for answer in asking.answers if isinstance(answer, Round)]
    assert 1 == len(asking.database.works)
    assert ["accepted"] * 3 + ["committing"] * 3 == await _states(database, [*results, first, second, third])


async def test_what_is_asked_for_meanwhile_shares_the_next_commit(database: Database, asking: Asking) -> None:
    """The first starts at once and alone; two more that come while it is under way go together."""
    first, second, third = await _claimed(database, 3)
    later: list[asyncio.Future[bool]] = []

    def ask_meanwhile() -> None:
        if not later:
            later.extend(map(asking.commits.mark, (second, third)))

    asking.database.before = ask_meanwhile
    assert await asking.commits.mark(first)
    assert [True, True] == await _all(later)
    assert [1, 2] == [batch.size for batch in asking.database.batches]


async def test_a_message_that_is_no_longer_ours_costs_the_others_nothing(database: Database, asking: Asking) -> None:
    """Of two marks and two results one each was taken over: those are refused, the others are durable."""
    _, lost_result, _, lost_mark = several = await _claimed(database, 4, marked=2)
    await database.write(lambda tx: _take_over(tx, [lost_result, lost_mark]))
    told = [asking.settle(several[0]), asking.settle(lost_result)]
    marks = [asking.commits.mark(several[2]), asking.commits.mark(lost_mark)]
    assert [True, False] == await _all(marks)
    await asking.commits.drained()
    assert [[True], [False]] == told
    assert ["accepted", "committing", "committing", "sending"] == await _states(database, several)


async def test_a_result_that_cannot_be_written_costs_only_itself(database: Database, asking: Asking) -> None:
    """A row the schema refuses: whoever waits for it is told, everything beside it is durable."""
    fine, poisoned, marked = await _claimed(database, 3, marked=2)
    await enqueue_all(database, draft())
    told_fine, told_poisoned = asking.settle(fine), asking.settle(poisoned, tried=replace(TRIED, reply_code=999))
    mark = asking.commits.mark(marked)
    asking.next_look = _look()
    assert await mark
    await asking.commits.drained()
    assert [True] == told_fine
    assert [IntegrityError] == [type(one) for one in told_poisoned]
    assert [1] == [answer.size for answer in asking.answers if isinstance(answer, Round)]
    assert ["accepted", "committing", "committing"] == await _states(database, [fine, poisoned, marked])


async def test_a_claim_that_fails_costs_no_mark_and_no_result(database: Database, asking: Asking) -> None:
    """A bug where links are made stops the claim alone; what it had taken stays where it was."""

    def prepare(tx: Connection, claimed: list[Claimed], now_ms: int) -> list[Mapping[str, str]]:
        raise ZeroDivisionError

    settled, marked = await _claimed(database, 2, marked=1)
    (waiting,) = await enqueue_all(database, draft())
    told, mark = asking.settle(settled), asking.commits.mark(marked)
    asking.next_look = _look(prepare=prepare)
    assert await mark
    await asking.commits.drained()
    assert ([True], [ZeroDivisionError]) == (told, [type(one) for one in asking.answers])
    assert "queued" == await state_of(database, waiting)


async def test_a_database_that_takes_no_writes_is_told_to_everybody(
    database: Database, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marks and claim fail, each with an error of its own; results are kept and written later, once."""
    monkeypatch.setattr(commits, "SETTLE_RETRY_S", 0.01)
    settled, first, second = await _claimed(database, 3, marked=1)
    asking.database.errors = [DatabaseUnavailable("away")] * 3
    told, marks = asking.settle(settled), [asking.commits.mark(first), asking.commits.mark(second)]
    asking.next_look = _look()
    failed = await _all(marks)
    await asking.commits.drained()
    assert [DatabaseUnavailable] * 3 == [type(one) for one in (*failed, *asking.answers)]
    assert failed[0] is not failed[1]
    assert [True] == told
    assert ["accepted", "sending", "sending"] == await _states(database, [settled, first, second])


async def test_a_commit_whose_answer_is_lost_counts_once(
    database: Database, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was durable: asked again, the results find themselves; the marks are told that nobody knows."""
    monkeypatch.setattr(commits, "SETTLE_RETRY_S", 0.01)
    first, second, marked = await _claimed(database, 3, marked=2)
    asking.database.answers_to_lose = 1
    told, mark = [asking.settle(first), asking.settle(second)], asking.commits.mark(marked)
    with pytest.raises(TryLater):
        await mark
    await asking.commits.drained()
    assert [[True], [True]] == told
    assert ("accepted", 1) == (await state_of(database, first.id), await _attempts(database, first))


async def test_no_more_than_32_messages_are_between_mark_and_result(database: Database, asking: Asking) -> None:
    """The others wait for their mark, and get it one by one as results become durable."""
    several = await _claimed(database, MAX_UNSETTLED + 8)
    marks = [asking.commits.mark(one) for one in several]
    assert 32 == sum(await _all(marks[:32]))
    await asking.commits.drained()
    assert ["committing"] * 32 + ["sending"] * 8 == await _states(database, several)
    for one in several[:3]:
        asking.settle(one)
    await _all(marks[32:35])
    await asking.commits.drained()
    assert [True] * 3 + [False] * 5 == [mark.done() for mark in marks[32:]]
    assert 32 == (await _states(database, several)).count("committing")


async def test_a_refused_mark_makes_room_for_another(database: Database, asking: Asking) -> None:
    """What is not ours any more is not doubtful: 32 lost ones keep nobody waiting."""
    several = await _claimed(database, MAX_UNSETTLED + 1)
    await database.write(lambda tx: _take_over(tx, several[:32]))
    assert [False] * 32 + [True] == await _all([asking.commits.mark(one) for one in several])


async def test_a_mark_that_waits_for_results_hears_that_they_cannot_be_written(
    database: Database, asking: Asking
) -> None:
    """It would wait as long as the database is away, with an open dialogue: it is given back instead."""
    several = await _claimed(database, MAX_UNSETTLED + 1)
    *marks, waiting = [asking.commits.mark(one) for one in several]
    await _all(marks)
    asking.database.errors = [DatabaseUnavailable("away")]
    asking.settle(several[0])
    assert [DatabaseUnavailable] == [type(one) for one in await _all([waiting])]
    await asking.commits.close()


async def test_a_cancelled_mark_is_not_written_and_takes_no_room(database: Database, asking: Asking) -> None:
    """Its try was broken off before the commit began."""
    several = await _claimed(database, MAX_UNSETTLED + 1)
    cancelled, *others = [asking.commits.mark(one) for one in several]
    cancelled.cancel()
    assert [True] * MAX_UNSETTLED == await _all(others)
    assert "sending" == await state_of(database, several[0].id)


async def test_a_mark_cancelled_under_way_disturbs_nobody(database: Database, asking: Asking) -> None:
    """It may be durable all the same; the others are told, and its result can be written."""
    first, second = await _claimed(database, 2)
    cancelled, other = asking.commits.mark(first), asking.commits.mark(second)
    asking.database.before = lambda: cancelled.cancel() and None
    assert await other
    told = asking.settle(first)
    await asking.commits.drained()
    assert ([True], "accepted") == (told, await state_of(database, first.id))


async def test_a_listener_that_fails_keeps_nobody_waiting(database: Database, asking: Asking) -> None:
    """A bug where one result is announced: the next one is announced all the same."""
    first, second = await _claimed(database, 2, marked=2)

    class Failing(list[Any]):
        def append(self, one: object) -> None:
            raise ZeroDivisionError

    asking.answers = Failing()
    told = asking.settle(first), asking.settle(second)
    asking.commits._answered = asking.answers.append
    asking.next_look = _look()
    await asking.commits.drained()
    assert ([True], [True]) == told
    assert ["WorkerFailed"] == [type(one).__name__ for one in asking.heard]


@pytest.mark.parametrize("lost", [{"owner": "somebody else"}, {"claim_number": 2}])
async def test_several_are_written_together_or_not_at_all(database: Database, lost: dict[str, Any]) -> None:
    """One of three has another owner or an older claim: no row of the three is touched, marked or settled."""
    several = await _claimed(database, 3)
    late = [*several[:2], _changed(several[2], lost)]
    refused = Verdict(state=State.FAILED, reason="refused")
    for work in (
        lambda tx: mark_all(tx, late),
        lambda tx: settle_all(tx, [Result(one, refused, TRIED) for one in late], NOW_MS),
    ):
        with pytest.raises(NotAllOurs):
            await database.write(work)
    assert ["sending"] * 3 == await _states(database, several)
    assert [0] * 3 == [await _attempts(database, one) for one in several]


async def test_a_message_is_marked_once(database: Database) -> None:
    """A second mark of the same claim is none of ours: several say so as one does."""
    several = await _claimed(database, 2)
    await database.write(lambda tx: mark_all(tx, several))
    with pytest.raises(NotAllOurs):
        await database.write(lambda tx: mark_all(tx, several))


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite one transaction writes at a time
async def test_rows_of_one_commit_are_taken_by_their_id(
    processes: list[Database], asking: Asking, database_url: str
) -> None:
    """A flow takes messages by id: whatever is a result or a mark here, they wait for each other in one direction."""
    first, second = await _claimed(processes[0], 2)
    holding = asyncio.Event()
    loop = asyncio.get_running_loop()

    def take_both_slowly(tx: Connection) -> None:
        take(tx, [first])
        loop.call_soon_threadsafe(holding.set)
        tx.exec_driver_sql("SELECT pg_sleep(0.5)")  # until the batch waits
        take(tx, [second])

    slow = asyncio.create_task(processes[1].write(take_both_slowly))
    await holding.wait()
    told, mark = asking.settle(second, DEFERRED), asking.commits.mark(first)
    await slow
    assert await mark
    await asking.commits.drained()
    assert [True] == told
    await asyncio.gather(*(one.close() for one in processes))
    assert 0 == await deadlocks(database_url)


async def _claimed(database: Database, count: int, *, marked: int = 0) -> list[Claimed]:
    await enqueue_all(database, *[draft() for _ in range(count)])
    claimed = await claim_as(database, OWNER, limit=count)
    await database.write(lambda tx: mark_all(tx, claimed[:marked]))
    return claimed


def _look(prepare: Any = lambda tx, claimed, now_ms: [{} for _ in claimed]) -> Look:
    bounces = Bounces(HIDING, Guard(), Events(), "test")
    return Look(prepare=prepare, bounces=bounces, owner=OWNER, free=5, now_ms=NOW_MS, while_alive=False, copies=False)


def _take_over(tx: Connection, claimed: list[Claimed]) -> None:
    for one in claimed:
        tx.exec_driver_sql(
            f"UPDATE messages SET owner = 'another', claim_number = 2 WHERE message_id = '{one.message_id}'"
        )


def _changed(claimed: Claimed, change: dict[str, Any]) -> Claimed:
    return Claimed(**{name: getattr(claimed, name) for name in Claimed.__slots__} | change)


async def _attempts(database: Database, one: Claimed) -> int:
    found = await database.read(lambda connection: find(connection, one.id))
    assert found is not None
    return len(found.attempts)


async def _states(database: Database, several: list[Claimed]) -> list[str]:
    return [await state_of(database, one.id) for one in several]


async def _all(marks: list[asyncio.Future[bool]]) -> list[Any]:
    async with asyncio.timeout(DEADLINE_S):
        return await asyncio.gather(*marks, return_exceptions=True)
