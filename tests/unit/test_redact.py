"""The last line against secrets in logs."""

import time

import pytest

from gatepost.observe.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /verify?token=abc_DEF-123 HTTP/1.1", "GET /verify?token=*** HTTP/1.1"),
        ("/reset?x=1&token=abc&y=2", "/reset?x=1&token=***&y=2"),
        ("next=%2Fverify%3Ftoken%3Dabcdef", "next=%2Fverify%3Ftoken%3D***"),
        ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
        ("headers={'authorization': 'Basic dXNlcjpwYXNz'}", "headers={'authorization': '***'}"),
        ("sent AUTH PLAIN AHVzZXIAcGFzcw==", "sent AUTH PLAIN ***"),
        ('{"password": "hunter2", "email": "x"}', '{"password": "***", "email": "x"}'),
        ("current_password=hunter2;next", "current_password=***;next"),
        ("Set-Cookie: __Host-gatepost=abc", "Set-Cookie: ***"),
        ("GATEPOST_SECRET_KEYS=abc", "GATEPOST_SECRET_KEYS=***"),
        ("api_key=abc api-key: def", "api_key=*** api-key: ***"),
        ("smtp://user:hunter2@mail.example.com:587 refused", "smtp://***@mail.example.com:587 refused"),
        ("550 5.1.1 <bob.smith@example.com>: no such user", "550 5.1.1 <b***@example.com>: no such user"),
        ("zoë@example.com", "z***@example.com"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    """Tokens, passwords, logins and addresses go, the rest of the sentence stays."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a***@example.com",
        "250 2.0.0 Ok: queued as 4F2A1",
        "the token is unknown",
        "message=0197a1c2-9d4e-7c11-8f3a-3b1f2f6f7e11 state=accepted",
        "127.0.0.1:2525",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    """Masking twice is masking once, and ordinary sentences are not touched."""
    assert redact(text) == text


@pytest.mark.parametrize(
    "evil", ["a" * 16_000, "@" * 16_000, "a@" * 8_000, "token" * 3_200, "://" * 5_000, "a." * 8_000 + "@"]
)
def test_no_text_makes_masking_slow(evil: str) -> None:
    """Work grows with the length and not with its square: a log line never holds up the loop."""
    began = time.perf_counter()
    redact(evil, kept=16_000)
    assert time.perf_counter() - began < 0.5


def test_a_long_text_is_cut() -> None:
    """No text fills the log."""
    assert redact("x" * 3000) == "x" * 2000 + "…"
    assert redact("x" * 30, kept=10) == "x" * 10 + "…"
