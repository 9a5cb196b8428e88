"""How values of posts are read: what cannot be kept is left out, and what is read is what stands there."""

import math

import pytest

from gatepost.feedback.providers import reading

NOW_MS = 1_795_478_400_000


@pytest.mark.parametrize(
    ("value", "replies", "expected"),
    [
        ("5.1.1", (), "5.1.1"),
        (" 4.2.2 ", (), "4.2.2"),
        ("2.0.0", (), "2.0.0"),
        ("5.1.10", (), "5.1.10"),
        (None, ("550 5.1.1 no such user",), "5.1.1"),
        (None, ("550-5.1.1 no such user",), "5.1.1"),
        (None, ("smtp; 550 5.1.1 no such user",), "5.1.1"),
        (None, ("smtp;550 5.1.1. Gone.",), "5.1.1"),
        (None, ("550 #5.1.0 Address rejected.",), "5.1.0"),
        (None, ("550 (#5.1.1) nobody",), "5.1.1"),
        ("", ("x", "452 4.2.2 full"), "4.2.2"),
        ("550", ("550 5.7.1 no",), "5.7.1"),
        (None, ("550 no such user",), None),
        (None, ("550 4.2.2 of another class",), None),
        (None, ("see 5.1.1 in the manual",), None),
        (None, ("1550 5.1.1",), None),
        (None, ("250.550 5.1.1",), None),
        (None, ("550 5.1.1.1 an address",), None),
        (None, ("550 5.1.1111",), None),
        ("3.1.1", (), None),
        ("5.1", (), None),
        ("5.1.1.1", (), None),
        (5.1, (5,), None),
        (None, ("x" * 3000 + " 550 5.1.1 too far away",), None),
    ],
)
def test_a_status_stands_alone_or_behind_a_reply_code(
    value: object, replies: tuple[object, ...], expected: str | None
) -> None:
    """Anywhere else three numbers may be an address, a version or a date."""
    assert expected == reading.status(value, *replies)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("550 no\r\n such\tuser\x00\x1b[31m", "550 no such user [31m"),
        ("  a  b  ", "a b"),
        ("schön 例え 💌", "schön 例え 💌"),
        ("\ud800x\udfff", "x"),
        ("\u2028\u202e\ufeff", None),
        ("", None),
        (" \n", None),
        (None, None),
        (5, None),
        ("x" * 600, "x" * 500),
        ("x" * 499 + " y", "x" * 499),
        ("\x00" * 5000, None),
    ],
)
def test_a_line_is_one_line_that_can_be_stored(value: object, expected: str | None) -> None:
    """Without control characters, halves of characters and signs that turn the direction of writing."""
    assert expected == reading.line(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ada@example.com", "ada@example.com"),
        (" Ada <ada@example.com> ", "ada@example.com"),
        ('"<x>" <ada@example.com>', "ada@example.com"),
        ("用户@例え.jp", "用户@例え.jp"),
        ("ada", None),
        ("@", None),
        ("a\x00@example.com", None),
        ("a\n@example.com", None),
        ("a\ud800@example.com", None),
        ("x" * 320 + "@example.com", None),
        (["ada@example.com"], None),
        (None, None),
    ],
)
def test_an_address_is_taken_as_it_stands(value: object, expected: str | None) -> None:
    """Out of its angle brackets; what cannot be one is left out."""
    assert expected == reading.address(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<abc@acme.example>", "abc@acme.example"),
        ("abc@acme.example", "abc@acme.example"),
        ("<a b@acme.example>", None),
        ("<abc>", None),
        ("<<abc@acme.example>>", None),
        ("abc@acme.example>", None),
        ("<ab\x00c@acme.example>", None),
        ("<äbc@acme.example>", None),
        ("x" * 1000 + "@acme.example", None),
        (None, None),
    ],
)
def test_a_message_id_stands_without_brackets(value: object, expected: str | None) -> None:
    """What is not written as one is left out."""
    assert expected == reading.message_id(value)


@pytest.mark.parametrize("value", ["019a9f2e-7c1d-7b2a-9c3d-4e5f60718293", "019A9F2E7C1D7B2A9C3D4E5F60718293"])
def test_a_row_id_has_hyphens_or_none(value: str) -> None:
    """Both are what {id} may have become on its way."""
    assert "019a9f2e-7c1d-7b2a-9c3d-4e5f60718293" == str(reading.row_id(value))


@pytest.mark.parametrize(
    "value",
    ["", "{019a9f2e-7c1d-7b2a-9c3d-4e5f60718293}", "urn:uuid:019a9f2e-7c1d-7b2a-9c3d-4e5f60718293", "0" * 31, 5],
)
def test_nothing_else_is_a_row_id(value: object) -> None:
    """Not what Python would take for one."""
    assert reading.row_id(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-24T00:00:00Z", NOW_MS),
        ("2026-11-24T00:00:00.000+00:00", NOW_MS),
        ("2026-11-23T19:00:00.0000000-05:00", NOW_MS),
        ("2026-11-24T00:00:00", NOW_MS),
        (NOW_MS // 1000, NOW_MS),
        (NOW_MS / 1000 + 0.25, NOW_MS + 250),
        (str(NOW_MS // 1000), NOW_MS),
        (0, 0),
    ],
)
def test_an_instant_is_read_from_text_and_number(value: object, expected: int) -> None:
    """ISO 8601, with any number of digits, and seconds since the epoch."""
    assert expected == reading.instant(value, 7)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, "", "now", "１２３", "²", -1, 1e300, math.inf, 10**400, "9" * 400, [], {}, 253_402_300_800),
        *("1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_what_is_no_instant_is_the_one_of_the_post(value: object) -> None:
    """A fact is not lost for its date."""
    assert 7 == reading.instant(value, 7)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("e1", "e1"), (42, "42"), ("x" * 500, "x" * 500), ("x" * 501, None), ("", None), ("a\x00", None), (True, None)],
)
def test_an_id_of_an_event_can_be_kept(value: object, expected: str | None) -> None:
    """Else one is made."""
    assert expected == reading.own_id(value)


def test_a_made_id_tells_its_parts_apart() -> None:
    """What ends one part cannot be taken into the next."""
    ids = {
        reading.made_id(*parts)
        for parts in (
            ("a", "b"),
            ("ab", ""),
            ("a", None, "b"),
            ('a","b',),
            ("a\ud800",),
            ("a",),
            (None,),
            ("None",),
            (),
        )
    }
    assert 9 == len(ids)
    assert all(64 == len(one) for one in ids)
