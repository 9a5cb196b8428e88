"""Header fields: ASCII, folded, and read back as what they say."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.errors import SettingsError
from gatepost.mail.headers import Sender, date, mailbox, parse_sender, unstructured
from gatepost.mail.names import clean_line


def _read(field: str) -> EmailMessage:
    message = message_from_bytes(f"{field}\r\n".encode("ascii"), _class=EmailMessage, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("text", "sender"),
    [
        ("ada@example.com", Sender("", "ada@example.com")),
        ("Acme <hello@acme.example>", Sender("Acme", "hello@acme.example")),
        ('"Acme, Inc." <hello@acme.example>', Sender("Acme, Inc.", "hello@acme.example")),
        ("Acme, Inc. <hello@acme.example>", Sender("Acme, Inc.", "hello@acme.example")),
        ("Bücher <hallo@bücher.example>", Sender("Bücher", "hallo@xn--bcher-kva.example")),
        ("Gatepost <gatepost@localhost>", Sender("Gatepost", "gatepost@localhost")),
        ("Acme\r\nBcc: x <hello@acme.example>", Sender("Acme Bcc: x", "hello@acme.example")),
    ],
)
def test_a_sender_is_a_name_and_an_address(text: str, sender: Sender) -> None:
    """The setting is read as people write it; the address becomes ASCII."""
    assert sender == parse_sender(text)


@pytest.mark.parametrize(
    "text", ["", "Acme", "Acme <>", "a@b@c", "ada@exa mple.com", "<a@b.de> x", "jürgen@example.com"]
)
def test_a_sender_that_is_none_names_the_setting(text: str) -> None:
    """Without a usable sender nothing starts, and the error says where to look."""
    with pytest.raises(SettingsError, match="SENDER"):
        parse_sender(text)


_lines = st.text(st.characters(exclude_categories=["Cs"]), max_size=100).map(clean_line)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_lines)
def test_a_subject_is_read_back_as_it_was(text: str) -> None:
    """Any line comes back from the standard library's parser, from lines of at most 78 in ASCII."""
    field = unstructured("Subject", f"To {text}".strip())
    assert field.isascii()
    assert max(map(len, field.split("\r\n"))) <= 78
    assert f"To {text}".strip() == _read(field)["Subject"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(_lines.map(lambda line: line[:10].strip()))
def test_a_display_name_is_read_back_as_it_was(text: str) -> None:
    """Any display name of one encoded word comes back (CPython puts spaces between several), beside one address."""
    field = mailbox("From", Sender(text, "hello@acme.example"))
    assert field.isascii()
    addresses = _read(field)["From"].addresses
    assert [(text, "hello@acme.example")] == [(each.display_name, each.addr_spec) for each in addresses]


def test_a_word_too_long_to_fold_becomes_encoded_words() -> None:
    """No line grows past 78, also when there is no space to fold at."""
    field = unstructured("Subject", "x" * 300)
    assert max(map(len, field.split("\r\n"))) <= 78
    assert "x" * 300 == _read(field)["Subject"]


@pytest.mark.parametrize("text", ["=?utf-8?q?hi?= there", "=?utf-8?b?aGkKQmNjOiB4?="])
def test_what_looks_like_an_encoded_word_is_not_decoded(text: str) -> None:
    """A text that imitates an encoded word is read as it was typed, in a subject and in a display name."""
    assert text == _read(unstructured("Subject", text))["Subject"]
    assert text == _read(mailbox("From", Sender(text, "hello@acme.example")))["From"].addresses[0].display_name


def test_a_date_is_in_utc() -> None:
    """Date is the instant in UTC, whatever the machine's zone."""
    assert "Sun, 03 May 2026 14:02:00 +0000" == date(1_777_816_920_999)


def test_a_date_is_of_its_own_second() -> None:
    """What is kept for the other messages of a second is not kept for the next."""
    dates = ["Sun, 03 May 2026 14:02:00 +0000"] * 2 + ["Sun, 03 May 2026 14:02:01 +0000"]
    assert dates == [date(now_ms) for now_ms in (1_777_816_920_000, 1_777_816_920_999, 1_777_816_921_000)]
