"""A message that kills its process: found by counting deaths, tried alone, and held; its neighbours go on."""

import uuid

import pytest

from gatepost.database.connection import Database
from gatepost.outbox.claim import claim_suspect, suspect_is_due
from gatepost.outbox.give_back import Recovered, recover, recover_strays
from gatepost.outbox.settle import mark_committing
from gatepost.outbox.tables import HELD_AT, SUSPECTED_AT
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, state_of, value_of


async def _deaths(database: Database, row_id: uuid.UUID) -> int:
    return int(await value_of(database, row_id, "deaths"))


async def _die(database: Database, count: int, **claimed: int) -> None:
    """So many workers claim what waits together, and die of it."""
    for _ in range(count):
        await claim_as(database, f"dead-{uuid.uuid4()}", **claimed)
        await database.write(lambda tx: recover(tx, NOW_MS))


async def _die_alone(database: Database) -> Recovered:
    """A worker claims one suspect, alone, and dies of it."""
    owner = f"dead-{uuid.uuid4()}"
    assert await database.write(lambda tx: claim_suspect(tx, owner=owner, now_ms=NOW_MS, while_alive=False))
    return await database.write(lambda tx: recover(tx, NOW_MS))


async def test_after_two_deaths_a_message_is_claimed_with_the_others_no_more(database: Database) -> None:
    """Both were in flight twice: neither is claimed with others, each can be claimed alone."""
    ids = await enqueue_all(database, draft(), draft())
    await _die(database, SUSPECTED_AT - 1)
    assert not await database.read(lambda connection: suspect_is_due(connection, NOW_MS))
    assert 2 == len(await claim_as(database, "dead"))
    await database.write(lambda tx: recover(tx, NOW_MS))
    assert [SUSPECTED_AT] * 2 == [await _deaths(database, row_id) for row_id in ids]
    assert [] == await claim_as(database)
    assert await database.read(lambda connection: suspect_is_due(connection, NOW_MS))
    assert not await database.read(lambda connection: suspect_is_due(connection, NOW_MS - 1))
    found = await database.write(lambda tx: claim_suspect(tx, owner="me", now_ms=NOW_MS, while_alive=False))
    assert [SUSPECTED_AT] == [one.deaths for one in found]


async def test_three_deaths_alone_hold_a_message(database: Database) -> None:
    """Nobody else was in flight: it is the one; what happened stands in its attempts, and none of them counts."""
    (row_id,) = await enqueue_all(database, draft())
    await _die(database, SUSPECTED_AT)
    assert [Recovered(1, 0)] * 2 == [await _die_alone(database) for _ in range(2)]
    assert Recovered(0, 0, held=1) == await _die_alone(database)
    assert ("held", "kills_process") == (
        await state_of(database, row_id),
        await value_of(database, row_id, "reason"),
    )
    assert (HELD_AT, 0) == (await _deaths(database, row_id), await value_of(database, row_id, "attempts"))


async def test_a_suspect_that_was_not_alone_is_not_blamed(database: Database) -> None:
    """The worker had another message in flight when it died: that proves nothing against the suspect."""
    (suspect,) = await enqueue_all(database, draft())
    await _die(database, SUSPECTED_AT)
    (other,) = await enqueue_all(database, draft())
    await claim_as(database, "dead")
    await database.write(lambda tx: claim_suspect(tx, owner="dead", now_ms=NOW_MS, while_alive=False))
    assert Recovered(2, 0) == await database.write(lambda tx: recover(tx, NOW_MS))
    assert (SUSPECTED_AT, 1) == (await _deaths(database, suspect), await _deaths(database, other))


async def test_a_death_after_the_mark_is_not_the_messages_fault(database: Database) -> None:
    """It was composed and offered: whatever killed the process, it was not that. The other one is suspected."""
    await enqueue_all(database, draft(), draft())
    marked, other = await claim_as(database, "dead")
    assert await database.write(lambda tx: mark_committing(tx, marked))
    assert Recovered(1, 1) == await database.write(lambda tx: recover(tx, NOW_MS))
    assert (0, 1) == (await _deaths(database, marked.id), await _deaths(database, other.id))


async def test_a_stray_of_a_living_worker_is_no_death(database: Database) -> None:
    """A bug ended the attempt, not the process."""
    (row_id,) = await enqueue_all(database, draft())
    await claim_as(database, "alive")
    assert Recovered(1, 0) == await database.write(lambda tx: recover_strays(tx, "alive", set(), NOW_MS))
    assert 0 == await _deaths(database, row_id)


@pytest.mark.parametrize("database_kind", ["postgresql"])
async def test_a_worker_without_a_fresh_row_claims_no_suspect(database: Database) -> None:
    """Where several processes share the database a suspect is claimed by the living only, as everything is."""
    await enqueue_all(database, draft())
    await _die(database, SUSPECTED_AT)
    assert [] == await database.write(lambda tx: claim_suspect(tx, owner="nobody", now_ms=NOW_MS, while_alive=True))
