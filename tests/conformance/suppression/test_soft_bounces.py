"""Messages that came back for a reason that may pass: counted once each, forgotten with time and by lifting."""

import pytest
from sqlalchemy import func, select

from gatepost.database.connection import Database
from gatepost.suppression.lift import hide, lift
from gatepost.suppression.prune import prune_soft_bounces
from gatepost.suppression.reason import Reason
from gatepost.suppression.soft import TOO_MANY, WITHIN_S, note_soft
from gatepost.suppression.tables import soft_bounces
from tests.support.suppressing import HIDING, MIRA, NOW_MS, suppressed

ZOE = "zoe@example.com"


async def _note(database: Database, number: int, now_ms: int = NOW_MS, address: str = MIRA) -> bool:
    cause = number.to_bytes(16, "big")
    return await database.write(lambda tx: note_soft(tx, address, cause, now_ms))


async def _soft(database: Database) -> int:
    return await database.read(
        lambda connection: connection.execute(select(func.count(soft_bounces.c.at))).scalar_one()
    )


async def test_five_messages_that_came_back_are_too_many(database: Database) -> None:
    """The fifth says so, and every further one; another address begins at one."""
    assert [False] * 4 + [True] * 2 == [await _note(database, number) for number in range(6)]
    assert not await _note(database, 0, address=ZOE)


async def test_one_message_counts_once(database: Database) -> None:
    """The same report again, or a report about what the server said already, is no further one."""
    for _ in range(TOO_MANY + 1):
        assert not await _note(database, 1)
    assert await _soft(database) == 1
    for number in range(TOO_MANY):
        await _note(database, number)
    assert not await _note(database, 1)  # also after the one too many: it is no word of today


async def test_what_is_older_than_thirty_days_does_not_count(database: Database) -> None:
    """Four long ago and one today are one."""
    for number in range(4):
        await _note(database, number)
    assert not await _note(database, 4, NOW_MS + WITHIN_S * 1000)
    assert await database.write(lambda tx: prune_soft_bounces(tx, NOW_MS + WITHIN_S * 1000)) == 4
    assert await _soft(database) == 1


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.SOFT_BOUNCES])
async def test_lifting_forgets_what_was_counted(database: Database, reason: Reason) -> None:
    """After it is lifted a mailbox has all its chances, and not none."""
    for number in range(TOO_MANY):
        await _note(database, number)
    made = await suppressed(database, reason)
    await database.write(lambda tx: lift(tx, made.id))
    assert not await _note(database, TOO_MANY)


async def test_erasing_forgets_what_was_counted(database: Database) -> None:
    """Single soft bounces stop nothing, so nothing of them is kept of a person who was erased."""
    await _note(database, 1)
    await database.write(lambda tx: hide(tx, HIDING, MIRA))
    assert await _soft(database) == 0
