"""What is known of a message is read as it stands in the database."""

import uuid
from functools import partial

from sqlalchemy import insert

from gatepost.accounts.link_opens import Open
from gatepost.accounts.tables import link_opens
from gatepost.audit.trail import Signature
from gatepost.database.connection import Database
from gatepost.explain.story import Story, read_story
from gatepost.outbox.actions import Action
from gatepost.outbox.queue_hold import hold
from gatepost.outbox.reveal import is_revealed, reveal
from tests.support.operating import ADA, in_state, operate
from tests.support.outbox import NOW_MS

TOKEN = bytes(range(16))


async def read(database: Database, message: uuid.UUID) -> Story:
    """What is known of a message."""
    story = await database.read(partial(read_story, message_id=message))
    assert story is not None
    return story


async def opened(database: Database, opener: str, at: int) -> None:
    """Somebody opens the link."""
    row = {"token_id": TOKEN, "opener": opener, "opened_at": at}
    await database.write(lambda tx: tx.execute(insert(link_opens), row).rowcount)


async def test_a_message_knows_who_opened_its_link(database: Database) -> None:
    """Since there is this message: a copy has the link of the first one, and what was opened before is not its own."""
    message = await in_state(database, "accepted", token_id=TOKEN)
    assert () == (await read(database, message)).opens
    await opened(database, "scanner", NOW_MS - 1)
    await opened(database, "person", NOW_MS)
    assert (Open("person", NOW_MS),) == (await read(database, message)).opens


async def test_a_message_without_a_link_was_opened_by_nobody(database: Database) -> None:
    """It has no token, and so no row of anybody's is its own."""
    await opened(database, "person", NOW_MS)
    assert () == (await read(database, await in_state(database, "accepted"))).opens


async def test_the_story_has_what_operators_did(database: Database) -> None:
    """To the message, with what came of it; and whether the whole queue is held."""
    message = await in_state(database, "failed")
    acted = await operate(database, Action.RESEND, message, now_ms=NOW_MS + 1)
    story = await read(database, message)
    assert (["resend"], (acted.result,), None) == (
        [one.action for one in story.deeds],
        story.resent_as,
        story.queue_hold,
    )
    await database.write(lambda tx: hold(tx, Signature(actor="mira", reason="moving"), NOW_MS))
    assert "mira" == getattr((await read(database, message)).queue_hold, "actor", None)


async def test_who_looks_at_a_mail_is_written_down(database: Database) -> None:
    """With who and why, beside what else was done; and it changes nothing of the message."""
    message = await in_state(database, "accepted")
    before = (await read(database, message)).message
    assert "accepted" == await database.write(partial(reveal, message_id=message, by=ADA, now_ms=NOW_MS))
    story = await read(database, message)
    (deed,) = story.deeds
    assert ("reveal", ADA.actor, ADA.reason) == (deed.action, deed.actor, deed.reason)
    assert is_revealed(story.deeds, ADA.actor, NOW_MS + 1)
    assert before == story.message


async def test_there_is_no_story_of_no_message(database: Database) -> None:
    """An id nobody has."""
    assert None is await database.read(partial(read_story, message_id=uuid.uuid4()))
