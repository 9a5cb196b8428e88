"""Limits: never more than was allowed in any stretch of time, for one client, over restarts and many processes."""

import asyncio
import itertools
import random
from collections import Counter

import pytest
from sqlalchemy import Connection

from gatepost.accounts import gcra
from gatepost.accounts.gcra import CLOCKS_APART_MS, Allowance, is_spent, prune_limits, spend
from gatepost.accounts.tables import limits
from gatepost.database.connection import Database
from gatepost.database.opening import open_database

SOME = Allowance(5, 10)
NOW_MS = 1_800_000_000_000
KEY = b"k" * 16
MONTH_MS = 30 * 24 * 3600 * 1000


async def _spend(database: Database, now_ms: int, *, times: int = 1) -> int:
    return await database.write(lambda tx: spend(tx, KEY, SOME, now_ms, times=times))


async def _passed(database: Database, moments: list[int]) -> list[int]:
    """The moments at which one passed."""
    return await database.write(lambda tx: [now for now in moments if not spend(tx, KEY, SOME, now)])


@pytest.mark.parametrize("seed", range(3))
async def test_no_stretch_of_time_sees_more_than_the_burst_and_the_rate(database: Database, seed: int) -> None:
    """Whenever requests come, between any two that pass there are at most burst + time/interval of them."""
    chance = random.Random(seed)
    moments = list(
        itertools.accumulate((chance.choice([0, 1, 500, 9_000, 40_000]) for _ in range(200)), initial=NOW_MS)
    )
    passed = await _passed(database, moments)
    assert SOME.burst < len(passed) < len(moments)
    for first, last in itertools.combinations(range(len(passed)), 2):
        allowed = SOME.burst + (passed[last] - passed[first]) / SOME.each_ms
        assert last - first + 1 <= allowed


async def test_what_was_refused_passes_after_the_time_it_was_told_and_not_before(database: Database) -> None:
    """The wait is exact to the millisecond, and a refusal costs nothing."""
    assert [NOW_MS] * SOME.burst == await _passed(database, [NOW_MS] * 50)
    wait_ms = await _spend(database, NOW_MS + 1)
    assert SOME.each_ms - 1 == wait_ms
    assert 1 == await _spend(database, NOW_MS + wait_ms)
    assert 0 == await _spend(database, NOW_MS + 1 + wait_ms)


async def test_after_its_window_an_allowance_is_whole_again(database: Database) -> None:
    """And never more than whole, however long nothing came."""
    await _passed(database, [NOW_MS] * 50)
    for later in (NOW_MS + SOME.window_ms, NOW_MS + MONTH_MS):
        assert [later] * SOME.burst == await _passed(database, [later] * 50)


async def test_several_at_once_cost_as_many_single_ones(database: Database) -> None:
    """All of them or none: four of five leave room for one."""
    assert 0 == await _spend(database, NOW_MS, times=4)
    assert 3 * SOME.each_ms == await _spend(database, NOW_MS, times=4)
    assert 0 == await _spend(database, NOW_MS)
    assert await database.read(lambda connection: is_spent(connection, KEY, SOME, NOW_MS))


async def test_s76_a_limit_holds_over_a_restart(database: Database, database_url: str) -> None:
    """What was spent before the process ended is spent after it began again."""
    await _passed(database, [NOW_MS] * 50)
    await database.close()
    again = await open_database(database_url, wait_for_owner_s=0)
    refused = await _spend(again, NOW_MS + 1)
    await again.close()
    assert SOME.each_ms - 1 == refused


async def test_s76_a_limit_holds_for_many_processes_at_once(processes: list[Database]) -> None:
    """A hundred requests at the same moment in four processes: the burst passes, and not one more."""
    waits = await asyncio.gather(*(_spend(processes[number % 4], NOW_MS) for number in range(100)))
    assert Counter({True: SOME.burst, False: 100 - SOME.burst}) == Counter(wait == 0 for wait in waits)


async def test_a_clock_that_is_set_back_shuts_nobody_out_for_longer_than_the_window(database: Database) -> None:
    """Rows from the future count as spent now: an hour, a month or a year back, it is the window that is waited."""
    for back_ms in (CLOCKS_APART_MS + SOME.window_ms, MONTH_MS, 12 * MONTH_MS):
        await database.write(lambda tx: gcra.forget(tx, KEY))
        await _passed(database, [NOW_MS] * 50)
        set_back_ms = NOW_MS - back_ms
        assert SOME.each_ms + 1 == await _spend(database, set_back_ms)
        passed = await _passed(database, [set_back_ms + SOME.window_ms + 1] * 50)
        assert SOME.burst == len(passed)


async def test_clocks_a_little_apart_give_nobody_more(database: Database) -> None:
    """One process is ahead by less than a minute: asking both in turn passes no more than asking the one ahead."""
    ahead_ms = 59_000
    passed = await _passed(database, [NOW_MS + ahead_ms, NOW_MS] * 100)
    assert SOME.burst == len(passed)


async def test_only_what_is_spent_no_more_is_pruned(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row goes when it says nothing a missing row would not say; a batch is bounded."""

    def fill(tx: Connection) -> None:
        for number in range(3):
            spend(tx, bytes([number]) * 16, SOME, NOW_MS)

    await database.write(fill)
    assert 0 == await database.write(lambda tx: prune_limits(tx, NOW_MS + SOME.each_ms - 1))
    monkeypatch.setattr(gcra, "PRUNE_BATCH", 2)
    gone = [await database.write(lambda tx: prune_limits(tx, NOW_MS + SOME.each_ms)) for _ in range(2)]
    assert [2, 1] == gone
    assert [] == await database.read(lambda connection: connection.execute(limits.select()).all())
