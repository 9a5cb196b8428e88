"""Another address: it is asked for with the password, counts when it is proved, and says nothing about strangers."""

import asyncio
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, update

from gatepost.accounts.account import Account
from gatepost.accounts.address_change import confirm_address
from gatepost.accounts.client import client_at
from gatepost.accounts.tables import accounts, address_changes, sessions
from gatepost.accounts.wanted_address import KEPT_S, prune_address_changes
from gatepost.database.connection import Database
from gatepost.errors import BadToken, InvalidInput, RateLimited, SignInFailed, TryLater, WrongPassword
from gatepost.events import (
    AccountsErased,
    AddressChanged,
    AddressChangeRequested,
    CurrentPasswordRefused,
    Event,
    SignedOut,
    TokenRefused,
)
from gatepost.outbox.tables import messages
from tests.support.changes import NEW_ADDRESS, Changes, Watched
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.postgresql import deadlocks

DAY_S = 24 * 3600


@pytest.fixture
def person(flows: Flows) -> Changes:
    """A person who may sign in."""
    return Changes(flows)


@pytest.fixture
def everywhere(processes: list[Database], flows: Flows) -> list[Changes]:
    """The same person in four processes."""
    return [Changes(Flows(replace(flows.gate, database=database))) for database in processes]


async def addresses(person: Changes) -> list[tuple[str, str]]:
    """The address of every account, as typed and as it is compared."""
    return sorted((row["email"], row["address_key"]) for row in await person.flows.accounts())


async def test_s39_the_old_address_stays_until_the_new_one_is_proved(person: Changes, heard: list[Event]) -> None:
    """It signs in and gets resets until then; the new one does from then on, and the old one no more."""
    mira = await person.registered()
    confirm, _ = await person.requested(mira, "Mira@Example.ORG")
    assert [(ADDRESS, ADDRESS)] == await addresses(person)
    await person.sign_in()
    account = await person.confirm(confirm)
    assert (mira.account.id, "Mira@Example.ORG") == (account.id, account.email)
    assert [("Mira@Example.ORG", NEW_ADDRESS)] == await addresses(person)
    assert account == (await person.sign_in(NEW_ADDRESS)).account
    with pytest.raises(SignInFailed):
        await person.sign_in()
    assert [("M***@Example.ORG", str(account.id))] == [
        (one.recipient, one.account_id) for one in heard if isinstance(one, AddressChanged)
    ]


async def test_s39_the_new_address_is_asked_and_the_old_one_is_told(person: Changes) -> None:
    """A link each, in the transaction of the request; the new one reads no name, the old one a masked address."""
    mira = await person.registered()
    await person.flows.deliver()
    await person.request(mira)
    told = {row["template"]: row for row in await person.flows.rows(messages) if row["state"] == "queued"}
    assert {"address_change": NEW_ADDRESS, "address_change_notice": ADDRESS} == {
        template: row["recipient"] for template, row in told.items()
    }
    values = {template: json.loads(row["template_values"]) for template, row in told.items()}
    assert {"name": "", "where": "203.0.113.0/24"} == values["address_change"]
    assert {"name": "Mira", "where": "203.0.113.0/24", "new_address": "m***@example.org"} == values[
        "address_change_notice"
    ]


async def test_s39_a_request_needs_the_current_password(person: Changes, heard: list[Event]) -> None:
    """With another one nothing is written and nobody is written to."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(WrongPassword):
        await person.request(mira, current_password="a wrong password")
    assert before == await person.everything()
    assert 1 == sum(isinstance(one, CurrentPasswordRefused) for one in heard)


@pytest.mark.parametrize(
    ("email", "code"), [("no address", "invalid_address"), (ADDRESS, "unchanged"), (ADDRESS.upper(), "unchanged")]
)
async def test_what_is_no_other_address_is_refused(person: Changes, email: str, code: str) -> None:
    """Nothing is written."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(InvalidInput) as refused:
        await person.request(mira, email)
    assert [("email", code)] == [(one.field, one.code) for one in refused.value.errors]
    assert before == await person.everything()


async def test_s34_the_proof_ends_every_session_and_voids_every_token(person: Changes, heard: list[Event]) -> None:
    """The reset link that waits at the old address too; only the way to undo it stays."""
    mira = await person.registered()
    await person.sign_in()
    await person.flows.request_reset()
    reset = (await person.flows.deliver())["password_reset"]
    confirm, _ = await person.requested(mira)
    await person.confirm(confirm)
    assert [] == await person.flows.rows(sessions)
    assert [("address_changed", 2)] == [(one.reason, one.count) for one in heard if isinstance(one, SignedOut)]
    with pytest.raises(BadToken):
        await person.flows.reset(reset)
    still_open = [row["purpose"] for row in await person.flows.tokens() if not (row["used_at"] or row["voided_at"])]
    assert ["address_undo"] == still_open


async def test_s30_a_link_of_the_former_address_proves_nothing(person: Changes) -> None:
    """Bound to the account and to the address it was mailed to: neither of them alone is enough."""
    mira = await person.registered()
    await person.flows.request_reset()
    reset = (await person.flows.deliver())["password_reset"]
    confirm, _ = await person.requested(mira)
    await person.flows.change_address("somebody@example.com")
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    with pytest.raises(BadToken):
        await person.flows.reset(reset)


async def test_only_the_newest_link_confirms(person: Changes) -> None:
    """A newer request voids the older one's, also to the same address."""
    mira = await person.registered()
    older, _ = await person.requested(mira)
    newer, _ = await person.requested(mira)
    newest, _ = await person.requested(mira, "mira@example.net")
    for token in (older, newer):
        with pytest.raises(BadToken):
            await person.confirm(token)
    assert "mira@example.net" == (await person.confirm(newest)).email


async def test_a_request_before_the_mail_of_the_older_one_went_out_cancels_it(person: Changes) -> None:
    """Its link would be dead; the notice of each goes out."""
    mira = await person.registered()
    await person.request(mira)
    await person.request(mira, "mira@example.net")
    outbox = Counter(await person.flows.outbox())
    assert 1 == outbox["address_change", "cancelled", "superseded"]
    assert 1 == outbox["address_change", "queued", None]
    assert 2 == outbox["address_change_notice", "queued", None]


@pytest.mark.parametrize("wrong", ["verification", "password_reset", "address_change_notice"])
async def test_a_token_for_something_else_confirms_nothing(person: Changes, wrong: str, heard: list[Event]) -> None:
    """A token is good for its purpose alone; the one to confirm is good for nothing else either."""
    await person.flows.register("ben@example.com")
    mailed = await person.flows.deliver()
    mira = await person.registered()
    await person.flows.request_reset()
    await person.request(mira)
    mailed |= await person.flows.deliver()
    with pytest.raises(BadToken):
        await person.confirm(mailed[wrong])
    for redeem in (person.undo, person.flows.verify, person.flows.reset):
        with pytest.raises(BadToken):
            await redeem(mailed["address_change"])
    assert ["forged"] * 4 == [one.reason for one in heard if isinstance(one, TokenRefused)]
    await person.confirm(mailed["address_change"])


async def test_a_link_works_once_and_for_a_day(person: Changes, clock: MovableClock) -> None:
    """Counted from when its mail goes out."""
    mira = await person.registered()
    await person.request(mira)
    clock.move(40 * 3600)
    confirm = (await person.flows.deliver())["address_change"]
    clock.move(DAY_S - 1)
    await person.confirm(confirm)
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    again = await person.sign_in(NEW_ADDRESS)
    late, _ = await person.requested(again, ADDRESS)
    clock.move(DAY_S + 1)
    with pytest.raises(BadToken):
        await person.confirm(late)


async def test_one_of_a_hundred_confirmations_at_once_counts(everywhere: list[Changes]) -> None:
    """In four processes; the others have a bad token."""
    mira = await everywhere[0].registered()
    confirm, _ = await everywhere[0].requested(mira)
    results = await asyncio.gather(
        *(everywhere[number % 4].confirm(confirm) for number in range(100)), return_exceptions=True
    )
    assert Counter({Account: 1, BadToken: 99}) == Counter(map(type, results))
    assert [(NEW_ADDRESS, NEW_ADDRESS)] == await addresses(everywhere[0])


async def test_of_two_accounts_that_prove_one_address_at_once_one_has_it(
    everywhere: list[Changes], database_url: str
) -> None:
    """Ten pairs: the unique index decides, whoever looked before, and nobody waits for ever."""
    person = everywhere[0]
    tokens = []
    for number in range(20):
        who = await person.registered(f"person{number}@example.com")
        confirm, _ = await person.requested(who, f"wanted{number // 2}@example.org")
        tokens.append(confirm)
    results = await asyncio.gather(
        *(everywhere[number % 4].confirm(token) for number, token in enumerate(tokens)), return_exceptions=True
    )
    pairs = [Counter(map(type, results[number : number + 2])) for number in range(0, 20, 2)]
    assert [Counter({Account: 1, BadToken: 1})] * 10 == pairs
    assert {f"wanted{number}@example.org" for number in range(10)} < {key for _, key in await addresses(person)}
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)


async def test_two_accounts_cannot_get_each_others_address(person: Changes) -> None:
    """Each is taken as long as the other has it."""
    mira, ben = await person.registered(), await person.registered("ben@example.com")
    await person.request(mira, "ben@example.com")
    await person.request(ben, ADDRESS)
    assert "address_change" not in await person.flows.deliver()


async def test_s19_an_account_nobody_proved_does_not_keep_an_address(person: Changes, heard: list[Event]) -> None:
    """Registered by a stranger before or after the request: whoever proves the address has it, and that one is gone."""
    await person.flows.register(NEW_ADDRESS, password="the stranger's password", name="Stranger")
    mira = await person.registered()
    confirm, _ = await person.requested(mira)
    await person.flows.register(NEW_ADDRESS, password="the stranger's second password")
    await person.confirm(confirm)
    assert [(NEW_ADDRESS, NEW_ADDRESS)] == await addresses(person)
    assert [] == await person.flows.candidates()
    assert [("address_proved", 1)] == [(one.reason, one.count) for one in heard if isinstance(one, AccountsErased)]
    with pytest.raises(SignInFailed):
        await person.sign_in(NEW_ADDRESS, "the stranger's password")


async def test_registrations_while_an_address_is_proved_neither_get_it_nor_break_it(
    everywhere: list[Changes], database_url: str
) -> None:
    """The proof wins or may be repeated; no account is left that nobody proved beside the one that did."""
    person = everywhere[0]
    mira = await person.registered()
    confirm, _ = await person.requested(mira)
    strangers = [everywhere[number % 4].flows.register(NEW_ADDRESS) for number in range(20)]
    results = await asyncio.gather(
        *strangers[:10], everywhere[1].confirm(confirm), *strangers[10:], return_exceptions=True
    )
    assert {Account, type(None)} | {TryLater} >= set(map(type, results))
    if isinstance(results[10], TryLater):
        await person.confirm(confirm)
    assert [(NEW_ADDRESS, NEW_ADDRESS)] == await addresses(person)
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)


@pytest.mark.parametrize("database_kind", ["postgresql"])  # on SQLite the one would begin after the other's end
async def test_an_account_that_is_proved_at_this_moment_is_not_erased(everywhere: list[Changes]) -> None:
    """Its proof is under way when it is looked at: the address is waited for, and looked at once more."""
    person, other = everywhere[:2]
    await person.flows.register(NEW_ADDRESS)
    mira = await person.registered()
    confirm, _ = await person.requested(mira)
    began = asyncio.Event()

    def prove_slowly(tx: Connection) -> None:
        tx.execute(update(accounts).where(accounts.c.address_key == NEW_ADDRESS).values(verified_at=1))
        began.set()
        tx.exec_driver_sql("SELECT pg_sleep(0.5)")

    proof = asyncio.create_task(other.gate.database.write(prove_slowly))
    await began.wait()
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    await proof
    assert [(ADDRESS, ADDRESS), (NEW_ADDRESS, NEW_ADDRESS)] == await addresses(person)


async def test_proved_for_two_accounts_at_once_an_address_is_either_ones(
    everywhere: list[Changes], database_url: str
) -> None:
    """One verifies the account that was registered with it, one moves to it: ten times exactly one succeeds."""
    person = everywhere[0]
    links = []
    for number in range(10):
        who = await person.registered(f"person{number}@example.com")
        await person.flows.register(f"wanted{number}@example.org")
        verification = (await person.flows.deliver())["verification"]
        confirm, _ = await person.requested(who, f"wanted{number}@example.org")
        links.append((verification, confirm))
    results = await asyncio.gather(
        *(everywhere[1].flows.verify(verification) for verification, _ in links),
        *(everywhere[2].confirm(confirm) for _, confirm in links),
        return_exceptions=True,
    )
    pairs = [Counter(map(type, results[number::10])) for number in range(10)]
    assert [Counter({Account: 1, BadToken: 1})] * 10 == pairs
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)


async def test_an_address_that_was_proved_meanwhile_is_a_bad_token(person: Changes, heard: list[Event]) -> None:
    """The owner of the mailbox has an account of their own by now; nothing is changed, and the link is not used up."""
    mira = await person.registered()
    confirm, _ = await person.requested(mira)
    await person.flows.registered_and_verified(NEW_ADDRESS)
    before = await person.everything()
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    assert before == await person.everything()
    assert ["address_taken"] == [one.reason for one in heard if isinstance(one, TokenRefused)]


async def shapes(person: Changes, before: dict[str, list[Any]]) -> dict[str, int]:
    """How many rows of each table there are more than before."""
    now = await person.everything()
    return {table: len(rows) - len(before[table]) for table, rows in now.items() if rows != before[table]}


async def test_a_request_does_not_tell_whether_the_new_address_has_an_account(
    person: Changes, heard: list[Event]
) -> None:
    """The same answer, statements and rows; the message to a proved one is born cancelled, and operators see why."""
    await person.flows.registered_and_verified("taken@example.org")
    await person.flows.register("waiting@example.org")
    mira = await person.registered()
    await person.request(mira, "first@example.org")
    database = Watched(person.gate.database)
    watched = Changes(Flows(replace(person.gate, database=database)))
    seen = []
    for email in ("free@example.org", "taken@example.org", "waiting@example.org"):
        before = await person.everything()
        database.statements.clear()
        assert None is await watched.request(mira, email)
        seen.append((list(database.statements), await shapes(person, before)))
    assert seen[0][0]
    assert seen[0] == seen[1] == seen[2]
    assert ["queued", "queued", "address_taken", "queued"] == [
        one.outcome for one in heard if isinstance(one, AddressChangeRequested)
    ]
    assert ("address_change", "cancelled", "address_taken") in await person.flows.outbox()
    mailed = [claimed.recipient for claimed, _ in await person.flows.deliver_each()]
    assert "taken@example.org" not in mailed
    assert 4 == mailed.count(ADDRESS)  # each has its notice


async def test_nobody_is_written_to_again_and_again_by_a_stranger_with_an_account(
    person: Changes, clock: MovableClock
) -> None:
    """The mailbox of the new address has its cap, whoever asks; the notices to the own address stand outside of it."""
    people = [await person.registered(f"person{number}@example.com") for number in range(3)]
    for number in range(12):
        await person.request(people[number % 3], f"victim+{number}@example.org")
        await person.flows.deliver()
    outbox = Counter(await person.flows.outbox())
    assert (8, 4) == (outbox["address_change", "accepted", None], outbox["address_change", "cancelled", "cap"])
    assert 12 == outbox["address_change_notice", "accepted", None]


async def test_an_account_has_few_strangers_written_to_in_a_day(person: Changes, clock: MovableClock) -> None:
    """Each with another mailbox; the answer is the same, and on the next day it is heard again."""
    mira = await person.registered()
    for number in range(7):
        clock.move(61)
        await person.request(mira, f"victim{number}@example.org")
        await person.flows.deliver()
    outbox = Counter(await person.flows.outbox())
    assert (5, 2) == (outbox["address_change", "accepted", None], outbox["address_change", "cancelled", "cap"])
    clock.move(DAY_S)
    assert "mira@example.net" == (await person.confirm((await person.requested(mira, "mira@example.net"))[0])).email


async def test_a_client_that_tries_token_after_token_is_limited(person: Changes) -> None:
    """As for every mailed token."""
    client = client_at(None)
    for _ in range(100):
        with pytest.raises(BadToken):
            await confirm_address(person.gate, token="A" * 64, request_id="request", client=client)
    with pytest.raises(RateLimited):
        await confirm_address(person.gate, token="A" * 64, request_id="request", client=client)


async def test_old_wishes_are_forgotten(person: Changes, clock: MovableClock) -> None:
    """They hold addresses; a month after, no link of theirs can work."""
    mira = await person.registered()
    await person.request(mira)
    for moved_s, kept in ((KEPT_S - 60, 1), (120, 0)):
        clock.move(moved_s)
        now_ms = clock.now_ms()
        await person.gate.database.write(lambda tx, now_ms=now_ms: prune_address_changes(tx, now_ms))
        assert kept == len(await person.flows.rows(address_changes))
