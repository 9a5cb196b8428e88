"""What people type and products give is stored as text, and text is UTF-8 without NUL in every database."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.accounts.applicant import check_locale, check_name
from gatepost.errors import InvalidInput
from gatepost.mail.address import parse_address
from gatepost.mail.draft import Draft
from tests.unit.mail.hostile import NAMES_IN_UNIT_TESTS, names

UNSTORABLE = ("\x00", "\ud800", "\udfff", "\udc00\ud800")


def assert_storable(text: str) -> None:
    assert b"\x00" not in text.encode("utf-8")


@pytest.mark.parametrize("bad", UNSTORABLE)
@pytest.mark.parametrize(
    "where", ["{}ada@example.com", "a{}da@example.com", "ada@exa{}mple.com", "ada@example.com{}", "用{}户@例え.jp"]
)
def test_no_address_holds_what_cannot_be_stored(where: str, bad: str) -> None:
    """Wherever it stands, the address is refused, for an account and for a draft."""
    text = where.format(bad)
    with pytest.raises(InvalidInput):
        parse_address(text)
    with pytest.raises(InvalidInput):
        Draft(template="welcome", recipient=text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=20), st.sampled_from(["example.com", "例え.jp", "bücher.example"]))
def test_what_is_kept_of_an_address_can_be_stored(local_part: str, domain: str) -> None:
    """The text and the key."""
    try:
        address = parse_address(f"{local_part}@{domain}")
    except InvalidInput:
        return
    assert_storable(address.text + address.key)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=80))
def test_what_is_kept_of_a_name_can_be_stored(typed: str) -> None:
    """What cannot is taken out, wherever it stands."""
    assert_storable(check_name(typed) or "")


def test_no_hostile_name_is_kept_as_it_is() -> None:
    """The seeded corpus holds both kinds, NUL and halves of characters."""
    corpus = [name[:80] for name in names(NAMES_IN_UNIT_TESTS)]
    assert all(any(bad in name for name in corpus) for bad in ("\x00", "\ud800", "\udfff"))
    for name in corpus:
        assert_storable(check_name(name) or "")


@pytest.mark.parametrize("bad", UNSTORABLE)
@pytest.mark.parametrize("where", ["{}en", "e{}n", "en{}", "en-{}", "zh{}CN"])
def test_no_locale_holds_what_cannot_be_stored(where: str, bad: str) -> None:
    """A language tag is ASCII letters, digits and hyphens."""
    with pytest.raises(InvalidInput):
        check_locale(where.format(bad))
