"""What a stranger can have sent to one mailbox is capped, however many strangers there are; nobody learns of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from sqlalchemy import update

from gatepost.accounts.account import Account
from gatepost.accounts.caps import (
    MOST_A_DAY,
    MOST_OF_ONE_CLIENT_A_DAY,
    MOST_OF_ONE_KIND_AN_HOUR,
    TEMPLATES,
    ask,
)
from gatepost.accounts.gcra import prune_limits
from gatepost.accounts.tables import accounts, limits
from gatepost.errors import BadToken, SignInFailed
from gatepost.events import AccountRestored, Event, SignedOut
from gatepost.outbox.tables import messages
from tests.support.clock import StillClock
from tests.support.crowd import client_number
from tests.support.flows import ADDRESS, Flows

HOUR_S, DAY_S = 3600, 24 * 3600
WAVES, EACH = 100, 10  # a thousand requests


@pytest.fixture
def clock() -> StillClock:
    """Time passes when a test says so."""
    return StillClock()


async def _out(flows: Flows, since_ms: int = 0) -> list[str]:
    """The templates of all messages to anybody that were meant to go out."""
    rows = await flows.rows(messages)
    return [row["template"] for row in rows if row["state"] != "cancelled" and row["created_at"] > since_ms]


async def _once_each(flows: Flows, clock: StillClock, count: int, ask: Callable[[int], Awaitable[object]]) -> int:
    """Ask so often, an hour and a bit apart, delivering what is due; returns how many messages that made."""
    before = len(await _out(flows))
    for number in range(count):
        await ask(number)
        await flows.deliver()
        clock.move(HOUR_S + 60)
    return len(await _out(flows)) - before


@pytest.mark.parametrize("verified", [False, True])
async def test_s73_a_thousand_requests_from_a_thousand_networks_make_at_most_eight_mails_a_day(
    flows: Flows, clock: StillClock, *, verified: bool
) -> None:
    """Of every kind a stranger has, all day long; meanwhile somebody from elsewhere signs up and gets the mail."""
    if verified:
        await flows.registered_and_verified()
        await flows.deliver()
        clock.move(2 * DAY_S)
    began_ms = flows.gate.clock.now_ms() - 1

    async def one(number: int) -> None:
        client = client_number(number)
        match number % 4:
            case 0:
                await flows.register(client=client)
            case 1:
                await flows.request_verification(client=client)
            case 2:
                await flows.request_reset(client=client)
            case _:
                with pytest.raises(SignInFailed):
                    await flows.sign_in(password="a guess", client=client)

    for wave in range(WAVES):
        await asyncio.gather(*(one(wave * EACH + number) for number in range(EACH)))
        await flows.deliver()
        clock.move(DAY_S / WAVES)
    assert 3 <= len(await _out(flows, began_ms)) <= MOST_A_DAY
    await flows.register("honest@example.com", client=client_number(5000))
    assert ["verification", "welcome"] == sorted((await _out(flows))[-2:])  # of one moment, in either order


async def test_s73_three_of_one_kind_in_an_hour(flows: Flows, clock: StillClock) -> None:
    """The fourth is withheld with the reason, its token is void, and in the next hour it passes again."""
    await flows.registered_and_verified()
    for number in range(MOST_OF_ONE_KIND_AN_HOUR + 1):
        await flows.request_reset(client=client_number(number))
        await flows.deliver()
        clock.move(120)
    resets = [row[1:] for row in await flows.outbox() if row[0] == "password_reset"]
    assert Counter({("accepted", None): 3, ("cancelled", "cap"): 1}) == Counter(resets)
    (withheld,) = [row["token_id"] for row in await flows.rows(messages) if row["reason"] == "cap"]
    assert [True] == [row["voided_at"] is not None for row in await flows.tokens() if row["id"] == withheld]
    clock.move(HOUR_S)
    await flows.request_reset(client=client_number(9))
    assert ("password_reset", "queued", None) in await flows.outbox()


async def test_s73_one_client_gets_five_of_the_eight(flows: Flows, clock: StillClock) -> None:
    """The others stay for the owner, who asks from elsewhere; the day after, everything begins anew."""
    await flows.registered_and_verified()
    clock.move(DAY_S)
    stranger, owner = client_number(1), client_number(2)
    assert 5 == await _once_each(flows, clock, 7, lambda n: flows.request_reset(client=stranger))
    assert 3 == await _once_each(flows, clock, 4, lambda n: flows.request_reset(client=owner))
    clock.move(DAY_S)
    assert 1 == await _once_each(flows, clock, 1, lambda n: flows.request_reset(client=stranger))
    assert (5, 8) == (MOST_OF_ONE_CLIENT_A_DAY, MOST_A_DAY)


async def test_s73_aliases_share_one_mailbox(flows: Flows) -> None:
    """Sixty accounts for one mailbox, from sixty networks: what all of them together bring is what one may."""
    for number in range(30):
        await flows.register(f"mira+{number}@example.com", client=client_number(number))
        await flows.register(f"{'mira'[: number % 4]}.{'mira'[number % 4 :]}x@gmail.com".lstrip("."), client=None)
    assert {"verification": 4, "welcome": 4} == Counter(
        row["template"]
        for row in await flows.rows(messages)
        if row["state"] != "cancelled" and row["recipient"].endswith("@example.com")
    )
    assert 8 >= sum(
        row["state"] != "cancelled" and row["recipient"].endswith("@gmail.com") for row in await flows.rows(messages)
    )


async def test_s73_an_account_that_came_and_went_brings_no_more(flows: Flows, clock: StillClock) -> None:
    """The mailbox is remembered by a keyed hash for a day, whatever became of the account."""
    for number in range(6):
        await flows.register(client=client_number(number))
        await flows.gate.database.write(lambda tx: tx.execute(messages.delete()).rowcount)
        await flows.gate.database.write(lambda tx: tx.execute(accounts.delete()).rowcount)
    await flows.register(client=client_number(7))
    assert [("verification", "cancelled", "cap"), ("welcome", "cancelled", "cap")] == await flows.outbox()
    clock.move(DAY_S)
    assert 1 == await flows.gate.database.write(lambda tx: min(1, prune_limits(tx, flows.gate.clock.now_ms())))
    await flows.request_verification()
    assert ("verification", "queued", None) in await flows.outbox()


async def test_s73_a_notice_of_what_the_owner_did_always_goes_out(flows: Flows, clock: StillClock) -> None:
    """Caps stop what strangers cause; the notice of a reset comes after any number of mails."""
    await flows.registered_and_verified()
    clock.move(2 * DAY_S)
    links = []
    for number in range(10):
        await flows.request_reset(client=client_number(number))
        links += (await flows.deliver()).values()
        clock.move(100)
    assert 3 == len(links)
    await flows.reset(links[-1])
    assert ("password_changed", "queued", None) in await flows.outbox()


async def test_s23_a_withheld_mail_writes_what_a_granted_one_writes(flows: Flows, clock: StillClock) -> None:
    """Known, capped or unknown: one message, one token and one row of limits each."""
    await flows.registered_and_verified()
    for number in range(MOST_OF_ONE_KIND_AN_HOUR):
        await flows.request_reset(client=client_number(number))
        await flows.deliver()
        clock.move(120)

    async def count() -> tuple[int, int]:
        return len(await flows.rows(messages)), len(await flows.tokens())

    for number, email in enumerate((ADDRESS, "nobody@example.com", "other@example.com")):
        before = await count()
        await flows.request_reset(email, client=client_number(100 + number))
        after = await count()
        assert (1, 1) == (after[0] - before[0], after[1] - before[1])
    kept = await flows.gate.database.read(lambda connection: connection.execute(limits.select()).scalars().all())
    # Of each client one; of the mailbox one, and one in its place where nothing went out: of her, and of two nobodies.
    assert 6 + 1 + 3 == len(kept)


async def test_s24_an_existing_owner_is_told_once_a_day_by_any_number_of_strangers(
    flows: Flows, clock: StillClock
) -> None:
    """Two days of registrations with a taken address: two mails, and no verification."""
    await flows.registered_and_verified()
    clock.move(2 * DAY_S)
    began_ms = flows.gate.clock.now_ms() - 1
    for number in range(40):
        await flows.register(client=client_number(number))
        await flows.deliver()
        clock.move(2 * DAY_S / 40)
    assert ["account_exists"] * 2 == await _out(flows, began_ms)


async def test_s67_the_network_stands_in_the_row_and_the_client_as_a_keyed_hash(flows: Flows) -> None:
    """And the network, roughly, among the values: the mail says it."""
    await flows.register(client=client_number(7))
    for row in await flows.rows(messages):
        assert (16, True) == (len(row["client"]), '"where":"10.0.0.0/24"' in row["template_values"])
        assert "10.0.0.7" not in str(row)


async def test_with_limits_off_nothing_is_capped(flows: Flows, clock: StillClock) -> None:
    """RATE_LIMITS=off, for development: only one at a time remains."""
    off = Flows(replace(flows.gate, limited=False))
    await off.registered_and_verified()
    assert 12 == await _once_each(off, clock, 12, lambda n: off.request_reset(client=client_number(1)))
    assert [] == await off.gate.database.read(lambda connection: connection.execute(limits.select()).scalars().all())


async def test_a_clock_set_back_withholds_nothing_for_long(flows: Flows, clock: StillClock) -> None:
    """Messages from a future that did not come are not counted; the mailbox may get one when a new one would."""
    await flows.registered_and_verified()
    for number in range(3):
        await flows.request_reset(client=client_number(number))
        await flows.deliver()
        clock.move(120)
    clock.set(-30 * DAY_S)
    await flows.request_reset(client=client_number(4))
    assert ("password_reset", "cancelled", "cap") in await flows.outbox()
    clock.move(3 * HOUR_S + 1)
    await flows.request_reset(client=client_number(4))
    assert ("password_reset", "queued", None) in await flows.outbox()


async def test_mail_to_an_address_that_is_nobodys_yet_counts_for_its_mailbox(flows: Flows) -> None:
    """Whoever is signed in cannot have strangers written to without end."""
    gate = flows.gate

    async def one(number: int) -> str | None:
        client, now_ms = client_number(number), gate.clock.now_ms()
        granted = await gate.database.write(
            lambda tx: ask(
                tx, gate, None, {"address_change": None}, address_key="a@b.example", client=client, now_ms=now_ms
            )
        )
        return granted["address_change"]

    assert [None] * MOST_A_DAY + ["cap"] == [await one(number) for number in range(MOST_A_DAY + 1)]


@pytest.mark.parametrize("verified", [False, True])
async def test_nothing_is_mailed_to_the_owner_of_a_disabled_account(flows: Flows, *, verified: bool) -> None:
    """Whatever a stranger asks for; the answer is the same, and a link from before is bad."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    if verified:
        await flows.verify(token)
        await flows.request_reset()
        token = (await flows.deliver())["password_reset"]
    await flows.gate.database.write(lambda tx: tx.execute(update(accounts).values(disabled_at=1)).rowcount)
    before = await _out(flows)
    await flows.register()
    await flows.request_reset()
    await flows.request_verification()
    assert before == await _out(flows)
    reasons = Counter(row[2] for row in await flows.outbox() if row[2])
    assert {"disabled": 3, "already_welcomed": 1} == reasons
    with pytest.raises(BadToken, match="disabled"):
        await (flows.reset(token) if verified else flows.verify(token))


async def test_a_reset_brings_a_deleted_account_back(flows: Flows, heard: list[Event]) -> None:
    """Its owner registers again, is told of the account, resets the password and is in; all sessions ended."""
    account_id = await flows.registered_and_verified()
    await flows.sign_in()
    await flows.gate.database.write(lambda tx: tx.execute(update(accounts).values(deleted_at=1)).rowcount)
    await flows.register()
    assert "account_exists" in {template for template, state, _ in await flows.outbox() if state == "queued"}
    await flows.request_reset()
    await flows.reset((await flows.deliver())["password_reset"], client=client_number(1))
    (account,) = await flows.accounts()
    assert (account_id, None) == (account["id"], account["deleted_at"])
    told = [(type(event).__name__) for event in heard if isinstance(event, AccountRestored | SignedOut)]
    assert ["AccountRestored", "SignedOut"] == told
    assert isinstance((await flows.sign_in(password="another good password")).account, Account)


def test_every_capped_template_is_one_of_ours() -> None:
    """The four a stranger can cause."""
    assert ("account_exists", "password_reset", "verification", "welcome") == TEMPLATES
