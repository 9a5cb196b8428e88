"""A stranger who registers an address first has nothing of it once its owner proves it (CVE-2024-38351)."""

import pytest

from gatepost.accounts.account import Account
from gatepost.accounts.tables import sessions
from gatepost.accounts.verification import ChoosePassword
from gatepost.errors import SignInFailed
from tests.support.changes import Changes
from tests.support.clock import MovableClock
from tests.support.flows import Flows

STRANGERS = "the stranger's password"
OWNERS = "a password of the owner's"


@pytest.fixture
def person(flows: Flows) -> Changes:
    """Whoever tries to sign in."""
    return Changes(flows)


async def assert_the_owners_alone(person: Changes, password: str = OWNERS) -> None:
    """One account; the owner's password signs in, the stranger's does not."""
    with pytest.raises(SignInFailed):
        await person.sign_in(password=STRANGERS)
    account = (await person.sign_in(password=password)).account
    assert [account.id] == [row["id"] for row in await person.flows.accounts()]
    assert [] == await person.flows.candidates()


async def test_s19_a_stranger_is_signed_in_nowhere_before_the_proof(person: Changes) -> None:
    """The password is on the row of a candidate only, and no session begins with it."""
    await person.flows.register(password=STRANGERS)
    with pytest.raises(SignInFailed):
        await person.sign_in(password=STRANGERS)
    assert [] == await person.flows.rows(sessions)
    assert [None] == [row["password_hash"] for row in await person.flows.accounts()]


async def test_s19_a_reset_by_the_owner_leaves_nothing_of_the_strangers_password(person: Changes) -> None:
    """The owner never registered, and asks for a new password because the address is said to be taken."""
    await person.flows.register(password=STRANGERS, name="Stranger")
    await person.flows.request_reset()
    await person.flows.reset((await person.flows.deliver())["password_reset"], OWNERS)
    await assert_the_owners_alone(person)


@pytest.mark.parametrize("first", [STRANGERS, OWNERS])
async def test_s19_a_registration_by_the_owner_is_not_decided_by_who_was_first(
    person: Changes, clock: MovableClock, first: str
) -> None:
    """With either link: of two that wait neither password counts, and whoever proves the address chooses one."""
    await person.flows.register(password=first)
    link = (await person.flows.deliver())["verification"]
    clock.move(61)
    await person.flows.register(password=OWNERS if first == STRANGERS else STRANGERS)
    assert ChoosePassword() == await person.flows.verify(link)
    for password in (STRANGERS, OWNERS):
        with pytest.raises(SignInFailed):
            await person.sign_in(password=password)
    assert isinstance(await person.flows.verify(link, "a third password"), Account)
    await assert_the_owners_alone(person, "a third password")


async def test_s19_registrations_after_the_proof_change_nothing(person: Changes) -> None:
    """Neither the password nor the name, and the address is not blocked for its owner before it."""
    await person.flows.register(password=STRANGERS)
    await person.flows.request_reset()
    await person.flows.reset((await person.flows.deliver())["password_reset"], OWNERS)
    await person.flows.register(password=STRANGERS, name="Stranger")
    with pytest.raises(SignInFailed):
        await person.sign_in(password=STRANGERS)
    account = (await person.sign_in(password=OWNERS)).account
    assert account.name != "Stranger"
