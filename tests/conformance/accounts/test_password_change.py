"""Change of the password: it takes the current one and a session, and leaves nobody else signed in."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from gatepost.accounts.deletion import delete_account
from gatepost.accounts.sessions import end_session
from gatepost.accounts.tables import sessions
from gatepost.errors import BadToken, InvalidInput, NotSignedIn, RateLimited, SignInFailed, WrongPassword
from gatepost.events import CurrentPasswordRefused, Event, PasswordChanged, SignedOut
from gatepost.outbox.tables import messages
from tests.support.changes import NEW_PASSWORD, Changes
from tests.support.flows import ADDRESS, PASSWORD, Flows

A_MINUTE_S = 60


@pytest.fixture
def person(flows: Flows) -> Changes:
    """A person who may sign in."""
    return Changes(flows)


async def test_the_new_password_signs_in_and_the_old_one_does_not(person: Changes, heard: list[Event]) -> None:
    """From the commit on; the event holds no password."""
    mira = await person.registered()
    await person.change_password(mira)
    assert mira.account == (await person.sign_in(password=NEW_PASSWORD)).account
    with pytest.raises(SignInFailed):
        await person.sign_in()
    assert [str(mira.account.id)] == [one.account_id for one in heard if isinstance(one, PasswordChanged)]


async def test_s10_a_change_needs_the_current_password(person: Changes, heard: list[Event]) -> None:
    """With another one nothing is written, and operators hear of it."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(WrongPassword):
        await person.change_password(mira, current_password="a wrong password")
    assert before == await person.everything()
    assert [str(mira.account.id)] == [one.account_id for one in heard if isinstance(one, CurrentPasswordRefused)]


async def test_s10_a_change_needs_a_session_that_has_not_ended(person: Changes) -> None:
    """Ended elsewhere after the request was let in: the password alone is not enough."""
    mira = await person.registered()
    await end_session(person.gate, mira, mira.session_id, request_id="request")
    before = await person.everything()
    with pytest.raises(NotSignedIn):
        await person.change_password(mira)
    assert before == await person.everything()


async def test_s10_the_session_of_one_account_changes_no_other(person: Changes) -> None:
    """Who somebody is and by which session belong together, whatever a caller makes of them."""
    mira, ben = await person.registered(), await person.registered("ben@example.com")
    before = await person.everything()
    with pytest.raises(NotSignedIn):
        await person.change_password(type(mira)(mira.account, ben.session_id))
    assert before == await person.everything()


async def test_a_change_ends_every_other_session(person: Changes, heard: list[Event]) -> None:
    """The one that asked goes on; those of other accounts too."""
    mira = await person.registered()
    ben = await person.registered("ben@example.com")
    await person.sign_in()
    await person.sign_in()
    await person.change_password(mira)
    left = {row["id"] for row in await person.flows.rows(sessions)}
    assert {mira.session_id, ben.session_id} == left
    assert [("password_changed", 2)] == [(one.reason, one.count) for one in heard if isinstance(one, SignedOut)]


async def test_s34_a_change_voids_every_token_that_is_out(person: Changes) -> None:
    """A reset link and one to another address do nothing any more; a mail that waits is cancelled."""
    mira = await person.registered()
    await person.flows.request_reset()
    reset = (await person.flows.deliver())["password_reset"]
    confirm, _ = await person.requested(mira)
    await person.request(mira, "mira@example.net")
    await person.change_password(mira)
    with pytest.raises(BadToken):
        await person.flows.reset(reset)
    with pytest.raises(BadToken):
        await person.confirm(confirm)
    assert ("address_change", "cancelled", "superseded") in await person.flows.outbox()


async def test_the_owner_is_told_at_the_stored_address_and_from_where(person: Changes) -> None:
    """In the same transaction; the network is rough enough to find nobody by it."""
    mira = await person.registered()
    await person.flows.deliver()
    await person.change_password(mira)
    (told,) = [row for row in await person.flows.rows(messages) if row["state"] == "queued"]
    assert ("password_changed", ADDRESS) == (told["template"], told["recipient"])
    assert '"where":"203.0.113.0/24"' in told["template_values"]


@pytest.mark.parametrize("password", ["short", "x" * 1025, ADDRESS])
async def test_a_new_password_that_does_not_pass_is_refused_first(person: Changes, password: str) -> None:
    """Before the current one is looked at, so that it costs no hash."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(InvalidInput):
        await person.change_password(mira, password, current_password="a wrong password")
    assert before == await person.everything()


@pytest.mark.parametrize("typed", ["caf\u00e9 au lait, please", "cafe\u0301 au lait, please"])
async def test_the_current_password_is_no_new_one(person: Changes, typed: str) -> None:
    """Whichever way its characters are written; and only who knows it is told so."""
    mira = await person.registered(password="caf\u00e9 au lait, please")
    before = await person.everything()
    with pytest.raises(InvalidInput) as refused:
        await person.change_password(mira, typed, current_password="caf\u00e9 au lait, please")
    assert [("password", "unchanged")] == [(one.field, one.code) for one in refused.value.errors]
    with pytest.raises(WrongPassword):
        await person.change_password(mira, "a wrong password", current_password="a wrong password")
    assert before == await person.everything()


async def test_of_two_changes_at_once_one_counts(person: Changes, heard: list[Event]) -> None:
    """Both knew the old password; the second one finds that it is no longer the account's."""
    mira = await person.registered()
    wanted = [f"a good new password {number}" for number in range(4)]
    results = await asyncio.gather(
        *(person.change_password(mira, password) for password in wanted), return_exceptions=True
    )
    assert Counter({type(None): 1, WrongPassword: 3}) == Counter(map(type, results))
    assert 3 == sum(isinstance(one, CurrentPasswordRefused) for one in heard)
    (password,) = [password for password, result in zip(wanted, results, strict=True) if result is None]
    await person.sign_in(password=password)


async def test_guesses_at_the_current_password_are_limited_for_each_session(person: Changes) -> None:
    """Ten, then the right one is not looked at either; another session of the same person is not held up."""
    mira, elsewhere = await person.registered(), await person.sign_in()
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await person.change_password(mira, current_password="a wrong password")
    with pytest.raises(RateLimited) as limited:
        await person.change_password(mira)
    assert 1 <= limited.value.retry_after_s <= A_MINUTE_S
    await person.change_password(elsewhere)


async def _ask_for_a_password(person: Changes, who: Any, typed: str) -> None:
    await person.change_password(who, current_password=typed)


async def _ask_for_an_address(person: Changes, who: Any, typed: str) -> None:
    await person.request(who, current_password=typed)


async def _ask_for_the_end(person: Changes, who: Any, typed: str) -> None:
    await delete_account(person.gate, who, current_password=typed, request_id="request")


@pytest.mark.parametrize("typed", ["", "a wrong password", PASSWORD.upper(), PASSWORD + " ", "x" * 1025, "\ud800" * 12])
@pytest.mark.parametrize("ask", [_ask_for_a_password, _ask_for_an_address, _ask_for_the_end])
async def test_s53_a_sensitive_change_asks_for_the_current_password(
    person: Changes, ask: Any, typed: str, heard: list[Event]
) -> None:
    """Whatever else is typed, nothing is written anywhere, and operators hear of it."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(WrongPassword):
        await ask(person, mira, typed)
    assert before == await person.everything()
    assert 1 == sum(isinstance(one, CurrentPasswordRefused) for one in heard)
