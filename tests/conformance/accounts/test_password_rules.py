"""The rules for new passwords hold in every flow that takes one, before anything is hashed or written."""

import threading
from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher

from gatepost.errors import FieldError, InvalidInput
from tests.support.changes import Changes
from tests.support.flows import Flows

BAD = [("x" * 1025, "too_long"), ("Password1234!", "too_common"), ("Mira@example.com", "too_personal")]
GOOD = "sandpiper quartz ladle"


def hashing_threads() -> set[threading.Thread]:
    """The threads in which passwords are hashed; a pool starts none before its first hash."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("gatepost-hash")}


async def refusal(call: Callable[[], Awaitable[object]]) -> FieldError:
    """The one field that a call refuses."""
    with pytest.raises(InvalidInput) as refused:
        await call()
    (error,) = refused.value.errors
    return error


@pytest.mark.parametrize(("password", "code"), BAD)
async def test_s03_a_refused_registration_hashes_and_writes_nothing(flows: Flows, password: str, code: str) -> None:
    """No thread to hash in was even started: what is too long costs no more than any wrong field."""
    before = hashing_threads()
    error = await refusal(lambda: flows.register(password=password))
    assert ("password", code) == (error.field, error.code)
    assert (set(), [], []) == (hashing_threads() - before, await flows.accounts(), await flows.outbox())


@pytest.mark.parametrize(("password", "code"), BAD)
async def test_s06_a_reset_knows_whose_account_it_is(flows: Flows, password: str, code: str) -> None:
    """The link says whose address and name the password must not be made of; it stays good for another one."""
    await flows.registered_and_verified()
    await flows.request_reset()
    token = (await flows.deliver())["password_reset"]
    assert code == (await refusal(lambda: flows.reset(token, password))).code
    await flows.reset(token, GOOD)
    (account,) = await flows.accounts()
    assert PasswordHasher().verify(account["password_hash"], GOOD)


@pytest.mark.parametrize(("password", "code"), BAD)
async def test_s05_a_password_chosen_after_the_link_is_judged_alike(flows: Flows, password: str, code: str) -> None:
    """Who proves an address that several registered chooses the password under the same rules."""
    await flows.register()
    await flows.register()
    token = (await flows.deliver())["verification"]
    assert code == (await refusal(lambda: flows.verify(token, password))).code
    await flows.verify(token, GOOD)


@pytest.mark.parametrize(("password", "code"), BAD)
async def test_s06_a_change_knows_whose_account_it_is(flows: Flows, password: str, code: str) -> None:
    """The rules are those of a registration, and the password stays as it was."""
    person = Changes(flows)
    mira = await person.registered()
    before = await flows.accounts()
    error = await refusal(lambda: person.change_password(mira, password=password))
    assert (code, before) == (error.code, await flows.accounts())


async def test_s05_the_reason_is_told_and_the_password_is_not_repeated(flows: Flows) -> None:
    """A sentence for the person, in the form that is translated."""
    for password, code in BAD[1:]:
        error = await refusal(lambda password=password: flows.register(password=password))
        assert (code, True, False) == (
            error.code,
            error.detail.startswith("This password is"),
            password in error.detail,
        )


async def test_s04_what_was_typed_is_hashed_to_the_last_byte(flows: Flows) -> None:
    """Blanks at the ends, NUL, capitals and what stands behind the 72nd byte belong to the password."""
    typed = "  Sandpiper\x00quartz " + "ladle " * 20 + "Z "
    await flows.register(password=typed)
    (candidate,) = await flows.candidates()
    hasher = PasswordHasher()
    assert hasher.verify(candidate["password_hash"], typed)
    for other in (typed.strip(), typed.lower(), typed[:72], typed[:-2] + "Y ", typed.replace("\x00", "")):
        with pytest.raises(Exception, match="does not match"):
            hasher.verify(candidate["password_hash"], other)


async def test_s02_sixty_four_characters_of_any_kind_make_an_account(flows: Flows) -> None:
    """Blanks and emoji are characters like any other."""
    password = "🐎🔋 📎🖇 🦊🐙 🦀🐝 any sixty-four characters will do, not only letters."
    assert 64 == len(password)
    await flows.register(password=password)
    assert 1 == len(await flows.accounts())


async def test_s01_one_character_fewer_than_the_least_is_refused(flows: Flows) -> None:
    """Twelve by default."""
    assert "too_short" == (await refusal(lambda: flows.register(password="zebra, kelp"))).code
    await flows.register(password="zebras, kelp")
