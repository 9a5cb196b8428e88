"""Whatever a person types is refused with a reason or stored: no character is a bug of one database."""

import contextlib

import pytest
from sqlalchemy import UniqueConstraint

from gatepost.accounts.tables import accounts
from gatepost.errors import BadToken, InvalidInput
from gatepost.outbox.tables import messages
from tests.support.flows import PASSWORD, Flows

ODD = (
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\ufffe\uffff",
    "\u202e\u0000\ud83d",
    "😀" * 40,
    "'; DROP TABLE accounts; --",
)


async def test_a_name_of_any_characters_is_stored(flows: Flows) -> None:
    """What cannot be printed is left out; the registration counts."""
    for number, odd in enumerate(ODD):
        await flows.register(f"mira{number}@example.com", name=odd)
    names = [account["name"] for account in await flows.accounts()]
    assert len(ODD) == len(names)
    assert [] == [name for name in names if name is not None and not name.isprintable()]


async def test_an_address_of_any_characters_is_stored_or_refused(flows: Flows) -> None:
    """What nobody can write to is the person's mistake, and said to be one, in each of the flows."""
    refused = 0
    for odd in ODD:
        for call in (flows.register, flows.request_verification, flows.request_reset):
            for address in (f"{odd}@example.com", f"mira@{odd}.com"):
                try:
                    await call(address)
                except InvalidInput:
                    refused += 1
    assert refused == 2 * 3 * len(ODD)


async def test_s15_one_mailbox_is_one_account_however_its_address_is_typed(flows: Flows) -> None:
    """The first spelling is kept, the key is what is unique: ASCII case, IDNA and NFC make no other account."""
    for typed in ("Jürgen@Bücher.example", "ju\u0308rgen@xn--bcher-kva.example", "JüRGEN@BÜCHER.EXAMPLE"):
        await flows.register(typed)
    (account,) = await flows.accounts()
    key = "jürgen@xn--bcher-kva.example"
    assert ("Jürgen@Bücher.example", key) == (account["email"], account["address_key"])
    unique = [one for one in accounts.constraints if isinstance(one, UniqueConstraint)]
    assert [["address_key"]] == [[column.name for column in one.columns] for one in unique]


async def test_s16_letters_that_look_alike_are_two_accounts(flows: Flows) -> None:
    """No Unicode folding lets somebody's registration or reset reach another one's account (CVE-2019-19844)."""
    typed = ["mike@example.com", "mıke@example.com", "mike@github.com", "mike@GİTHUB.com"]
    for address in typed:
        await flows.registered_and_verified(address)
    assert sorted(typed) == sorted(account["email"] for account in await flows.accounts())
    await flows.request_reset("mıke@example.com")
    resets = [row["recipient"] for row in await flows.rows(messages) if row["template"] == "password_reset"]
    assert ["mıke@example.com"] == resets


async def test_a_password_of_any_characters_counts_or_is_refused(flows: Flows) -> None:
    """Only its hash is stored; half a character has no bytes to hash."""
    for odd in ODD:
        with contextlib.suppress(InvalidInput):
            await flows.register(password=odd + PASSWORD)
    assert 5 == len(await flows.candidates())


async def test_a_locale_of_any_characters_is_refused(flows: Flows) -> None:
    """A language tag is ASCII."""
    for odd in ODD:
        with pytest.raises(InvalidInput):
            await flows.register(locale=odd)


async def test_a_token_of_any_kind_is_a_bad_token(flows: Flows) -> None:
    """It never reaches the database as text."""
    for odd in (*ODD, "\x00" * 64, "A" * 64, 7, None, ["x"]):
        for redeem in (flows.verify, flows.reset):
            with pytest.raises(BadToken):
                await redeem(odd)
