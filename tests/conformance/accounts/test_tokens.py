"""What a mailed token is: nothing the database gives away, for one purpose and one address, once, for a while."""

import ast
import asyncio
import base64
import hashlib
import inspect
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from gatepost.accounts import tokens
from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.tokens import LIFE_S, Purpose
from gatepost.database.connection import Database
from gatepost.errors import BadToken
from gatepost.events import Event, TokenRefused
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.minting import mint, proved
from tests.support.traces import traces

MINUTE_S = 60
HOUR_S = 60 * MINUTE_S
AT_ONCE = 100
LATER_S = 61  # another message of the same kind may be asked for


@pytest.fixture
def everywhere(processes: list[Database], flows: Flows) -> list[Flows]:
    """The flows in four processes; on SQLite one process does four things at once."""
    return [Flows(replace(flows.gate, database=database)) for database in processes]


async def test_s26_a_token_says_nothing_about_whom_it_is_for(flows: Flows) -> None:
    """Its 48 bytes hold neither the account's id nor its address, nor a plain hash of either."""
    account_id = await flows.registered_and_verified()
    about = [account_id.bytes, account_id.hex.encode(), str(account_id).encode(), ADDRESS.encode(), b"mira", b"Mira"]
    hashes = [hashlib.new(name, one).digest()[:8] for name in ("md5", "sha1", "sha256") for one in about]
    for purpose in Purpose:
        first, second = [
            base64.urlsafe_b64decode(await mint(flows.gate, purpose, account_id, ADDRESS)) for _ in range(2)
        ]
        assert [] == [one for one in [*about, *hashes] if one in first]
        assert first[:4] != second[:4]


async def test_s27_a_dump_of_the_database_gives_no_token_that_works(flows: Flows, clock: MovableClock) -> None:
    """No column of any table holds a token, its MAC, a link or the key; with the rows and another key none is made."""
    account_id = await flows.registered_and_verified()
    clock.move(LATER_S)
    await flows.request_reset()
    live = {"reset": (await flows.deliver())["password_reset"]}
    live |= {purpose: await mint(flows.gate, purpose, account_id, ADDRESS) for purpose in Purpose}
    macs = [base64.urlsafe_b64decode(token)[tokens.ID_BYTES :] for token in live.values()]
    texts = [part for token in live.values() for part in (token, token[22:], token[:21])]
    key = "a secret of the tests, long enough to be one"

    assert set() == await traces(
        flows.gate.database, [*texts, *macs, *(mac.hex() for mac in macs), "token=", "http://", key]
    )
    assert {"accounts.email", "accounts.address_key"} <= await traces(flows.gate.database, [ADDRESS])

    other = Keys(["a key that somebody with the dump made up"])
    for row in await flows.tokens():
        if row["account_id"] is None:
            continue
        made = tokens.mailed(
            other, other.signing_id, row["id"], Purpose(row["purpose"]), row["account_id"], row["address_key"]
        )
        with pytest.raises(BadToken):
            await proved(flows.gate, Purpose(row["purpose"]), str(made))


async def test_s28_a_token_is_looked_up_by_its_id_alone(flows: Flows) -> None:
    """The database, whose indexes take their time, never sees the secret half."""
    account_id = await flows.registered_and_verified()
    presented = tokens.parse(await mint(flows.gate, Purpose.VERIFICATION, account_id, ADDRESS))
    asked: list[bytes] = []

    def query(connection: Connection) -> None:
        event.listen(connection, "before_cursor_execute", lambda *about: asked.append(_bytes_of(about[3])))
        tokens.prove(connection, flows.gate.keys, Purpose.VERIFICATION, presented, flows.gate.clock.now_ms())

    await flows.gate.database.read(query)
    assert 1 == len(asked)
    assert presented.id in asked[0]
    assert presented.mac[:8] not in asked[0]


def _bytes_of(parameters: Any) -> bytes:
    values = parameters.values() if isinstance(parameters, dict) else parameters
    return b"|".join(bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in values)


def test_s28_the_mac_is_compared_in_constant_time() -> None:
    """`hmac.compare_digest` and nothing else looks at it: every use of `.mac` in the module is inside that call."""
    tree = ast.parse(inspect.getsource(tokens))
    calls = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("digest")
    ]
    compared = [node for call in calls if "compare_digest" in ast.unparse(call.func) for node in ast.walk(call)]
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "mac"]
    assert [] == [ast.unparse(node) for node in uses if node not in compared]
    assert 1 == len(uses)


@pytest.mark.parametrize("meant", Purpose)
async def test_s29_a_token_is_good_for_nothing_but_its_purpose(flows: Flows, meant: Purpose) -> None:
    """Each of the four kinds, asked for each other purpose, is forged: the MAC is over the purpose."""
    account_id = await flows.registered_and_verified()
    token = await mint(flows.gate, meant, account_id, ADDRESS)
    for purpose in set(Purpose) - {meant}:
        with pytest.raises(BadToken, match="forged"):
            await proved(flows.gate, purpose, token)
    assert account_id == (await proved(flows.gate, meant, token)).account_id


async def verify(flows: Flows, token: str) -> str:
    return type(await flows.verify(token)).__name__


async def reset(flows: Flows, token: str) -> str:
    await flows.reset(token)
    return Account.__name__


@pytest.mark.parametrize(("template", "redeem"), [("verification", verify), ("password_reset", reset)])
async def test_s31_one_of_100_parallel_redemptions_wins(
    everywhere: list[Flows], template: str, redeem: Callable[[Flows, str], Any]
) -> None:
    """In four processes, all with the same good token: one conditional update decides, the others get a bad token."""
    await everywhere[0].register()
    await everywhere[0].request_reset()
    token = (await everywhere[0].deliver())[template]
    results = await asyncio.gather(
        *(redeem(everywhere[number % 4], token) for number in range(AT_ONCE)), return_exceptions=True
    )
    won = Counter(result if isinstance(result, str) else type(result).__name__ for result in results)
    assert Counter({"Account": 1, "BadToken": AT_ONCE - 1}) == won
    used = [row["purpose"] for row in await everywhere[0].tokens() if row["used_at"] is not None]
    assert [template] == used


@pytest.mark.parametrize("purpose", Purpose)
async def test_s32_a_token_ends_at_its_life_and_not_before(flows: Flows, clock: MovableClock, purpose: Purpose) -> None:
    """A second before the end it is good; at the end it is not."""
    account_id = await flows.registered_and_verified()
    token = await mint(flows.gate, purpose, account_id, ADDRESS)
    clock.move(LIFE_S[purpose] - 5)
    await proved(flows.gate, purpose, token)
    clock.move(5)
    with pytest.raises(BadToken, match="expired"):
        await proved(flows.gate, purpose, token)


async def test_s32_a_link_works_until_its_life_ends_and_not_after(flows: Flows, clock: MovableClock) -> None:
    """The whole way, both sides of the boundary: 30 minutes for a reset, 24 hours for a verification."""
    for template, life_s, redeem in (("password_reset", 30 * MINUTE_S, reset), ("verification", 24 * HOUR_S, verify)):
        for late_s, works in ((-5, True), (1, False)):
            address = f"{template}{works}@example.com"
            await flows.register(address)
            clock.move(LATER_S)
            await flows.request_reset(address)
            token = (await flows.deliver())[template]
            clock.move(life_s + late_s)
            if works:
                assert "Account" == await redeem(flows, token)
            else:
                with pytest.raises(BadToken):
                    await redeem(flows, token)


def test_s32_lives_are_short() -> None:
    """A reset at most an hour, a proof of an address at most a day."""
    assert 30 * MINUTE_S == LIFE_S[Purpose.PASSWORD_RESET]
    assert max(LIFE_S[Purpose.VERIFICATION], LIFE_S[Purpose.ADDRESS_CHANGE]) <= 24 * HOUR_S


async def test_s33_half_of_two_tokens_makes_none(flows: Flows, heard: list[Event]) -> None:
    """The id of one account's token before the MAC of another's, or of one's own newer token."""
    mine = await flows.registered_and_verified()
    theirs = await flows.registered_and_verified("bob@example.com")
    for purpose in Purpose:
        first, newer = [base64.urlsafe_b64decode(await mint(flows.gate, purpose, mine, ADDRESS)) for _ in range(2)]
        foreign = base64.urlsafe_b64decode(await mint(flows.gate, purpose, theirs, "bob@example.com"))
        for mixed in (first[:16] + foreign[16:], foreign[:16] + first[16:], first[:16] + newer[16:]):
            with pytest.raises(BadToken, match="forged"):
                await proved(flows.gate, purpose, base64.urlsafe_b64encode(mixed).decode())


async def test_s33_operators_see_why_a_token_was_refused_and_nobody_else(flows: Flows, heard: list[Event]) -> None:
    """Unknown, used and no token at all: three reasons in three events, none with the token."""
    await flows.register()
    token = (await flows.deliver())["verification"]
    await flows.verify(token)
    unknown = base64.urlsafe_b64encode(secrets.token_bytes(48)).decode()
    for bad in (token, unknown, "no token"):
        with pytest.raises(BadToken):
            await flows.verify(bad)
    refused = [one for one in heard if isinstance(one, TokenRefused)]
    assert ["used", "not_found", "shape"] == [one.reason for one in refused]
    assert token not in repr(heard)


async def test_s35_a_new_reset_request_voids_the_older_link(flows: Flows, clock: MovableClock) -> None:
    """After three requests one link works, the newest."""
    await flows.registered_and_verified()
    links = []
    for _ in range(3):
        clock.move(LATER_S)
        await flows.request_reset()
        links.append((await flows.deliver())["password_reset"])
    *older, newest = links
    assert 1 == sum(row["voided_at"] is None for row in await flows.tokens() if row["purpose"] == "password_reset")
    for link in older:
        with pytest.raises(BadToken):
            await flows.reset(link)
    await flows.reset(newest)


async def test_s45_links_outlive_the_change_of_the_key(gate: Gate, clock: MovableClock) -> None:
    """Listed behind the new key the old one still verifies, and the new one signs; once removed it does neither."""
    old, new = "the older key, long enough to be one", "the newer key, long enough to be one"
    before = Flows(replace(gate, keys=Keys([old])))
    during = Flows(replace(gate, keys=Keys([new, old])))
    after = Flows(replace(gate, keys=Keys([new])))
    account_id = await before.registered_and_verified()
    for purpose in Purpose:
        link = await mint(before.gate, purpose, account_id, ADDRESS)
        newer = await mint(during.gate, purpose, account_id, ADDRESS)
        assert account_id == (await proved(during.gate, purpose, link)).account_id
        assert account_id == (await proved(after.gate, purpose, newer)).account_id
        with pytest.raises(BadToken):
            await proved(after.gate, purpose, link)
    clock.move(LATER_S)
    await before.request_reset()
    await during.reset((await before.deliver())["password_reset"])
