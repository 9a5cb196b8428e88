"""Values: what may be stored, what is an address of a page, and where Chinese wants a space."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mail.values import (
    MAX_VALUE_CHARACTERS,
    clean_value,
    is_web_address,
    spaced,
    spaced_after,
    spaced_before,
    value_problem,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=200))
def test_what_may_be_stored_is_text_for_every_database(text: str) -> None:
    """It encodes as UTF-8 and holds no NUL, which PostgreSQL refuses; printed, it is one line."""
    if value_problem(text) is None:
        assert b"\x00" not in text.encode("utf-8")
    else:
        assert "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text)
    assert clean_value(text).isprintable()
    assert "\x00" not in clean_value(text).encode("utf-8").decode()


@pytest.mark.parametrize("value", [None, 7, b"bytes", ["a"]])
def test_only_text_is_a_value(value: object) -> None:
    """Numbers and dates are written by whoever gives them."""
    assert "is no text: give every value as it shall be read" == value_problem(value)


def test_a_value_has_a_longest_length() -> None:
    """One character more is refused."""
    assert value_problem("x" * MAX_VALUE_CHARACTERS) is None
    assert value_problem("x" * (MAX_VALUE_CHARACTERS + 1)) is not None


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("https://acme.example/a?b=c#d", True),
        ("http://127.0.0.1:8000", True),
        ("https://例え.jp/注文", True),
        ("", False),
        ("acme.example", False),
        ("//acme.example", False),
        ("ftp://acme.example", False),
        ("javascript:alert(1)//https://acme.example", False),
        ("https://acme.example/ a", False),
        ("https://acme.example\n", False),
        ('https://acme.example/"x', False),
        ("https://acme.example/<x>", False),
        ("https://acme.example/\u200b", False),
    ],
)
def test_an_address_of_a_page_is_absolute_and_printable(text: str, is_one: bool) -> None:
    """Nothing that runs, is relative, breaks a line or an attribute, or hides characters."""
    assert is_one == is_web_address(text)


@pytest.mark.parametrize(
    ("text", "both"),
    [("Acme", " Acme "), ("飞书", "飞书"), ("Acme 云", " Acme 云"), ("云 X", "云 X "), ("「云」", "「云」"), ("", "")],
)
def test_a_space_stands_between_chinese_and_other_letters(text: str, both: str) -> None:
    """Only on the sides where the value is not Chinese itself."""
    assert both == spaced(text)
    assert both.rstrip() == spaced_before(text)
    assert both.lstrip() == spaced_after(text)
