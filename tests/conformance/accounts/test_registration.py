"""Registration: one transaction, the same answer and rows for everybody, the right mail to the right person."""

import json
from collections import Counter
from typing import Any

import pytest

from gatepost.accounts.account import Account
from gatepost.errors import AddressTaken, InvalidInput
from gatepost.events import Event, RegistrationReceived
from gatepost.outbox.tables import messages
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, PASSWORD, Flows

DAY_S = 24 * 3600


async def test_a_registration_promises_a_verification_and_a_welcome(flows: Flows) -> None:
    """Account, candidate, token and both messages stand in the database when register returns."""
    assert None is await flows.register()
    assert [("verification", "queued", None), ("welcome", "queued", None)] == await flows.outbox()
    (account,) = await flows.accounts()
    assert (ADDRESS, "Mira", "en", None, None) == tuple(
        account[name] for name in ("email", "name", "locale", "verified_at", "password_hash")
    )
    assert (1, 1) == (len(await flows.candidates()), len(await flows.tokens()))


async def test_the_stored_password_is_an_argon2id_hash(flows: Flows) -> None:
    """Nothing else about the password is kept."""
    await flows.register()
    (candidate,) = await flows.candidates()
    assert candidate["password_hash"].startswith("$argon2id$")


@pytest.mark.parametrize(("welcome", "templates"), [("at_verification", {"verification"}), ("off", {"verification"})])
async def test_the_welcome_goes_out_when_the_setting_says(gate: Any, welcome: str, templates: set[str]) -> None:
    """With `at_verification` and `off` a registration writes no welcome row at all."""
    flows = Flows(type(gate)(**{**gate.__dict__, "welcome": welcome}))
    await flows.register()
    assert templates == {template for template, _, _ in await flows.outbox()}


async def test_s24_the_owner_of_a_taken_address_is_told_once_a_day(flows: Flows, clock: MovableClock) -> None:
    """The second and third attempt of one day write rows that never go out; the next day's goes out again."""
    await flows.registered_and_verified()
    for _ in range(3):
        await flows.register(name="Somebody Else")
    told = [row for row in await flows.outbox() if row[0] == "account_exists"]
    assert Counter({("queued", None): 1, ("cancelled", "told_today"): 2}) == Counter(row[1:] for row in told)
    await flows.deliver()
    clock.move(DAY_S)
    await flows.register()
    assert 1 == sum(row == ("account_exists", "queued", None) for row in await flows.outbox())


async def test_a_taken_address_never_causes_a_verification_or_welcome(flows: Flows) -> None:
    """Only the first registration's own messages ever went out."""
    await flows.registered_and_verified()
    for _ in range(5):
        await flows.register()
    out = Counter(template for template, state, _ in await flows.outbox() if state != "cancelled")
    assert {"verification": 1, "welcome": 1, "account_exists": 1} == out


async def test_s19_a_strangers_password_never_reaches_a_verified_account(flows: Flows) -> None:
    """Registering a taken address keeps no password, and changes neither name nor hash of the account."""
    await flows.registered_and_verified()
    (before,) = await flows.accounts()
    await flows.register(password="a stranger's password", name="Stranger")
    (after,) = await flows.accounts()
    assert before | {"registrations": 2} == after
    (closed,) = await flows.candidates()
    assert (None, None) == (closed["password_hash"], closed["name"])


async def test_an_address_that_waits_gets_no_second_verification_while_one_is_under_way(
    flows: Flows, clock: MovableClock
) -> None:
    """Not while the first is unaccepted, however old it is."""
    await flows.register()
    clock.move(3600)
    await flows.register()
    states = Counter(row[1:] for row in await flows.outbox() if row[0] == "verification")
    assert Counter({("queued", None): 1, ("cancelled", "waiting"): 1}) == states


async def test_a_verification_younger_than_a_minute_is_not_followed_by_another(
    flows: Flows, clock: MovableClock
) -> None:
    """An accepted one counts for 60 s."""
    await flows.register()
    await flows.deliver()
    await flows.register()
    assert ("verification", "cancelled", "waiting") in await flows.outbox()
    clock.move(61)
    await flows.register()
    assert ("verification", "queued", None) in await flows.outbox()


async def test_every_registration_of_a_waiting_address_is_a_candidate(flows: Flows) -> None:
    """Also the one without a mail of its own; each has its own hash, name and locale."""
    await flows.register(name="Mira", locale="en")
    await flows.register(password="some other password", name="Mirko", locale="de")
    stored = await flows.candidates()
    assert {("Mira", "en"), ("Mirko", "de")} == {(row["name"], row["locale"]) for row in stored}
    assert 2 == len({row["password_hash"] for row in stored})


async def test_every_branch_writes_the_same_rows(flows: Flows) -> None:
    """New, waiting and taken: one candidate, one token and two messages more, each."""

    async def counts() -> tuple[int, int, int]:
        return len(await flows.candidates()), len(await flows.tokens()), len(await flows.rows(messages))

    async def growth() -> tuple[int, ...]:
        before = await counts()
        await flows.register()
        return tuple(after - before for after, before in zip(await counts(), before, strict=True))

    new = await growth()
    waiting = await growth()
    await flows.registered_and_verified("other@example.com")
    await flows.gate.database.write(
        lambda tx: tx.exec_driver_sql("UPDATE accounts SET verified_at = 1, password_hash = 'x'").rowcount
    )
    taken = await growth()
    assert {(1, 1, 2)} == {new, waiting, taken}


@pytest.mark.parametrize(
    ("locale", "preferred", "stored"), [("de", "zh-CN", "de"), (None, "zh-CN", "zh-CN"), (None, None, "en")]
)
async def test_the_locale_asked_for_comes_before_the_preferred_one(
    flows: Flows, locale: str | None, preferred: str | None, stored: str
) -> None:
    """Account, candidate and messages get the language of the body, else the preferred one, else English."""
    await flows.register(locale=locale, preferred=preferred)
    rows = [*await flows.accounts(), *await flows.candidates(), *await flows.rows(messages)]
    assert [stored] * 4 == [row["locale"] for row in rows]


async def test_capital_letters_make_no_second_account(flows: Flows) -> None:
    """The unique index is on the address key."""
    await flows.register("Mira@Example.com")
    await flows.register("mira@example.COM")
    (account,) = await flows.accounts()
    assert "Mira@Example.com" == account["email"]


async def test_where_accounts_may_be_revealed_the_account_comes_back(revealing: Flows) -> None:
    """201 needs something to show."""
    account = await revealing.register("new@example.com")
    assert isinstance(account, Account)
    assert ("new@example.com", None) == (account.email, account.verified_at)


@pytest.mark.parametrize("verified", [False, True])
async def test_where_accounts_may_be_revealed_a_taken_address_is_refused_without_a_row(
    flows: Flows, revealing: Flows, verified: bool
) -> None:
    """409, whether verified or not; no message, no candidate, no token."""
    if verified:
        await flows.registered_and_verified()
    else:
        await flows.register()
    before = (await flows.outbox(), await flows.candidates(), await flows.tokens())
    with pytest.raises(AddressTaken):
        await revealing.register()
    assert before == (await flows.outbox(), await flows.candidates(), await flows.tokens())


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"email": "nobody"}, "email", "invalid_address"),
        ({"email": "a@b@example.com"}, "email", "invalid_address"),
        ({"email": "mira@example.com\r\nBcc: x@example.com"}, "email", "invalid_address"),
        ({"password": "short"}, "password", "too_short"),
        ({"password": "x" * 1025}, "password", "too_long"),
        ({"password": "half a character \ud800"}, "password", "invalid_text"),
        ({"name": "x" * 81}, "name", "too_long"),
        ({"locale": "en; rm -rf"}, "locale", "invalid_locale"),
    ],
)
async def test_bad_input_names_the_field_and_writes_nothing(
    flows: Flows, wrong: dict[str, Any], field: str, code: str
) -> None:
    """A person sees which field it is; no account, no message."""
    with pytest.raises(InvalidInput) as refused:
        await flows.register(**wrong)
    assert [(field, code)] == [(error.field, error.code) for error in refused.value.errors]
    assert ([], []) == (await flows.accounts(), await flows.outbox())


async def test_every_wrong_field_is_named_at_once(flows: Flows) -> None:
    """Nobody mends one field only to hear of the next."""
    with pytest.raises(InvalidInput) as refused:
        await flows.register(email="nobody", password="short", name="x" * 81, locale="?")
    assert ["email", "password", "name", "locale"] == [error.field for error in refused.value.errors]


async def test_a_registration_is_told_with_a_masked_address(flows: Flows, heard: list[Event]) -> None:
    """The event joins request, account and messages, and holds neither address nor password."""
    await flows.register()
    (told,) = [event for event in heard if isinstance(event, RegistrationReceived)]
    assert ("request-1", "created", "m***@example.com", 2) == (
        told.request_id,
        told.outcome,
        told.recipient,
        len(told.messages),
    )
    assert not any(secret in repr(heard) for secret in (ADDRESS, PASSWORD))


async def test_a_strangers_name_never_stands_in_mail_to_an_address_that_waits(
    flows: Flows, clock: MovableClock
) -> None:
    """Only the first registration greets by name: whoever comes later may be somebody else, and may be unkind."""
    await flows.register(name="Mira")
    await flows.deliver()
    clock.move(61)
    await flows.register(name="Your account was hacked")
    await flows.deliver()
    clock.move(61)
    await flows.request_verification()
    greeted = [json.loads(row["template_values"])["name"] for row in await flows.rows(messages)]
    assert ["Mira", "Mira", "", "", ""] == sorted(greeted, reverse=True)
