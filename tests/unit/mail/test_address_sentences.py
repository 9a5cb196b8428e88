"""What a person reads about an address that is not taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import InvalidInput
from gatepost.mail.address import parse_address
from tests.unit.mail.test_address import REFUSED

SLIPS = {
    "": "An email address must have an @-sign.",
    "ada.example.com": "An email address must have an @-sign.",
    "ada\uff20example.com": "Type the @-sign in its narrow form.",
    "@example.com": "There must be something before the @-sign.",
    "ada@": "There must be something after the @-sign.",
    "ada @example.com": "An email address cannot contain spaces.",
    "ada@example.com ": "An email address cannot contain spaces.",
    "ada@bob@example.com": "An email address has only one @-sign.",
    ".ada@example.com": "A period must stand between two other characters.",
    "ada..lovelace@example.com": "A period must stand between two other characters.",
    "ada@example.com.": "A period must stand between two other characters.",
    "ada@example": "The part after the @-sign is not valid. It should have a period.",
    "ada@exam_ple.com": "The part after the @-sign is not valid.",
    "ada(home)@example.com": "The part before the @-sign is not valid.",
    "\uff41da@example.com": "An email address cannot contain look-alike forms of other characters before the @-sign.",
    "a" * 65 + "@example.com": "An email address has at most 64 bytes before the @-sign.",
}


def sentence_for(text: str) -> str:
    """What is said about an address that is not taken."""
    with pytest.raises(InvalidInput) as refusal:
        parse_address(text)
    (error,) = refusal.value.errors
    return error.detail


@pytest.mark.parametrize(("typed", "sentence"), SLIPS.items())
def test_each_slip_has_its_sentence(typed: str, sentence: str) -> None:
    """The sentence names what to change."""
    assert sentence == sentence_for(typed)


@pytest.mark.parametrize("text", [text for text in REFUSED.values() if len(text) > 1], ids=repr)
def test_nothing_of_the_address_is_repeated(text: str) -> None:
    """The sentence is ours: no part of what was typed stands in it, and none of a library's words."""
    assert text not in sentence_for(text)


@given(st.text(alphabet="ab.@ -_\uff20\u3002\u0301\ud800", max_size=12))
def test_whatever_is_typed_is_taken_or_has_a_sentence(text: str) -> None:
    """No address is refused without words."""
    try:
        parse_address(text)
    except InvalidInput as refusal:
        assert refusal.errors[0].detail.endswith(".")
