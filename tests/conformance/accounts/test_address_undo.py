"""The way back: whoever reads the old address's mail has the account again, whatever was done with it meanwhile."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import update

from gatepost.accounts.account import Account
from gatepost.accounts.deletion import delete_account
from gatepost.accounts.tables import accounts, address_changes, sessions
from gatepost.database.connection import Database
from gatepost.errors import BadToken, SignInFailed
from gatepost.events import AccountRestored, AddressChangeUndone, Event, SignedOut, TokenRefused
from tests.support.changes import NEW_ADDRESS, NEW_PASSWORD, Changes
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, PASSWORD, Flows
from tests.support.postgresql import deadlocks

DAY_S = 24 * 3600
THIRD_ADDRESS = "eve@example.net"


@pytest.fixture
def person(flows: Flows) -> Changes:
    """A person who may sign in."""
    return Changes(flows)


@pytest.fixture
def everywhere(processes: list[Database], flows: Flows) -> list[Changes]:
    """The same person in four processes."""
    return [Changes(Flows(replace(flows.gate, database=database))) for database in processes]


async def assert_back(person: Changes) -> None:
    """The account has its first address, no password and no session, and its owner can choose a password."""
    (account,) = await person.flows.accounts()
    assert (ADDRESS, ADDRESS, None) == (account["email"], account["address_key"], account["password_hash"])
    assert [] == await person.flows.rows(sessions)
    with pytest.raises(SignInFailed):
        await person.sign_in()
    await person.flows.reset((await person.flows.deliver())["password_reset"], NEW_PASSWORD)
    await person.sign_in(password=NEW_PASSWORD)


async def test_s39_the_old_address_stops_a_change_before_it_counts(person: Changes, heard: list[Event]) -> None:
    """The link to confirm is dead, and whoever knew the password is out."""
    mira = await person.registered()
    await person.sign_in()
    confirm, undo = await person.requested(mira)
    assert ADDRESS == (await person.undo(undo)).email
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    assert [("address_undone", 2)] == [(one.reason, one.count) for one in heard if isinstance(one, SignedOut)]
    assert ["m***@example.com"] == [one.recipient for one in heard if isinstance(one, AddressChangeUndone)]
    await assert_back(person)


async def test_s39_the_old_address_takes_the_account_back_after_it_counted(person: Changes) -> None:
    """Although somebody is signed in with the new one, has another password and asked for a reset there."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    eve = await person.sign_in(NEW_ADDRESS)
    await person.change_password(eve, "a password of Eve's")
    await person.flows.request_reset(NEW_ADDRESS)
    reset = (await person.flows.deliver())["password_reset"]
    await person.undo(undo)
    with pytest.raises(BadToken):
        await person.flows.reset(reset)
    for email, password in ((NEW_ADDRESS, "a password of Eve's"), (ADDRESS, "a password of Eve's")):
        with pytest.raises(SignInFailed):
            await person.sign_in(email, password)
    await assert_back(person)


async def test_the_first_old_address_undoes_two_changes_in_a_row(person: Changes) -> None:
    """Everything the second one brought is dead with it: its sessions, its links, its way back."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    eve = await person.sign_in(NEW_ADDRESS)
    second_confirm, second_undo = await person.requested(eve, THIRD_ADDRESS)
    await person.confirm(second_confirm)
    third = await person.sign_in(THIRD_ADDRESS)
    third_confirm, third_undo = await person.requested(third, "eve@example.org")
    await person.undo(undo)
    for redeem, token in ((person.undo, second_undo), (person.undo, third_undo), (person.confirm, third_confirm)):
        with pytest.raises(BadToken):
            await redeem(token)
    await assert_back(person)
    assert 3 == sum(row["undone_at"] is not None for row in await person.flows.rows(address_changes))


async def test_undoing_a_later_change_leaves_the_earlier_its_way_back(person: Changes) -> None:
    """A thief who changes it twice, and undoes the second, cannot take the way back from the first address."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    eve = await person.sign_in(NEW_ADDRESS)
    _, second_undo = await person.requested(eve, THIRD_ADDRESS)
    await person.undo(second_undo)
    await person.undo(undo)
    await assert_back(person)


async def test_undoing_a_later_change_leaves_the_notice_that_waits(person: Changes) -> None:
    """Nor can they while the mail server is away and the first notice has not gone out."""
    mira = await person.registered()
    await person.request(mira)
    claimed = await person.flows.claim()  # both are in flight, and no server has taken them yet
    assert {"address_change", "address_change_notice"} <= {one.template for one, _ in claimed}
    links = {one.template: values["link"].partition("token=")[2] for one, values in claimed if values}
    await person.confirm(links["address_change"])
    eve = await person.sign_in(NEW_ADDRESS)
    await person.request(eve, THIRD_ADDRESS)
    await person.request(eve, "eve@example.org")
    second = await person.flows.deliver()
    await person.undo(second["address_change_notice"])
    await person.undo(links["address_change_notice"])
    await assert_back(person)


async def test_s34_nothing_a_thief_can_do_voids_the_way_back(person: Changes) -> None:
    """A change of the password, a reset at the new address, another change: each voids every token but this one."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    await person.flows.request_reset(NEW_ADDRESS)
    await person.flows.reset((await person.flows.deliver())["password_reset"], "a password of Eve's")
    eve = await person.sign_in(NEW_ADDRESS, "a password of Eve's")
    await person.change_password(eve, "another password of Eve's", "a password of Eve's")
    await person.request(eve, THIRD_ADDRESS, "another password of Eve's")
    await person.undo(undo)
    await assert_back(person)


@pytest.mark.parametrize("went_out", [True, False])
async def test_s34_a_deletion_leaves_the_old_address_its_way_back(
    person: Changes, heard: list[Event], went_out: bool
) -> None:
    """The account is there again, also where the notice had not gone out when it was deleted."""
    mira = await person.registered()
    await person.request(mira)
    undo = (await person.flows.deliver())["address_change_notice"] if went_out else ""
    await delete_account(person.gate, mira, current_password=PASSWORD, request_id="request")
    await person.undo(undo or (await person.flows.deliver())["address_change_notice"])
    assert [str(mira.account.id)] == [one.account_id for one in heard if isinstance(one, AccountRestored)]
    await assert_back(person)


async def test_no_link_moves_a_disabled_account(person: Changes, heard: list[Event]) -> None:
    """It stays as the operator left it, for either link, although their tokens were still good."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.gate.database.write(lambda tx: tx.execute(update(accounts).values(disabled_at=1)).rowcount)
    before = await person.everything()
    for redeem, token in ((person.confirm, confirm), (person.undo, undo)):
        with pytest.raises(BadToken):
            await redeem(token)
    assert before == await person.everything()
    assert ["disabled", "disabled"] == [one.reason for one in heard if isinstance(one, TokenRefused)]


async def test_the_way_back_is_open_for_seven_days_from_its_mail(person: Changes, clock: MovableClock) -> None:
    """An outage of six days takes nothing from them; after that it is a bad token, and the account stays as it is."""
    mira = await person.registered()
    await person.request(mira)
    clock.move(6 * DAY_S)
    undo = (await person.flows.deliver())["address_change_notice"]
    clock.move(7 * DAY_S - 1)
    await person.undo(undo)
    await assert_back(person)
    again = await person.sign_in(password=NEW_PASSWORD)
    await person.request(again, current_password=NEW_PASSWORD)
    late = (await person.flows.deliver())["address_change_notice"]
    clock.move(7 * DAY_S + 1)
    before = await person.everything()
    with pytest.raises(BadToken):
        await person.undo(late)
    assert before == await person.everything()


async def test_it_works_once(person: Changes, heard: list[Event]) -> None:
    """The second time is a bad token, and takes nothing from the password that was chosen since."""
    mira = await person.registered()
    _, undo = await person.requested(mira)
    await person.undo(undo)
    await assert_back(person)
    with pytest.raises(BadToken):
        await person.undo(undo)
    assert ["used"] == [one.reason for one in heard if isinstance(one, TokenRefused)]
    await person.sign_in(password=NEW_PASSWORD)


async def test_one_of_a_hundred_at_once_counts(everywhere: list[Changes]) -> None:
    """In four processes: one account, one reset message."""
    mira = await everywhere[0].registered()
    _, undo = await everywhere[0].requested(mira)
    results = await asyncio.gather(
        *(everywhere[number % 4].undo(undo) for number in range(100)), return_exceptions=True
    )
    assert Counter({Account: 1, BadToken: 99}) == Counter(map(type, results))
    assert 1 == Counter(await everywhere[0].flows.outbox())["password_reset", "queued", None]
    await assert_back(everywhere[0])


async def test_confirmed_and_undone_at_once_it_is_undone(everywhere: list[Changes], database_url: str) -> None:
    """Whichever is first, beside a worker that mails: the old address has the account, and nobody waits for ever."""
    people = []
    for number in range(10):
        who = await everywhere[0].registered(f"person{number}@example.com")
        people.append((await everywhere[0].requested(who, f"wanted{number}@example.org"), who))
        await everywhere[0].request(who, f"other{number}@example.org")
    results = await asyncio.gather(
        *(everywhere[0].confirm(confirm) for (confirm, _), _ in people),
        everywhere[3].flows.deliver_each(),
        *(everywhere[1].undo(undo) for (_, undo), _ in people),
        *(everywhere[2].change_password(who) for _, who in people),
        return_exceptions=True,
    )
    assert [Account] * 10 == [type(one) for one in results[11:21]]
    kept = [(row["email"], row["password_hash"]) for row in await everywhere[0].flows.accounts()]
    assert [(f"person{number}@example.com", None) for number in range(10)] == sorted(kept)
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)


async def test_s19_an_account_nobody_proved_does_not_keep_the_old_address_from_its_owner(person: Changes) -> None:
    """Registered by the thief as soon as it was free."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    await person.flows.register(password="a password of Eve's", name="Eve")
    await person.undo(undo)
    await assert_back(person)


async def test_an_old_address_that_was_proved_by_another_account_stays_there(
    person: Changes, heard: list[Event]
) -> None:
    """Its owner has an account with it by now; two cannot have it, and nothing is changed."""
    mira = await person.registered()
    confirm, undo = await person.requested(mira)
    await person.confirm(confirm)
    await person.flows.registered_and_verified()
    before = await person.everything()
    with pytest.raises(BadToken):
        await person.undo(undo)
    assert before == await person.everything()
    assert ["address_taken"] == [one.reason for one in heard if isinstance(one, TokenRefused)]


async def test_two_accounts_that_swapped_addresses_do_not_wait_for_each_other(
    everywhere: list[Changes], database_url: str
) -> None:
    """Each would go back to what the other has: neither does, however often both ask at once."""
    person = everywhere[0]

    async def move(email: str, wanted: str) -> str:
        confirm, undo = await person.requested(await person.sign_in(email), wanted)
        await person.confirm(confirm)
        return undo

    for email in (ADDRESS, "ben@example.com"):
        await person.flows.registered_and_verified(email)
    ben = await move("ben@example.com", "ben@example.org")
    mira = await move(ADDRESS, "ben@example.com")
    await move("ben@example.org", ADDRESS)
    before = await person.everything()
    results = await asyncio.gather(
        *(everywhere[number % 4].undo((mira, ben)[number % 2]) for number in range(100)), return_exceptions=True
    )
    assert {BadToken: 100} == Counter(map(type, results))
    assert before == await person.everything()
    await asyncio.gather(*(one.gate.database.close() for one in everywhere))
    if database_url.startswith("postgresql"):
        assert 0 == await deadlocks(database_url)


@pytest.mark.parametrize("token", [None, "", 7, [], {}, "x" * 64, "A" * 64])
async def test_whatever_is_no_token_is_a_bad_token(person: Changes, token: object) -> None:
    """Any JSON value, one error, for both links."""
    for redeem in (person.confirm, person.undo):
        with pytest.raises(BadToken):
            await redeem(token)
