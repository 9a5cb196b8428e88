"""Links that were opened: one fact for each token and kind of opener, and nothing else changes."""

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select

from gatepost.accounts.gate import Gate
from gatepost.accounts.link_opens import MAX_AT_ONCE, LinkOpens, Open, Opener, opens_of, prune_link_opens
from gatepost.accounts.tables import address_changes, link_opens, tokens
from gatepost.accounts.tokens import TEXT_LENGTH, Purpose
from gatepost.database.columns import metadata
from gatepost.database.connection import Database
from gatepost.errors import DatabaseBusy
from gatepost.events import Event, LinkOpened
from gatepost.orders.person import erase
from gatepost.outbox.tables import messages
from gatepost.person.export import messages_after
from gatepost.person.find import NOBODY
from tests.support.changes import NEW_ADDRESS, Changes
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.person import BY, desk_of, whose

DAY_S = 24 * 3600


async def everything_else(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but that of the facts."""
    tables = [table for table in metadata.sorted_tables if table is not link_opens]
    return await database.read(
        lambda connection: {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in tables
        }
    )


async def opens(flows: Flows) -> list[Open]:
    """What is known of the one token there is."""
    (token,) = await flows.tokens()
    return await flows.gate.database.read(lambda connection: opens_of(connection, token["id"]))


async def mailed(flows: Flows) -> str:
    """Sign up, and return the mailed token."""
    await flows.register()
    return (await flows.deliver())["verification"]


async def test_a_link_is_opened_once_by_each_kind_of_opener(
    flows: Flows, clock: MovableClock, heard: list[Event]
) -> None:
    """A scanner first, the person later; what comes again is neither written nor told."""
    token = await mailed(flows)
    noted = LinkOpens(flows.gate)
    for opener in (Opener.SCANNER, Opener.SCANNER, Opener.PERSON, Opener.PERSON, Opener.SCANNER):
        await noted.note(Purpose.VERIFICATION, token, opener, request_id="request-9")
        clock.move(60)
    scanner, person = await opens(flows)
    assert ("scanner", "person") == (scanner.opener, person.opener)
    assert 120_000 <= person.opened_at - scanner.opened_at < 130_000
    told = [event for event in heard if isinstance(event, LinkOpened)]
    assert ["scanner", "person"] == [event.opener for event in told]
    assert {("request-9", "verification")} == {(event.request_id, event.purpose) for event in told}


async def test_opening_a_link_changes_no_other_row(flows: Flows, database: Database) -> None:
    """The token and the account are the same before and after, byte for byte, and the link still works."""
    token = await mailed(flows)
    before = await everything_else(database)
    for opener in (*Opener, *Opener):
        await LinkOpens(flows.gate).note(Purpose.VERIFICATION, token, opener, request_id="r")
    assert before == await everything_else(database)
    await flows.verify(token)


async def test_of_many_at_once_one_is_noted(flows: Flows, heard: list[Event]) -> None:
    """In several processes, which know nothing of each other: the primary key decides."""
    token = await mailed(flows)
    processes = [LinkOpens(flows.gate) for _ in range(8)]
    await asyncio.gather(*(one.note(Purpose.VERIFICATION, token, Opener.PERSON, request_id="r") for one in processes))
    assert 1 == len(await opens(flows))
    assert 1 == sum(isinstance(event, LinkOpened) for event in heard)


async def test_only_a_token_of_ours_leaves_anything(flows: Flows) -> None:
    """Not one of another shape, with another MAC, of another page, unknown, or made with a key that is gone."""
    token = await mailed(flows)
    noted = LinkOpens(flows.gate)
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    for bad in ("", "x", forged, "A" * TEXT_LENGTH, token + "A", "é" * TEXT_LENGTH, "\x00" * TEXT_LENGTH):
        await noted.note(Purpose.VERIFICATION, bad, Opener.PERSON, request_id="r")
    for other in set(Purpose) - {Purpose.VERIFICATION}:
        await noted.note(other, token, Opener.PERSON, request_id="r")
    assert [] == await opens(flows)


async def test_a_token_that_was_used_or_is_late_counts_as_well(flows: Flows, clock: MovableClock) -> None:
    """Who opens a dead link has opened it: that is what support is asked about."""
    token = await mailed(flows)
    await flows.verify(token)
    clock.move(40 * DAY_S)
    await LinkOpens(flows.gate).note(Purpose.VERIFICATION, token, Opener.PERSON, request_id="r")
    assert ["person"] == [one.opener for one in await opens(flows)]


async def test_a_token_without_an_account_is_nobodys(flows: Flows) -> None:
    """Its row is there, and no link was ever mailed for it: nothing made of it is recognised."""
    await flows.request_reset("nobody@example.com")
    (row,) = await flows.tokens()
    guessed = base64.urlsafe_b64encode(row["id"] + bytes(32)).decode()
    await LinkOpens(flows.gate).note(Purpose.PASSWORD_RESET, guessed, Opener.PERSON, request_id="r")
    assert [] == await opens(flows)


class Refusing:
    """A database that takes no write."""

    def __init__(self, database: Database) -> None:
        self.read = database.read
        self.asked = 0

    async def write(self, work: Any) -> Any:
        self.asked += 1
        raise DatabaseBusy("1000 writes wait")


async def test_a_refused_write_is_let_go_and_tried_at_the_next_look(flows: Flows, gate: Gate) -> None:
    """Whoever opened the page notices nothing; nothing is remembered that was not written."""
    token = await mailed(flows)
    refusing = Refusing(gate.database)
    noted = LinkOpens(replace(gate, database=refusing))  # type: ignore[arg-type]
    for _ in range(2):
        await noted.note(Purpose.VERIFICATION, token, Opener.PERSON, request_id="r")
    assert (2, []) == (refusing.asked, await opens(flows))


class Watched:
    """A database that counts what it is asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.write = database.write
        self.reads = 0

    async def read(self, query: Any) -> Any:
        self.reads += 1
        return await self._database.read(query)


async def test_what_was_noted_costs_nothing_again(flows: Flows, gate: Gate) -> None:
    """A scanner that comes back a thousand times asks no database."""
    token = await mailed(flows)
    watched = Watched(gate.database)
    noted = LinkOpens(replace(gate, database=watched))  # type: ignore[arg-type]
    for _ in range(1000):
        await noted.note(Purpose.VERIFICATION, token, Opener.SCANNER, request_id="r")
    assert 1 == watched.reads


class Waiting:
    """A database whose reads wait until they may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = 0

    async def read(self, query: Any) -> Any:
        self.asked += 1
        await self.may.wait()


async def test_a_crowd_of_forged_links_waits_for_nobody(gate: Gate) -> None:
    """At most MAX_AT_ONCE looks are under way; those beyond are let go."""
    waiting = Waiting()
    noted = LinkOpens(replace(gate, database=waiting))  # type: ignore[arg-type]
    forged = [f"{number:0>{TEXT_LENGTH}}" for number in range(100)]
    looks = [
        asyncio.ensure_future(noted.note(Purpose.VERIFICATION, one, Opener.PERSON, request_id="r")) for one in forged
    ]
    await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    waiting.may.set()
    await asyncio.gather(*looks)
    assert MAX_AT_ONCE == waiting.asked


async def test_facts_go_with_the_messages(flows: Flows, clock: MovableClock, database: Database) -> None:
    """After as many days as messages are kept, in bounded batches, and not a day before."""
    token = await mailed(flows)
    await LinkOpens(flows.gate).note(Purpose.VERIFICATION, token, Opener.SCANNER, request_id="r")
    clock.move(DAY_S)
    await LinkOpens(flows.gate).note(Purpose.VERIFICATION, token, Opener.PERSON, request_id="r")

    async def prune() -> int:
        return await database.write(lambda tx: prune_link_opens(tx, clock.now_ms(), kept_days=31))

    clock.move(30 * DAY_S - 60)
    assert 0 == await prune()
    clock.move(120)
    assert 1 == await prune()
    assert ["person"] == [one.opener for one in await opens(flows)]
    clock.move(DAY_S)
    assert 1 == await prune()
    assert [] == await opens(flows)


class Erasing:
    """A database in which every token is erased right after somebody read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.write = database.write

    async def read(self, query: Any) -> Any:
        found = await self._database.read(query)
        await self.write(lambda tx: tx.execute(delete(tokens)).rowcount)
        return found


async def test_an_account_that_is_erased_meanwhile_leaves_no_fact(flows: Flows, gate: Gate) -> None:
    """The fact is written from the token's row: with that gone there is nothing to write."""
    token = await mailed(flows)
    erasing = Erasing(gate.database)
    await LinkOpens(replace(gate, database=erasing)).note(  # type: ignore[arg-type]
        Purpose.VERIFICATION, token, Opener.PERSON, request_id="r"
    )
    assert [] == await gate.database.read(lambda connection: connection.execute(select(link_opens)).all())


async def test_facts_are_erased_with_the_person(flows: Flows, clock: MovableClock, database: Database) -> None:
    """Those of the messages that are there, and of links whose message is gone already; nobody else's."""
    noted = LinkOpens(flows.gate)
    links = [await mailed(flows)]
    clock.move(3600)
    await flows.request_verification()
    links += [(await flows.deliver())["verification"]]
    await flows.register("bo@example.com")
    links += [(await flows.deliver())["verification"]]
    for link in links:
        await noted.note(Purpose.VERIFICATION, link, Opener.PERSON, request_id="r")
    first = base64.urlsafe_b64decode(links[0])[:16]
    await database.write(lambda tx: tx.execute(delete(messages).where(messages.c.token_id == first)).rowcount)
    await erase(desk_of(flows), {"address": ADDRESS}, BY)
    left = await database.read(lambda connection: connection.execute(select(link_opens.c.token_id)).scalars().all())
    assert [base64.urlsafe_b64decode(links[2])[:16]] == [bytes(one) for one in left]


@pytest.mark.parametrize("wish_is_there", [True, False])
async def test_facts_of_links_to_an_address_are_erased_with_it(
    flows: Flows, database: Database, wish_is_there: bool
) -> None:
    """Also where somebody else's account wanted the address, and where the message or the wish is gone already."""
    await flows.registered_and_verified()
    person = Changes(flows)
    confirm, undo = await person.requested(await person.sign_in(), NEW_ADDRESS)
    noted = LinkOpens(flows.gate)
    await noted.note(Purpose.ADDRESS_CHANGE, confirm, Opener.PERSON, request_id="r")
    await noted.note(Purpose.ADDRESS_UNDO, undo, Opener.PERSON, request_id="r")
    gone = [messages, *([] if wish_is_there else [address_changes])]
    await database.write(lambda tx: [tx.execute(delete(table)).rowcount for table in gone])
    await erase(desk_of(flows), {"address": NEW_ADDRESS}, BY)
    left = await database.read(lambda connection: connection.execute(select(link_opens.c.token_id)).scalars().all())
    of_old_address = [] if wish_is_there else [base64.urlsafe_b64decode(undo)[:16]]
    assert of_old_address == [bytes(one) for one in left]


async def test_facts_are_in_what_a_person_is_told(flows: Flows, database: Database) -> None:
    """With the message whose link it was, and without the token's id."""
    token = await mailed(flows)
    await LinkOpens(flows.gate).note(Purpose.VERIFICATION, token, Opener.SCANNER, request_id="r")
    told, _ = await database.read(lambda connection: messages_after(connection, whose(flows), NOBODY))
    opened = {one["template"]: one["opened"] for one in told}
    assert [["opener", "opened_at"]] == [list(one) for one in opened["verification"]]
    assert [] == opened["welcome"]
