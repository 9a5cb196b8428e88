"""Searching the outbox: what a page shows, in which order, and what paging leaves out."""

import itertools
import random
import uuid

import pytest
from sqlalchemy import Connection

from gatepost.database.connection import Database
from gatepost.mail.draft import Draft
from gatepost.outbox import search
from gatepost.outbox.claim import claim
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import MAX_PAGE, MessageRow
from gatepost.outbox.settle import Try, Verdict, mark_committing, settle
from tests.support.flows import Flows
from tests.support.outbox import NOW_MS, claim_as, draft, enqueue_all, next_millisecond

_PEOPLE = ("ada@example.com", "bob@example.com", "cleo@example.com")
_TEMPLATES = ("verification", "welcome")
_RESULTS = (State.ACCEPTED, State.FAILED, State.DEFERRED, State.UNKNOWN)


async def _page(database: Database, **wanted: object) -> list[MessageRow]:
    return await database.read(lambda connection: search.page(connection, **wanted))


async def _various(database: Database) -> list[MessageRow]:
    """Messages of three people and two templates, in many states; all of them, newest first."""
    chance = random.Random(7)

    def work(tx: Connection) -> None:
        for number in range(80):
            person, template = chance.choice(_PEOPLE), chance.choice(_TEMPLATES)
            one = Draft(template=template, recipient=person)
            skip = "told_today" if number % 5 == 0 else None
            enqueue(tx, one, now_ms=NOW_MS, domain="gatepost.example", skip=skip)
        for one in claim(tx, owner="test", limit=40, now_ms=NOW_MS):
            result = chance.choice(_RESULTS)
            assert mark_committing(tx, one)
            due_at = NOW_MS + 1 if result is State.DEFERRED else None
            verdict = Verdict(state=result, reason="said so", due_at=due_at)
            assert settle(tx, one, verdict, Try(outcome="said", started_at=NOW_MS), NOW_MS)
        claim(tx, owner="test", limit=3, now_ms=NOW_MS)

    await database.write(work)
    return await _page(database, limit=MAX_PAGE)


async def test_messages_come_newest_first(database: Database) -> None:
    """The order is that of their ids, which is that of their time."""
    made = []
    for _ in range(5):
        made += await enqueue_all(database, draft())
        next_millisecond()
    assert made[::-1] == [row.id for row in await _page(database)]


async def test_every_filter_alone_and_with_others_finds_the_same_as_a_look_at_each_row(database: Database) -> None:
    """Recipients, state and template, in every combination, on the first page and on the next one."""
    everything = await _various(database)
    assert 80 == len(everything)
    recipients = (None, _PEOPLE[:1], _PEOPLE[:2], ("nobody@example.com",), ())
    for keys, state, template in itertools.product(recipients, (None, *State), (None, *_TEMPLATES, "no_such")):
        expected = [
            row
            for row in everything
            if (keys is None or row.recipient in keys)
            and (state is None or row.state == state)
            and (template is None or row.template == template)
        ]
        wanted = {"recipient_keys": keys, "state": state, "template": template}
        first = await _page(database, **wanted, limit=6)
        assert expected[:6] == first, wanted
        if len(expected) > 6:
            assert expected[6:12] == await _page(database, **wanted, before=first[-1].id, limit=6), wanted


@pytest.mark.parametrize(
    "wanted",
    [{}, {"template": "welcome"}, {"state": "queued"}, {"recipient_keys": ("a@example.com", "b@example.com")}],
    ids=str,
)
async def test_paging_shows_each_once_while_others_come(database: Database, wanted: dict[str, object]) -> None:
    """What was there when the first page was asked for is shown once, however much comes between two pages."""
    there = await enqueue_all(database, *(draft(recipient=f"{'ab'[number % 2]}@example.com") for number in range(40)))
    next_millisecond()
    shown: list[uuid.UUID] = []
    while rows := await _page(database, **wanted, before=shown[-1] if shown else None, limit=7):
        shown.extend(row.id for row in rows)
        await enqueue_all(database, *(draft() for _ in range(3)))
    assert sorted(there, reverse=True) == shown


async def test_a_message_that_moves_stays_at_its_place(database: Database) -> None:
    """The order is that of birth: what becomes of a message between two pages changes no page."""
    there = await enqueue_all(database, *(draft() for _ in range(10)))
    first = await _page(database, limit=5)
    await claim_as(database, limit=10)
    rest = await _page(database, before=first[-1].id)
    assert sorted(there, reverse=True) == [row.id for row in first + rest]


async def test_a_page_is_bounded(database: Database) -> None:
    """Whoever asks for more gets MAX_PAGE."""
    await enqueue_all(database, *(draft() for _ in range(MAX_PAGE + 1)))
    assert MAX_PAGE == len(await _page(database, limit=10**6))


async def test_what_a_page_ends_with_may_be_gone(database: Database) -> None:
    """`before` is a place and no row: it holds after the row was deleted, and for an id nobody ever had."""
    await enqueue_all(database, draft())
    assert [] == await _page(database, before=uuid.UUID(int=0))
    assert 1 == len(await _page(database, before=uuid.UUID(int=2**128 - 1)))


async def test_messages_about_an_address_without_an_account_are_found_by_the_address(
    database: Database, flows: Flows
) -> None:
    """Support finds why nothing came, although the row holds only a keyed hash; a neighbour's address finds nothing."""
    await flows.request_reset("stranger@example.com")
    keys = flows.gate.keys.hidden_addresses("stranger@example.com")
    (found,) = await _page(database, recipient_keys=["stranger@example.com", *keys])
    assert ("password_reset", "cancelled", "no_account", None) == (
        found.template,
        found.state,
        found.reason,
        found.recipient,
    )
    others = flows.gate.keys.hidden_addresses("other@example.com")
    assert [] == await _page(database, recipient_keys=["other@example.com", *others])


async def test_one_message_comes_with_its_tries_in_order(database: Database) -> None:
    """Every try is shown, first to last, and an id nobody has shows nothing."""
    (row_id,) = await enqueue_all(database, draft())
    for number in range(3):
        (one,) = await claim_as(database, now_ms=NOW_MS + number)
        verdict = Verdict(state=State.DEFERRED, reason="transient", due_at=NOW_MS + number + 1)
        tried = Try(outcome="transient", reply_code=451, started_at=NOW_MS + number)
        assert await database.write(
            lambda tx, one=one, verdict=verdict, tried=tried: settle(tx, one, verdict, tried, NOW_MS)
        )
    found = await database.read(lambda connection: search.find(connection, row_id))
    assert found is not None
    assert [(1, 1, NOW_MS), (2, 2, NOW_MS + 1), (3, 3, NOW_MS + 2)] == [
        (one.claim_number, one.number, one.started_at) for one in found.attempts
    ]
    assert None is await database.read(lambda connection: search.find(connection, uuid.UUID(int=1)))
