"""Links that unsubscribe: each names its message and hides its recipient, and nobody else can write one."""

import base64
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import SettingsError
from gatepost.mail.unsubscribe import TOKEN_CHARACTERS, UnsubscribeLinks, Unsubscriber, has_form
from gatepost.suppression.hiding import Hiding, hidden_form

SITE = "https://acme.example"
ROW_ID = uuid.UUID("0192f0c1-7a6b-7c3d-8e4f-a1b2c3d4e5f6")
HIDING = Hiding(["s" * 40])
KEY, OTHER = b"k" * 32, b"o" * 32
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def links(*keys: bytes) -> UnsubscribeLinks:
    return UnsubscribeLinks(keys, SITE, HIDING.digest)


def token(link: str) -> str:
    return link.removeprefix(f"{SITE}/mail/unsubscribe/")


MADE = token(links(KEY).link(ROW_ID, "ada@example.com"))


@given(st.uuids(), st.text(min_size=1, max_size=40))
def test_what_was_made_is_read(row_id: uuid.UUID, address_key: str) -> None:
    """The message comes back and the hidden form of its recipient, from a link that stands in a header field."""
    link = links(KEY).link(row_id, address_key)
    assert re.fullmatch(rf"{SITE}/mail/unsubscribe/[A-Za-z0-9_-]{{{TOKEN_CHARACTERS}}}", link)
    read = links(KEY).read(token(link))
    assert read is not None
    assert (row_id, HIDING.hide(address_key)) == (read.row_id, hidden_form(read.hidden))


@pytest.mark.parametrize(
    ("public_url", "written"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://acme.example/app/%C3%BC", "https://acme.example/app/%C3%BC"),
        ("https://bücher.example:8443/für,alle", "https://xn--bcher-kva.example:8443/f%C3%BCr%2Calle"),
    ],
)
def test_a_link_can_stand_in_a_header_field(public_url: str, written: str) -> None:
    """It is ASCII whatever PUBLIC_URL is, and one address, not several: no message is held for its sake."""
    link = UnsubscribeLinks([KEY], public_url, HIDING.digest).link(ROW_ID, "ada@example.com")
    assert f"{written}/mail/unsubscribe/{MADE}" == link


def test_a_host_that_is_no_domain_is_refused_at_once() -> None:
    """Not by the first message."""
    with pytest.raises(SettingsError, match="PUBLIC_URL"):
        UnsubscribeLinks([KEY], f"https://{'ü' * 80}.example", HIDING.digest)


def test_it_is_the_same_for_every_attempt() -> None:
    """A message that is tried twice says the same twice."""
    assert MADE == token(links(KEY).link(ROW_ID, "ada@example.com"))


def test_s26_it_says_nothing_of_the_address() -> None:
    """Neither as it is nor as a hash that anybody could make: another secret hides it otherwise."""
    assert b"ada" not in base64.urlsafe_b64decode(MADE)
    elsewhere = UnsubscribeLinks([KEY], SITE, Hiding(["t" * 40]).digest).link(ROW_ID, "ada@example.com")
    assert MADE[:21] == token(elsewhere)[:21]  # the message
    assert MADE[22:43] != token(elsewhere)[22:43]


def test_a_retired_key_is_still_believed() -> None:
    """An old mail unsubscribes as long as its key is there, and the new key writes the new links."""
    assert Unsubscriber(ROW_ID, HIDING.digest("ada@example.com")) == links(OTHER, KEY).read(MADE)
    assert MADE != token(links(OTHER, KEY).link(ROW_ID, "ada@example.com"))
    assert links(OTHER).read(MADE) is None


def test_every_changed_character_is_noticed() -> None:
    """Any other character at any of the 64 places is not believed: nobody unsubscribes somebody else."""
    for place, character in enumerate(MADE):
        for other in ALPHABET.replace(character, ""):
            assert links(KEY).read(MADE[:place] + other + MADE[place + 1 :]) is None


def test_what_has_no_form_is_not_read() -> None:
    """Shorter, longer, padded, in another alphabet, or with anything around it."""
    for text in ("", MADE[:-1], MADE + "A", MADE[:-1] + "=", f" {MADE}", f"{MADE}\n", "é" * 64, "/" * 64, "A" * 4096):
        assert not has_form(text)
        assert links(KEY).read(text) is None


@given(st.text(ALPHABET, min_size=TOKEN_CHARACTERS, max_size=TOKEN_CHARACTERS))
def test_s114_what_nobody_wrote_is_not_believed(text: str) -> None:
    """A token with the form of one, made of anything."""
    assert has_form(text)
    assert links(KEY, OTHER).read(text) is None
