"""Mails that somebody made to break whoever reads them: real reports, changed at random."""

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.feedback.by_mail import read_mail
from gatepost.feedback.dsn import MAX_RECIPIENTS
from gatepost.feedback.entity import MAX_DEPTH, MAX_PARTS, Entity, read_entity
from gatepost.feedback.fact import MAX_EVENT_ID_CHARACTERS, Fact, Kind
from gatepost.feedback.report import MAX_TEXT_CHARACTERS
from gatepost.mail.address import MAX_ADDRESS_BYTES
from tests.feedback.reports import KEY, MESSAGE_ID, NOW_MS, RETURN_PATH, ROW_ID, SAMPLES

# `REPORT_CASES=20000 pytest tests/feedback/test_reports_fuzzed.py` tries more.
CASES = int(os.environ.get("REPORT_CASES", "300"))

PIECES = (
    *(
        "\n",
        "\r\n",
        "\r",
        "\n\n",
        " ",
        "\t",
        "\n ",
        "\x00",
        "\x1b[2J",
        "\x85",
        "\u2028",
        "\u202e",
        "\u212a",
        "=",
        "=\n",
    ),
    *(
        "--",
        "--b",
        "--b--",
        ":",
        ";",
        ",",
        '"',
        "\\",
        "<",
        ">",
        "<>",
        "@",
        "+",
        "(",
        ")",
        "=?utf-8?b?4pyT?=",
        "=?",
        "=0A",
    ),
    *("Action: failed\n", "Action: delivered\n", "Action:\n", "Status: 5.1.1\n", "Status: 5.2.2\n", "Status: 9.9.9\n"),
    *("Final-Recipient: rfc822; a@b.example\n", "Final-Recipient:\n", "Diagnostic-Code: smtp; 550 5.1.1 no\n"),
    *("Content-Type: multipart/report; boundary=b\n\n--b\n", "Content-Type: message/delivery-status\n\n"),
    *("Content-Type: message/feedback-report\n\nFeedback-Type: abuse\n", "Content-Transfer-Encoding: base64\n"),
    *("Content-Transfer-Encoding: quoted-printable\n", "boundary=", "multipart/report", "message/rfc822\n\n"),
    *("Message-ID: <x@y.example>\n", f"Message-ID: <{MESSAGE_ID}>\n", f"To: {RETURN_PATH}\n", RETURN_PATH[:20]),
    *("Date: Tue, 24 Nov 2026 00:03:10 +0000\n", "Date: Sat, 99 Feb 99999 25:61:61 -9999\n", "Date: -1\n", "x" * 3_000),
)

edits = st.tuples(
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 40),
    st.sampled_from(PIECES).map(str.encode) | st.binary(max_size=8),
)
mails = st.tuples(st.sampled_from(sorted(SAMPLES)), st.lists(edits, max_size=12), st.integers(0, 2))


def changed(name: str, changes: list[tuple[float, int, bytes]], more: int) -> bytes:
    """A report in which bytes were taken out and others put in, and which was written into itself so often."""
    mail = SAMPLES[name].encode()
    for place, cut, piece in changes:
        begin = int(place * len(mail))
        mail = mail[:begin] + piece + mail[begin + cut :]
    for _ in range(more):
        middle = len(mail) // 2
        mail = mail[:middle] + mail + mail[middle:]
    return mail


def assert_bounded(entity: Entity, depth: int = 0) -> None:
    """Not more parts than there may be, and no work without an end."""
    assert len(entity.parts()) <= MAX_PARTS
    if depth < MAX_DEPTH:
        for part in entity.parts():
            assert len(part.body) <= len(entity.body)
            assert_bounded(part, depth + 1)


def assert_may_be_kept(fact: Fact) -> None:
    """Every text fits the database, and nothing names a message that no key of ours vouches for."""
    assert fact.row_id in (ROW_ID, None)
    assert not fact.proven
    assert 0 <= fact.at <= NOW_MS
    assert 1 <= len(fact.event_id) <= MAX_EVENT_ID_CHARACTERS
    assert (fact.kind is Kind.BOUNCED) == (fact.bounce is not None)
    for text, most in ((fact.message_id, 250), (fact.recipient, MAX_ADDRESS_BYTES), (fact.text, MAX_TEXT_CHARACTERS)):
        assert text is None or (0 < len(text) <= most and text.isprintable() and text.encode())


@settings(max_examples=CASES, deadline=None, derandomize=True, database=None)
@given(mails)
def test_s114_a_changed_report_is_read_without_an_error(mail: tuple[str, list[tuple[float, int, bytes]], int]) -> None:
    """Whatever is cut out of a report or put into it: it is read within the bounds, and what is found may be kept."""
    raw = changed(*mail)
    found = read_mail(raw, keys=[KEY], now_ms=NOW_MS)
    assert bool(found.facts) != bool(found.nothing)
    assert len(found.facts) <= MAX_RECIPIENTS
    for fact in found.facts:
        assert_may_be_kept(fact)
    assert_bounded(read_entity(raw))
    assert found == read_mail(raw, keys=[KEY], now_ms=NOW_MS)


@settings(max_examples=CASES, deadline=None, derandomize=True, database=None)
@given(
    st.binary(max_size=2_000) | st.lists(st.sampled_from(PIECES), max_size=60).map(lambda all: "".join(all).encode())
)
def test_any_bytes_are_read_without_an_error(raw: bytes) -> None:
    """Bytes that are no mail at all are no report, or one whose facts may be kept."""
    for fact in read_mail(raw, keys=[KEY], now_ms=NOW_MS).facts:
        assert_may_be_kept(fact)
