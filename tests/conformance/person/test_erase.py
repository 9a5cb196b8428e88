"""One person is erased everywhere: in every table, and on SQLite in every byte of the files."""

import random
import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from gatepost.accounts import erasing
from gatepost.accounts.caps import MOST_A_DAY
from gatepost.audit.tables import audit
from gatepost.audit.trail import Signature
from gatepost.database.connection import Database
from gatepost.errors import DatabaseUnavailable, InvalidInput, NotSignedIn
from gatepost.events import Event, Events, PersonErased
from gatepost.feedback.tables import feedback
from gatepost.mail.draft import Draft
from gatepost.orders.person import erase
from gatepost.outbox.claim import claim
from gatepost.outbox.enqueue import enqueue, new_row
from gatepost.outbox.prune import prune_messages, prune_no_account
from gatepost.outbox.retention import anonymise
from gatepost.outbox.tables import messages
from gatepost.suppression.by_hand import ByHand, Wanted
from gatepost.suppression.check import check
from gatepost.suppression.reason import Reason
from tests.support.changes import NEW_ADDRESS, Changes
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.person import BO, Lived, desk_of, lives, needles
from tests.support.suppressing import keys_and_reasons, suppressed
from tests.support.traces import traces

BY = Signature(actor="command line (uid 1)")
ZOE = "zoe@example.com"


async def _erase(flows: Flows, address: str = ADDRESS, events: Events | None = None) -> dict[str, Any]:
    return await erase(desk_of(flows, events), {"address": address}, BY)


async def _of_bo(flows: Flows, lived: Lived) -> tuple[set[str], list[dict[str, Any]]]:
    # The wish to have Mira's address goes with Mira: it names it.
    wish = [f"address_changes.{name}" for name in ("account_id", "old_email", "old_key")]
    found = await traces(flows.gate.database, [BO, lived.bo.bytes, "bo complained"], besides=wish)
    return found, [row for row in await flows.rows(messages) if row["recipient"] == BO]


async def test_s118_a_person_is_erased_everywhere(flows: Flows, clock: MovableClock) -> None:
    """No column holds address, name, id or anything made of them; nobody else loses anything of theirs."""
    database = flows.gate.database
    lived = await lives(flows, clock)
    of_mira, of_bo = needles(flows, ADDRESS, lived.mira), await _of_bo(flows, lived)
    assert {
        "accounts.email",
        "address_changes.new_email",
        "attempts.reply_text",
        "audit.reason",
        "feedback.detail",
        "feedback.recipient_key",
        "messages.recipient",
        "soft_bounces.address_key",
        "suppressions.address",
        "tokens.address_key",
    } <= await traces(database, of_mira)
    heard: list[Event] = []
    events = Events()
    events.subscribe(heard.append)
    done = await _erase(flows, events=events)
    assert (1, 0, False) == (done["accounts"], done["in_flight"], done["more"])
    assert [NEW_ADDRESS] == done["other_addresses"]
    assert {"audit.subject"} >= await traces(database, of_mira)
    assert of_bo == await _of_bo(flows, lived)
    assert [BO] == [row["email"] for row in await flows.accounts()]
    assert [PersonErased(actor=BY.actor, accounts=1, messages=done["messages"])] == heard
    assert done["messages"] > 5


async def test_s118_who_is_erased_is_not_written_to_all_the_same(flows: Flows, clock: MovableClock) -> None:
    """The suppressions stay, as keyed hashes; a new account with the address meets them."""
    await lives(flows, clock)
    gate = flows.gate
    await _erase(flows)
    hidden = gate.hiding.hide(ADDRESS)
    found = await keys_and_reasons(gate.database)
    assert {"hard_bounce", "operator"} <= {reason for key, reason in found if key == hidden}
    await flows.register(ADDRESS)

    def work(tx: Connection) -> set[Reason]:
        claimed = claim(tx, owner="me", limit=100, now_ms=clock.now_ms())
        return set(
            check(tx, gate.hiding, [one for one in claimed if one.recipient == ADDRESS], clock.now_ms()).values()
        )

    assert {Reason.OPERATOR} == await gate.database.write(work)


async def test_that_somebody_was_erased_is_written_down(flows: Flows, clock: MovableClock) -> None:
    """When and by whom; not who, and not why, which would say it."""
    await lives(flows, clock)
    await erase(desk_of(flows), {"address": ADDRESS}, Signature(actor="command line (uid 7)", reason="mira wrote"))
    deeds = await flows.gate.database.read(lambda c: [dict(row) for row in c.execute(audit.select()).mappings()])
    (deed,) = [one for one in deeds if one["action"] == "erase"]
    assert ("command line (uid 7)", None, None) == (deed["actor"], deed["reason"], deed["result"])


async def test_a_reason_that_names_the_address_goes_whatever_it_is_about(flows: Flows) -> None:
    """Of a suppression that was lifted nobody knows any more whose it was; others keep their words."""
    gate = flows.gate
    by_hand = ByHand(gate.database.write, gate.clock, Events(), gate.hiding)
    for address in (ZOE, "zoe_example@example.com"):
        row = await by_hand.add(Wanted(address), replace(BY, reason=f"{address} asked by phone"))
        await by_hand.lift(row.id, replace(BY, reason=f"<{address.upper()}> asked again"))
    await _erase(flows, ZOE)
    assert set() == await traces(gate.database, [ZOE])
    assert {"audit.reason"} == await traces(gate.database, ["zoe_example@example.com asked by phone"])


async def test_an_address_without_an_account_is_erased(flows: Flows) -> None:
    """A host's own message to it, and what was asked about it while nobody had an account."""
    gate = flows.gate
    draft = Draft(template="invitation", recipient=ZOE, values={"name": "Zoe"})
    await gate.database.write(lambda tx: enqueue(tx, draft, now_ms=gate.clock.now_ms(), domain="gatepost.example").id)
    await flows.request_reset(ZOE)
    await suppressed(gate.database, Reason.COMPLAINT, ZOE, hiding=gate.hiding)
    assert {"messages.recipient", "suppressions.address"} < await traces(gate.database, needles(flows, ZOE, None))
    done = await _erase(flows, ZOE)
    assert (0, 2) == (done["accounts"], done["messages"])
    assert set() == await traces(gate.database, needles(flows, ZOE, None))


async def test_who_is_unknown_is_erased_without_a_fuss(flows: Flows) -> None:
    """To repeat an order does no harm."""
    assert [(0, 0), (0, 0)] == [(one["accounts"], one["messages"]) for one in [await _erase(flows, ZOE) for _ in "12"]]
    with pytest.raises(InvalidInput):
        await _erase(flows, "no address")


async def test_what_a_worker_has_in_hand_is_told_and_goes_the_next_time(flows: Flows, clock: MovableClock) -> None:
    """Until then nobody signs in; everything else is gone already."""
    person = Changes(flows)
    mira = await person.registered()
    await flows.request_reset(ADDRESS)
    await flows.claim()
    done = await _erase(flows)
    assert (0, 1, False) == (done["accounts"], done["in_flight"], done["more"])
    assert ["sending"] == [row["state"] for row in await flows.rows(messages)]
    with pytest.raises(NotSignedIn):
        await person.change_profile(mira, name="Still me")
    settled = update(messages).values(state="failed", reason="refused", owner=None)
    await flows.gate.database.write(lambda tx: tx.execute(settled).rowcount)
    done = await _erase(flows)
    assert (1, 1, 0) == (done["accounts"], done["messages"], done["in_flight"])
    assert set() == await traces(flows.gate.database, needles(flows, ADDRESS, mira.account.id))


async def test_what_others_wanted_goes_also_where_its_mail_is_gone(flows: Flows, clock: MovableClock) -> None:
    """Links and wishes are kept longer than a message may be: they are found by the address itself."""
    lived = await lives(flows, clock)
    await flows.gate.database.write(lambda tx: tx.execute(delete(messages)).rowcount)
    assert {"address_changes.new_key", "tokens.address_key"} <= await traces(flows.gate.database, [ADDRESS])
    await _erase(flows)
    left = await traces(flows.gate.database, needles(flows, ADDRESS, lived.mira))
    assert not {one for one in left if not one.startswith("audit.")}


async def test_one_transaction_deletes_a_bounded_piece(
    flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many messages there are, others write in between."""
    monkeypatch.setattr(erasing, "ROWS_AT_ONCE", 2)
    await flows.registered_and_verified()
    for _ in range(MOST_A_DAY):
        await flows.register(name="Mirabelle")
        await flows.request_reset(ADDRESS)
    total = len(await flows.rows(messages))
    pieces: list[int] = []
    write = flows.gate.database.write

    async def counted(work: Any) -> Any:
        value = await write(work)
        pieces.append(getattr(value, "messages", 0))
        return value

    desk = desk_of(flows)
    done = await erase(type(desk)(**{**vars(desk), "write": counted}), {"address": ADDRESS}, BY)
    assert (1, total) == (done["accounts"], done["messages"])
    assert max(pieces) <= 6 < total  # two of each kind: by the account, to the address, to others it had
    assert [] == await flows.rows(messages)


async def test_files_that_cannot_be_scrubbed_are_told(flows: Flows) -> None:
    """The rows are gone all the same, and the order says what to do."""

    async def full() -> str | None:
        raise DatabaseUnavailable("the disk is full")

    desk = desk_of(flows)
    done = await erase(type(desk)(**{**vars(desk), "scrub": full}), {"address": ZOE}, BY)
    assert "the disk is full" in done["left"]


# The files of SQLite


def _in_files(file: Path, wanted: Iterable[str | bytes]) -> dict[str, list[str]]:
    """Which of these stand in the database's file, its log and its index, in any place."""
    found: dict[str, list[str]] = {}
    for one in sorted(file.parent.glob(f"{file.name}*")):
        content = one.read_bytes().lower()
        raw = (needle.lower().encode() if isinstance(needle, str) else needle for needle in wanted)
        if there := [repr(needle) for needle in raw if needle in content]:
            found[one.name] = there
    return found


async def _busy_history(database: Database, clock: MovableClock) -> None:
    """Thousands of rows come, change and go, so that pages are split, merged, freed and taken again."""
    chance, now_ms = random.Random(118), clock.now_ms()

    def fill(tx: Connection, days_ago: int) -> None:
        at = now_ms - days_ago * 24 * 3600 * 1000
        for number in range(150):
            who = ADDRESS if chance.random() < 0.3 else f"other{chance.randrange(500)}@example.com"
            words = "y" * chance.randrange(400)
            draft = Draft(template="note", recipient=who, values={"name": who.partition("@")[0], "words": words})
            enqueue(tx, draft, now_ms=at + number, domain="gatepost.example", skip="told_today")
            row = new_row(draft, now_ms=at + number, domain="gatepost.example", skip="told_today")
            tx.execute(insert(messages), {**row, "reason": f"because {words}"})

    def change(tx: Connection) -> None:
        for row in tx.execute(messages.select().where(messages.c.template == "note").limit(400)).mappings().all():
            if chance.random() < 0.5:
                some = update(messages).where(messages.c.id == row["id"])
                tx.execute(some.values(template_values=row["template_values"] + " " * chance.randrange(300)))

    for days_ago in (95, 60, 40, 20, 1):
        await database.write(partial(fill, days_ago=days_ago))
        await database.write(change)
        await database.write(lambda tx: prune_messages(tx, now_ms, kept_days=90))
        await database.write(lambda tx: anonymise(tx, now_ms, kept_days=31))
        await database.write(lambda tx: prune_no_account(tx, now_ms))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_s118_no_byte_of_a_person_is_left_in_the_files(
    flows: Flows, clock: MovableClock, sqlite_file: Path
) -> None:
    """After thousands of rows came, changed and went: neither in the file, nor in its log, nor beside it."""
    database = flows.gate.database
    await _busy_history(database, clock)
    lived = await lives(flows, clock)
    await _busy_history(database, clock)
    clock.move(timedelta(days=1).total_seconds())
    of_mira = needles(flows, ADDRESS, lived.mira)
    assert {"gatepost.db-wal"} <= _in_files(sqlite_file, of_mira).keys()
    done = await _erase(flows)
    assert None is done["left"]
    assert {"audit.subject"} >= await traces(database, of_mira)
    # That an operator enabled the account stands in `audit` by the account's id, and leads nowhere.
    assert {} == _in_files(sqlite_file, [one for one in of_mira if one != lived.mira.bytes])
    assert {"gatepost.db"} == _in_files(sqlite_file, [BO]).keys()
    await database.ready()


async def test_a_fact_repeated_after_the_erasure_is_still_known(flows: Flows, clock: MovableClock) -> None:
    """Its row stays, without the person: a provider that posts again brings nothing back."""
    await lives(flows, clock)
    before = {row["event"]: row for row in await _facts(flows)}
    await _erase(flows)
    left = await _facts(flows)
    assert {None} == {row["message"] for row in left}
    assert {row["event"] for row in before.values() if row["message"] is None} == {row["event"] for row in left}


async def _facts(flows: Flows) -> list[dict[str, Any]]:
    return await flows.gate.database.read(lambda c: [dict(row) for row in c.execute(feedback.select()).mappings()])


def test_the_needles_are_many(flows: Flows) -> None:
    """Name and local part, every keyed hash, and the id in each of its forms."""
    assert 5 <= len(needles(flows, ADDRESS, uuid.UUID(int=7)))
