"""Name and language: what is left out stays, and null takes the name away."""

import pytest

from gatepost.accounts.sessions import end_session
from gatepost.errors import InvalidInput, NotSignedIn
from gatepost.events import Event, ProfileChanged
from tests.support.changes import Changes
from tests.support.flows import Flows


@pytest.fixture
def person(flows: Flows) -> Changes:
    """A person who may sign in."""
    return Changes(flows)


async def test_what_is_left_out_stays(person: Changes, heard: list[Event]) -> None:
    """Each member is changed alone, and both together."""
    mira = await person.registered()
    first = await person.change_profile(mira, name="Mira M.")
    second = await person.change_profile(mira, locale="zh-CN")
    third = await person.change_profile(mira, name="M.", locale="en")
    assert [("Mira M.", "en"), ("Mira M.", "zh-CN"), ("M.", "en")] == [
        (one.name, one.locale) for one in (first, second, third)
    ]
    assert [("name",), ("locale",), ("locale", "name")] == [
        one.fields for one in heard if isinstance(one, ProfileChanged)
    ]
    assert third == (await person.sign_in()).account


async def test_null_takes_the_name_away_and_a_language_there_always_is(person: Changes) -> None:
    """A name of nothing but blanks is none either."""
    mira = await person.registered()
    assert None is (await person.change_profile(mira, name=None)).name
    await person.change_profile(mira, name="Mira")
    assert None is (await person.change_profile(mira, name=" \u200b ")).name
    with pytest.raises(InvalidInput) as refused:
        await person.change_profile(mira, locale=None)
    assert [("locale", "required")] == [(one.field, one.code) for one in refused.value.errors]


async def test_every_wrong_field_is_named_and_nothing_is_written(person: Changes) -> None:
    """Not the one that would have passed either."""
    mira = await person.registered()
    before = await person.everything()
    with pytest.raises(InvalidInput) as refused:
        await person.change_profile(mira, name="x" * 81, locale="no language")
    with pytest.raises(InvalidInput):
        await person.change_profile(mira, name="Mira M.", locale="no language")
    assert [("name", "too_long"), ("locale", "invalid_locale")] == [
        (one.field, one.code) for one in refused.value.errors
    ]
    assert before == await person.everything()


async def test_a_name_is_made_safe_to_print(person: Changes) -> None:
    """As at the registration: nothing in it becomes a link."""
    mira = await person.registered()
    assert "evil. example" == (await person.change_profile(mira, name="http://evil.example")).name


async def test_where_nothing_differs_nothing_is_written(person: Changes, heard: list[Event]) -> None:
    """An empty change, one to what there is, and members nobody may change."""
    mira = await person.registered()
    before = await person.everything()
    same = [
        await person.change_profile(mira),
        await person.change_profile(mira, name="Mira", locale="en"),
        await person.change_profile(mira, email="eve@example.com", verified_at=None, id=None),
    ]
    assert [mira.account] * 3 == same
    assert before == await person.everything()
    assert [] == [one for one in heard if isinstance(one, ProfileChanged)]


async def test_a_session_that_ended_meanwhile_changes_nothing(person: Changes) -> None:
    """It was good when the request was let in; whoever ended it meant this as well."""
    mira = await person.registered()
    await end_session(person.gate, mira, mira.session_id, request_id="request")
    with pytest.raises(NotSignedIn):
        await person.change_profile(mira, name="Eve")
    assert "Mira" == (await person.flows.accounts())[0]["name"]
