"""Unsubscribing by the link of a message: whom it stops, what of it is kept, and what a forged one does (nothing)."""

import asyncio
import uuid
from typing import Any

import pytest
from sqlalchemy import delete

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.errors import BadToken
from gatepost.events import AddressSuppressed, Event, Events
from gatepost.feedback.unsubscribe import Unsubscribing
from gatepost.mail.unsubscribe import UnsubscribeLinks
from gatepost.outbox.lifecycle import State
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.tables import messages
from gatepost.suppression.check import check
from gatepost.suppression.reason import Reason, Scope
from tests.support.feedback import HIDING, LATER_MS, change, sent, suppressed
from tests.support.outbox import claim_as, draft, enqueue_all
from tests.support.suppressing import rows
from tests.support.suppressing import suppressed as suppress

MIRA = "mira@example.com"
TO_MIRA: dict[str, Any] = {"recipient": "Mira@Example.com", "recipient_key": MIRA}
SITE = "https://acme.example"
LINKS = UnsubscribeLinks([b"k" * 32], SITE, HIDING.digest)


class Desk:
    """What takes the tokens, and what it told."""

    def __init__(self, database: Database) -> None:
        events = Events()
        self.told: list[Event] = []
        events.subscribe(self.told.append)
        self._take = Unsubscribing(database.write, SystemClock(), events, HIDING, LINKS)

    async def use(self, row_id: uuid.UUID, address_key: str = MIRA, links: UnsubscribeLinks = LINKS) -> None:
        """Use the link of a message."""
        await self._take(links.link(row_id, address_key).rpartition("/")[2], request_id="request-1")


async def stopped(database: Database, *, security: bool) -> dict[uuid.UUID, Reason]:
    """Promise one more message to the same person, and ask whether it may go out."""
    (row_id,) = await enqueue_all(database, draft(security=security, **TO_MIRA))
    claimed = [one for one in await claim_as(database, limit=100, now_ms=LATER_MS) if one.id == row_id]
    return await database.write(lambda tx: dict(check(tx, HIDING, claimed, LATER_MS)))


@pytest.mark.parametrize("state", [State.ACCEPTED, State.UNKNOWN, State.QUEUED, State.BOUNCED])
async def test_t3_it_stops_mail_that_does_not_keep_an_account_safe(database: Database, state: State) -> None:
    """Whatever became of the message; what keeps the account safe goes on."""
    row_id = await sent(database, State.ACCEPTED if state is State.BOUNCED else state, **TO_MIRA)
    if state is State.BOUNCED:
        await change(database, row_id, state=State.BOUNCED, reason="5.2.2")
    await Desk(database).use(row_id)
    assert {(MIRA, "unsubscribed", "all_but_security")} == await suppressed(database)
    assert [Reason.UNSUBSCRIBED] == list((await stopped(database, security=False)).values())
    assert {} == await stopped(database, security=True)


async def test_it_says_of_which_message_and_is_told_once(database: Database) -> None:
    """The second time is as good as the first, and no news."""
    row_id = await sent(database, **TO_MIRA)
    desk = Desk(database)
    for _ in range(3):
        await desk.use(row_id)
    (row,) = await rows(database)
    assert ("Mira@Example.com", "unsubscribe", row_id, None) == (
        row["address"],
        row["source"],
        row["message"],
        row["expires_at"],
    )
    (told,) = desk.told
    assert isinstance(told, AddressSuppressed)
    assert ("M***@Example.com", "unsubscribed", str(row_id), "request-1") == (
        told.recipient,
        told.reason,
        told.message,
        told.request_id,
    )


async def test_a_mail_program_may_post_as_often_as_it_likes_at_once(
    database: Database, processes: list[Database]
) -> None:
    """Forty at the same moment in four processes: one suppression, told once, and nobody is refused."""
    row_id = await sent(database, **TO_MIRA)
    desks = [Desk(one) for one in processes]
    await asyncio.gather(*(desk.use(row_id) for desk in desks for _ in range(10)))
    assert 1 == len(await rows(database))
    assert 1 == sum(len(desk.told) for desk in desks)


@pytest.mark.parametrize("how", ["pruned", "anonymised"])
async def test_the_link_of_an_old_message_works_as_well(database: Database, how: str) -> None:
    """Of a message that is gone, or says no longer for whom it was: the hidden address, found by whoever writes."""
    row_id = await sent(database, **TO_MIRA)
    if how == "pruned":
        await database.write(lambda tx: tx.execute(delete(messages).where(messages.c.id == row_id)).rowcount)
    else:
        await change(database, row_id, recipient=ANONYMISED, recipient_key=ANONYMISED, recipient_domain=None)
    await Desk(database).use(row_id)
    assert {(HIDING.hide(MIRA), "unsubscribed", "all_but_security")} == await suppressed(database)
    (row,) = await rows(database)
    assert (None, row_id if how == "anonymised" else None) == (row["address"], row["message"])
    assert [Reason.UNSUBSCRIBED] == list((await stopped(database, security=False)).values())
    assert {} == await stopped(database, security=True)


async def test_it_narrows_nothing_that_stands(database: Database) -> None:
    """Who complained about everything and then unsubscribes still gets nothing."""
    row_id = await sent(database, **TO_MIRA)
    await suppress(database, Reason.COMPLAINT, hiding=HIDING, scope=Scope.ALL)
    await Desk(database).use(row_id)
    assert {(MIRA, "complaint", "all"), (MIRA, "unsubscribed", "all_but_security")} == await suppressed(database)
    assert [Reason.COMPLAINT] == list((await stopped(database, security=True)).values())


async def test_s114_a_forged_token_changes_nothing(database: Database) -> None:
    """Made under another key, for a message that exists or for none; the database is not even asked."""
    row_id = await sent(database, **TO_MIRA)
    forged = UnsubscribeLinks([b"f" * 32], SITE, HIDING.digest)
    desk = Desk(database)
    for target in (row_id, uuid.uuid4()):
        with pytest.raises(BadToken):
            await desk.use(target, links=forged)
    assert (set(), []) == (await suppressed(database), desk.told)


async def test_a_link_stops_nobody_but_its_own_recipient(database: Database) -> None:
    """Of two people who got a message, one unsubscribes."""
    row_id = await sent(database, **TO_MIRA)
    await sent(database, recipient="noa@example.com", recipient_key="noa@example.com")
    await Desk(database).use(row_id)
    assert {MIRA} == {key for key, _, _ in await suppressed(database)}
