"""Names: what of them may be printed in a mail to somebody else."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.names import MAX_NAME_CHARACTERS, clean_line, clean_name
from tests.unit.mail.hostile import NAMES_IN_UNIT_TESTS, names

_LINKED = re.compile(r"://|www\.\S|\S[.\u3002\uff0e\uff61\u2024]\w|\w@\S", re.UNICODE)


@pytest.mark.parametrize(
    "name", ["Ada Lovelace", "李小龙", "Jürgen Müller", "O'Brien-Smith", "محمد علي", "Ada 🚀", "Jr.", "{{7*7}}"]
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    """Letters of every script, quotes, hyphens and braces are printed as typed."""
    assert name == clean_name(name)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("  Ada \t Lovelace ", "Ada Lovelace"),
        ("Ada\r\nBcc: evil@evil.example", "Ada Bcc: evil@ evil. example"),
        ("Ada\x85\u2028\u2029Lovelace", "Ada Lovelace"),
        ("A\u200bd\u202ea\ufeff\x00", "Ada"),
        ("\u3164\u115f\u2800", ""),
        ("ju\u0308rgen", "jürgen"),
        ("=?utf-8?q?hi?=", "= ?utf-8?q?hi?="),
        ("=\u200b?utf-8?q?hi?=", "= ?utf-8?q?hi?="),
        ("=http://?utf-8?q?hi?=", "= ?utf-8?q?hi?="),
        ("http://evil.example/win", "evil. example/win"),
        ("HTTPS://evil", "evil"),
        ("hthttp://tp://evil", "evil"),
        ("mailto:a@evil.example", "mailto: a@ evil. example"),
        ("www.evil。example", "www. evil。 example"),
        ("e\u200bvil\u200b.\u200bexample", "evil. example"),
        ("J.R.R. Tolkien", "J. R. R. Tolkien"),
        ("o" + "\u0335" * 60, "o" + "\u0335" * 3),
        ("x" * 200, "x" * MAX_NAME_CHARACTERS),
    ],
)
def test_s61_what_could_deceive_is_taken_out(typed: str, printed: str) -> None:
    """Line ends, invisible and turning characters go, links come apart, what remains is readable."""
    assert printed == clean_name(typed)


def test_a_line_of_our_own_keeps_its_dots() -> None:
    """Product names are the operator's: only what nobody sees is taken out."""
    assert "Booking.example" == clean_line("Booking.\u200bexample\r\n")


def _assert_harmless(name: str) -> None:
    assert len(name) <= MAX_NAME_CHARACTERS
    assert name.isprintable()
    assert unicodedata.is_normalized("NFC", name)
    assert "=?" not in name
    assert not _LINKED.search(name)
    assert name == clean_name(name)


def test_s60_no_hostile_name_stays_hostile() -> None:
    """Every name of the seeded corpus comes out as one short printable line without a link."""
    for name in names(NAMES_IN_UNIT_TESTS):
        _assert_harmless(clean_name(name))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=120) | st.text(".:/@=?ah\u200b\r\n \u0301", max_size=40))
def test_no_text_at_all_stays_hostile(name: str) -> None:
    """Whatever is typed, cleaning makes it harmless, and cleaning it again changes nothing."""
    _assert_harmless(clean_name(name))
