"""The check of a composed message: what is right passes, and each kind of damage alone is seen."""

import pytest

from gatepost.errors import ComposeError
from gatepost.mail.check import HEADER_FIELDS, check_message, header_fields
from tests.unit.mail.test_compose import COMPOSER, LINK, MESSAGE_ID, NOW_MS, compose, read

GOOD = compose().content
WORDS = b"Open this link"

BROKEN = {
    "one more field": GOOD.replace(b"List-Id:", b"Bcc: b@evil.example\r\nList-Id:"),
    "a field twice": GOOD.replace(b"List-Id:", b"To: b@evil.example\r\nList-Id:"),
    "a field less": GOOD.replace(b"Auto-Submitted: auto-generated\r\n", b""),
    "a field after an early end": GOOD.replace(b"List-Id:", b"\r\nList-Id:"),
    "a line that is no field": GOOD.replace(b"List-Id:", b"nonsense\r\nList-Id:"),
    "fields in another order": GOOD.replace(b"MIME-Version: 1.0\r\n", b"").replace(
        b"List-Id:", b"MIME-Version: 1.0\r\nList-Id:"
    ),
    "a folded line with nothing to read": GOOD.replace(b"List-Id:", b" \r\nList-Id:"),
    "a bare CR": GOOD.replace(WORDS, b"Open\rthis link"),
    "a bare LF": GOOD.replace(WORDS, b"Open\nthis link"),
    "a field after a bare LF": GOOD.replace(b"Subject: ", b"Subject: a\nBcc: b@evil.example "),
    "CR and LF the wrong way round": GOOD.replace(WORDS, b"Open\n\rthis link"),
    "a line of 999": GOOD.replace(WORDS, b"H" * 999),
    "a line of 999 in the header": GOOD.replace(b"Subject: ", b"Subject: " + b"H" * 960),
    "a last line of 999": GOOD + b"H" * 997 + b"\r\n",
    "NUL in the body": GOOD.replace(WORDS, b"Open\x00this link"),
    "a control character in the header": GOOD.replace(b"Subject: ", b"Subject: \x1b"),
    "a byte that is not ASCII in the body": GOOD.replace(WORDS, b"Open \xc3\xa9"),
    "a byte that is not ASCII in the subject": GOOD.replace(b"Subject: ", b"Subject: \xc3\xa9"),
    "an end that is none": GOOD + b"more\r\n",
    "one more part": GOOD.replace(WORDS, b"\r\n--=_gatepost_alternative\r\n"),
    "a part less": GOOD.replace(
        b"\r\n--=_gatepost_alternative\r\nContent-Type: text/html", b"\r\nContent-Type: text/html"
    ),
    "an end that is missing": GOOD.removesuffix(b"--=_gatepost_alternative--\r\n"),
    "a boundary behind text": GOOD.replace(b"\r\n--=_gatepost_alternative--", b"--=_gatepost_alternative--"),
    "nothing": b"",
}


URL = b"https://acme.example/mail/unsubscribe/" + b"A" * 64
WITH_BOTH = COMPOSER.compose(
    template="verification",
    locale="en",
    recipient="ada@example.com",
    message_id=MESSAGE_ID,
    values={"link": LINK},
    now_ms=NOW_MS,
    unsubscribe_url=URL.decode(),
)
POST = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
BROKEN_WITH_BOTH = {
    "neither": GOOD,
    "one of the two": WITH_BOTH.content.replace(POST, b""),
    "the other one": WITH_BOTH.content.replace(b"List-Unsubscribe: <" + URL + b">\r\n", b""),
    "both the wrong way round": WITH_BOTH.content.replace(POST, b"").replace(
        b"List-Unsubscribe:", POST + b"List-Unsubscribe:"
    ),
    "one twice": WITH_BOTH.content.replace(POST, POST * 2),
}


@pytest.mark.parametrize("content", BROKEN_WITH_BOTH.values(), ids=BROKEN_WITH_BOTH.keys())
def test_a_message_has_exactly_the_fields_its_composer_meant(content: bytes) -> None:
    """Both fields of RFC 8058 where its recipient can unsubscribe, and neither where not."""
    check_message(WITH_BOTH.content, WITH_BOTH.fields)
    with pytest.raises(ComposeError):
        check_message(content, WITH_BOTH.fields)
    with pytest.raises(ComposeError):
        check_message(WITH_BOTH.content)


def test_a_field_of_the_products_own_must_be_there() -> None:
    """In its place, and once."""
    own = header_fields(own=[b"X-Tag"], unsubscribe=True)
    tagged = WITH_BOTH.content.replace(b"MIME-Version:", b"X-Tag: 1\r\nMIME-Version:", 1)
    check_message(tagged, own)
    for content, fields in ((WITH_BOTH.content, own), (tagged, WITH_BOTH.fields)):
        with pytest.raises(ComposeError):
            check_message(content, fields)


def test_a_good_message_passes_the_check() -> None:
    """What the composer makes, the check takes, and the check knows all fields."""
    check_message(GOOD)
    assert {name.decode() for name in HEADER_FIELDS} == set(read(GOOD).keys())


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_the_check_sees_what_is_wrong(content: bytes) -> None:
    """Each kind of damage alone is refused, so that no mistake in composing gets on the wire."""
    assert content != GOOD
    with pytest.raises(ComposeError):
        check_message(content)
