"""What a reply means, without a server."""

import pytest

from gatepost.transport.reply import Outcome, Phase, broken_off, enhanced_status, judge, one_line
from gatepost.transport.wire import on_the_wire

OPENING = [Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.AUTH]
OFFERING = [Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.CONTENT]


@pytest.mark.parametrize("phase", OPENING)
@pytest.mark.parametrize("code", [-1, 421, 451, 500, 535, 554])
def test_before_mail_every_reply_is_the_servers_matter(phase: Phase, code: int) -> None:
    """No reply before MAIL says anything about the message."""
    assert judge(code, "", phase, None).outcome is Outcome.UNREACHABLE


def test_only_2yz_to_the_content_accepts() -> None:
    """Of all codes, only 200 to 299 as the final reply mean that the message was accepted."""
    asked = [(phase, code) for phase in Phase for code in range(-1, 1000)]
    accepting = [pair for pair in asked if judge(pair[1], "", pair[0], None).outcome is Outcome.ACCEPTED]
    assert accepting == [(Phase.FINAL_REPLY, code) for code in range(200, 300)]


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [(OPENING, Outcome.UNREACHABLE), (OFFERING, Outcome.TRANSIENT), ([Phase.FINAL_REPLY], Outcome.UNKNOWN)],
)
def test_a_broken_line_is_unknown_only_after_the_final_dot(phases: list[Phase], outcome: Outcome) -> None:
    """Before the final dot a broken line is certain."""
    assert {broken_off("gone", phase, None).outcome for phase in phases} == {outcome}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1 No such user", "5.1.1"),
        ("2.0.0", "2.0.0"),
        ("4.123.999 x", "4.123.999"),
        ("5.1.1.1 an address", None),
        ("3.1.1 no such class", None),
        ("No such user 5.1.1", None),
        ("5.1.1234 x", None),
        ("", None),
    ],
)
def test_an_enhanced_status_stands_at_the_start(text: str, status: str | None) -> None:
    """class.subject.detail is taken from the start of the text only (RFC 2034)."""
    assert enhanced_status(text) == status


def test_an_enhanced_status_of_another_class_is_ignored() -> None:
    """A 550 whose text claims 4.2.2 contradicts itself: the code decides."""
    assert judge(550, "4.2.2 Mailbox full", Phase.RCPT, None).enhanced_status is None


def test_text_has_no_control_characters_and_an_end() -> None:
    """What a server says can be stored, logged and shown as it is."""
    assert one_line("a\r\nb\x00\x1b[0m\u202e\u2028\udcff c") == "a b [0m c"
    assert len(one_line("x" * 10_000)) == 500


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\nb", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
        (b"a\0b\r\n", b"a\0b\r\n.\r\n"),
    ],
)
def test_content_ends_exactly_once(content: bytes, wire: bytes) -> None:
    """Whatever line ends and dots the content has, the one final dot is ours, for strict and for lenient servers."""
    assert on_the_wire(content) == wire
    assert wire.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n.\n") == 1
