"""What is about no message of ours is deleted by its age, the rest with its message."""

import uuid

from gatepost.database.connection import Database
from gatepost.feedback import prune
from gatepost.feedback.prune import UNMATCHED_KEPT_S, prune_unmatched
from tests.support.feedback import LATER_MS, fact, rows, sent, take

OLD_MS = LATER_MS + UNMATCHED_KEPT_S * 1000


async def test_only_what_is_old_and_about_none_of_ours_goes(database: Database) -> None:
    """After thirty days to the millisecond; what is about a message stays with it."""
    row_id = await sent(database)
    await take(database, fact(row_id=row_id), fact(row_id=uuid.uuid4()), fact(recipient="mira@example.com"))
    assert 0 == await database.write(lambda tx: prune_unmatched(tx, OLD_MS))
    assert 2 == await database.write(lambda tx: prune_unmatched(tx, OLD_MS + 1))
    assert [row_id] == [row.message for row in await rows(database)]


async def test_no_more_than_a_batch_goes_at_once(database: Database) -> None:
    """The next one takes the rest."""
    for _ in range(11):
        await take(database, *[fact() for _ in range(50)])
    found = [await database.write(lambda tx: prune_unmatched(tx, OLD_MS + 1)) for _ in range(3)]
    assert [prune.BATCH, 50, 0] == found
