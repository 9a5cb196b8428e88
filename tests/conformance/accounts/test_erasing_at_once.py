"""Erasing in several processes at once, beside people and workers: each account once, and nobody waits for ever."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from gatepost.accounts.deletion import erase_deleted, erase_unverified, prune_unproved_candidates
from gatepost.accounts.spent_tokens import prune_spent_tokens
from gatepost.accounts.tables import accounts
from gatepost.database.connection import Database
from gatepost.outbox.retention import anonymise
from tests.support.clock import MovableClock
from tests.support.flows import Flows
from tests.support.postgresql import deadlocks
from tests.support.traces import traces

PEOPLE = 12
DEADLINE_S = 60


@pytest.fixture
def everywhere(processes: list[Database], flows: Flows) -> list[Flows]:
    """The flows in four processes, which do not count requests."""
    return [Flows(replace(flows.gate, database=database, limited=False)) for database in processes]


async def _chores(flows: Flows) -> tuple[int, int]:
    now_ms, gate = flows.gate.clock.now_ms(), flows.gate

    def work(tx: Connection) -> tuple[int, int]:
        deleted = erase_deleted(tx, now_ms, kept_days=14, keys=gate.keys, hiding=gate.hiding)
        prune_unproved_candidates(tx, now_ms, kept_days=30)
        return deleted, erase_unverified(tx, now_ms, kept_days=30, keys=gate.keys, hiding=gate.hiding)

    erased = await flows.gate.database.write(work)
    await flows.gate.database.write(lambda tx: prune_spent_tokens(tx, now_ms))
    await flows.gate.database.write(lambda tx: anonymise(tx, now_ms, kept_days=31))
    return erased


async def test_each_account_is_erased_once_beside_people_and_workers(
    everywhere: list[Flows], clock: MovableClock, database_url: str
) -> None:
    """Two processes erase, one registers the addresses anew and asks for resets, one delivers: none is left."""
    first, people, worker = everywhere[0], everywhere[2], everywhere[3]
    for number in range(PEOPLE):
        await first.register(f"gone-{number}@example.com", name=f"gone {number}")
        await first.register(f"unproved-{number}@example.com", name=f"unproved {number}")
    await first.deliver()
    left = update(accounts).where(accounts.c.email.like("gone-%"))
    now_ms = clock.now_ms()
    await first.gate.database.write(lambda tx: tx.execute(left.values(verified_at=now_ms, deleted_at=now_ms)).rowcount)
    clock.move(timedelta(days=40).total_seconds())
    erased = [0, 0]

    async def erase(flows: Flows) -> None:
        while sum(erased) < 2 * PEOPLE:
            for place, count in enumerate(await _chores(flows)):
                erased[place] += count

    async def come_back() -> None:
        for number in range(PEOPLE):
            await people.register(f"gone-{number}@example.com", name="back again")
            await people.request_reset(f"gone-{number}@example.com")
            await people.request_verification(f"unproved-{number}@example.com")

    async def deliver() -> None:
        while sum(erased) < 2 * PEOPLE:
            await worker.deliver()

    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(erase(everywhere[0]), erase(everywhere[1]), come_back(), deliver())
    assert [PEOPLE, PEOPLE] == erased
    assert set() == await traces(first.gate.database, ["gone ", "unproved "])
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)
