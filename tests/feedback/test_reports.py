"""Reports by mail: what each says, which message it names, and what is believed of it."""

import base64
import re
import uuid
from collections.abc import Sequence

import pytest

from gatepost.feedback.by_mail import NO_REPORT, SAYS_NOTHING, TOO_LONG, read_mail
from gatepost.feedback.dsn import MAX_RECIPIENTS
from gatepost.feedback.entity import (
    MAX_DEPTH,
    MAX_FIELD_CHARACTERS,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_MAIL_BYTES,
    MAX_PARTS,
    read_entity,
    read_fields,
)
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.mail.return_path import make
from tests.feedback.reports import (
    COMPLAINT,
    EXIM,
    KEY,
    MESSAGE_ID,
    NOW_MS,
    POSTFIX,
    RETURN_PATH,
    ROW_ID,
    SAMPLES,
    status_report,
)

ABOUT_MESSAGE = "Reporting-MTA: dns; mx.acme.example"
FAILED = "Final-Recipient: rfc822; gone@example.com\nAction: failed\nStatus: 5.1.1"


def facts_of(mail: str | bytes, keys: Sequence[bytes] = (KEY,)) -> Sequence[Fact]:
    """The facts in a mail."""
    return read_mail(mail.encode() if isinstance(mail, str) else mail, keys=keys, now_ms=NOW_MS).facts


def fact_of(mail: str | bytes, keys: Sequence[bytes] = (KEY,)) -> Fact:
    """The one fact in a mail."""
    (fact,) = facts_of(mail, keys)
    return fact


@pytest.mark.parametrize(
    ("server", "status", "bounce", "row_id", "recipient", "text"),
    [
        ("Postfix", "5.1.1", Bounce.HARD, ROW_ID, "Gone@example.com", "550 5.1.1 <gone@example.com>: Recipient"),
        ("Exim", "5.2.2", Bounce.SOFT, ROW_ID, "gone@example.com", "552-5.2.2 The recipient's mailbox is full"),
        ("Gmail", "5.1.1", Bounce.HARD, None, "gone@example.com", "550-5.1.1 The email account that you tried"),
        ("Exchange", "5.1.10", Bounce.HARD, ROW_ID, "gone@example.com", "550 5.1.10 RESOLVER.ADR.RecipientNotFound;"),
    ],
)
def test_a_bounce_says_what_became_of_the_message(
    server: str, status: str, bounce: Bounce, row_id: uuid.UUID | None, recipient: str, text: str
) -> None:
    """Which message, for whom, why, when, and that nobody proved it: as each server writes it."""
    fact = fact_of(SAMPLES[server])
    assert ("dsn", Kind.BOUNCED, bounce, status) == (fact.source, fact.kind, fact.bounce, fact.status)
    assert (row_id, MESSAGE_ID, recipient) == (fact.row_id, fact.message_id, fact.recipient)
    assert fact.text is not None
    assert fact.text.startswith(text)
    assert NOW_MS - 5_000 == fact.at
    assert not fact.proven


def test_a_complaint_names_the_message_it_is_about() -> None:
    """By the return path and by the Message-ID of what came back with it."""
    fact = fact_of(COMPLAINT)
    assert ("arf", Kind.COMPLAINED, None, None) == (fact.source, fact.kind, fact.bounce, fact.status)
    assert (ROW_ID, MESSAGE_ID, "gone@example.com") == (fact.row_id, fact.message_id, fact.recipient)
    assert ("abuse, by SomeGenerator/1.0", False) == (fact.text, fact.proven)
    assert NOW_MS - 45_000 == fact.at


@pytest.mark.parametrize(
    ("type", "kinds"),
    [
        ("abuse", [Kind.COMPLAINED]),
        ("FRAUD", [Kind.COMPLAINED]),
        ("opt-out", [Kind.UNSUBSCRIBED]),
        ("not-spam", []),
        ("virus", []),
        ("auth-failure", []),
        ("other", []),
    ],
)
def test_only_what_a_person_said_is_a_complaint(type: str, kinds: list[Kind]) -> None:
    """Reports of machines, and those that say the contrary, are no complaints."""
    read = read_mail(COMPLAINT.replace("Type: abuse", f"Type: {type}").encode(), keys=[KEY], now_ms=NOW_MS)
    assert kinds == [fact.kind for fact in read.facts]
    assert ("" if kinds else SAYS_NOTHING) == read.nothing


@pytest.mark.parametrize(
    ("fields", "kind", "status", "bounce"),
    [
        ("Action: delayed\nStatus: 4.4.1", Kind.DELAYED, "4.4.1", None),
        ("Action: delivered\nStatus: 2.1.5", Kind.DELIVERED, "2.1.5", None),
        ("Action: expanded\nStatus: 2.0.0", Kind.DELIVERED, "2.0.0", None),
        ("Action: FAILED (gave up)\nStatus: 4.4.7 (too long)", Kind.BOUNCED, "4.4.7", Bounce.OTHER),
        ("Action: failed\nStatus: 4.2.2", Kind.BOUNCED, "4.2.2", Bounce.SOFT),
        ("Action: failed\nStatus: 5.7.1", Kind.BOUNCED, "5.7.1", Bounce.OTHER),
        ("Action: failed", Kind.BOUNCED, None, Bounce.OTHER),
        ("Action: failed\nStatus: 5.1.1.1", Kind.BOUNCED, None, Bounce.OTHER),
        ("Status: 5.1.1", Kind.BOUNCED, "5.1.1", Bounce.HARD),
        ("Action: failed\nDiagnostic-Code: smtp; 550 5.1.1 gone", Kind.BOUNCED, "5.1.1", Bounce.HARD),
        ("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 No", Kind.BOUNCED, "5.0.0", Bounce.OTHER),
        ("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: X-Unix; 5.1.1", Kind.BOUNCED, "5.0.0", Bounce.OTHER),
        ("Action: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.1.1 no", Kind.BOUNCED, "5.7.1", Bounce.OTHER),
    ],
)
def test_action_and_status_say_what_happened(
    fields: str, kind: Kind, status: str | None, bounce: Bounce | None
) -> None:
    """The action counts; the reply of the recipient's server counts where the status says nothing."""
    fact = fact_of(status_report(ABOUT_MESSAGE, f"Final-Recipient: rfc822; gone@example.com\n{fields}"))
    assert (kind, status, bounce) == (fact.kind, fact.status, fact.bounce)


@pytest.mark.parametrize("action", ["relayed", "something-else", "failed-not"])
def test_an_action_that_tells_no_end_is_no_fact(action: str) -> None:
    """What went on to where nobody tells more, or what no standard knows, moves nothing."""
    group = f"Final-Recipient: rfc822; gone@example.com\nAction: {action}\nStatus: 5.1.1"
    assert SAYS_NOTHING == read_mail(status_report(ABOUT_MESSAGE, group), keys=[KEY], now_ms=NOW_MS).nothing


def test_s114_a_forged_return_path_names_nothing() -> None:
    """Without our key nobody writes one: only a Message-ID then says which message the report is about."""
    forged = make(b"f" * 32, "bounces@mail.acme.example", ROW_ID)
    fact = fact_of(POSTFIX.replace(RETURN_PATH, forged))
    assert (None, MESSAGE_ID) == (fact.row_id, fact.message_id)
    fact = fact_of(status_report(ABOUT_MESSAGE, FAILED, original="", to=forged))
    assert (None, None, False) == (fact.row_id, fact.message_id, fact.proven)


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"])
def test_the_return_path_is_found_wherever_a_server_writes_it(name: str) -> None:
    """Mail servers say in several ways for whom a mail came; To may name somebody else."""
    mail = status_report(ABOUT_MESSAGE, FAILED, original="", to="hello@acme.example", head=f"{name}: {RETURN_PATH}\n")
    assert ROW_ID == fact_of(mail).row_id


def test_the_return_path_of_the_message_that_came_back_counts_too() -> None:
    """A report that was redirected to another mailbox still holds it."""
    original = f"Return-Path: <{RETURN_PATH.upper()}>\n"
    assert ROW_ID == fact_of(status_report(ABOUT_MESSAGE, FAILED, original=original, to="hello@acme.example")).row_id


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_same_report_is_the_same_fact(sample: str) -> None:
    """However often the mail comes, and over however many servers; another report is another fact."""
    again = sample.replace("\r\n", "\n")
    again = f"Received: from elsewhere.example\n\tby here.example\nDelivered-To: somebody@here.example\n{again}"
    assert fact_of(sample).event_id == fact_of(again).event_id
    other = re.sub(r"(?im)^Message-ID: <([0-9A-Ef.-]+)", r"Message-ID: <x\1", sample, count=1)
    assert other != sample
    assert fact_of(sample).event_id != fact_of(other).event_id


def test_reports_without_a_message_id_are_told_apart_by_what_they_say() -> None:
    """A delay and then a failure are two facts, each of them once."""
    delayed = FAILED.replace("failed", "delayed").replace("5.1.1", "4.4.1")
    first, second = (status_report(ABOUT_MESSAGE, group) for group in (delayed, FAILED))
    assert fact_of(first).event_id != fact_of(second).event_id
    other = status_report(ABOUT_MESSAGE.replace("mx.", "mx2."), FAILED)
    assert fact_of(second).event_id != fact_of(other).event_id
    assert fact_of(second).event_id == fact_of(b"Received: from a.example\n" + second).event_id


def test_each_recipient_of_a_report_is_a_fact() -> None:
    """Where the message went on to several there are several, all about the same message, up to a bound."""
    groups = [FAILED.replace("gone@", f"gone-{number}@") for number in range(MAX_RECIPIENTS + 5)]
    facts = facts_of(status_report(ABOUT_MESSAGE, *groups, head="Message-ID: <1@mx.example>\n"))
    assert MAX_RECIPIENTS == len(facts) == len({fact.event_id for fact in facts})
    assert {ROW_ID} == {fact.row_id for fact in facts}


def test_a_report_without_a_group_about_the_message_is_read() -> None:
    """Some gateways leave it out, or write empty lines before it."""
    assert Kind.BOUNCED is fact_of(status_report(FAILED)).kind
    assert Kind.BOUNCED is fact_of(status_report("\n\n" + ABOUT_MESSAGE, FAILED)).kind


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 24 Nov 2126 00:00:00 +0000",
        "Mon, 24 Nov 1930 00:00:00 +0000",
        "Tue, 99 Foo 0000 99:99 +9999",
        "Tue, 24 Nov 99999 00:00:00 +0000",
        "yesterday",
        "",
    ],
)
def test_a_date_that_cannot_be_is_not_believed(date: str) -> None:
    """What is later than now happened now; for what is no date, or before all mail, the date of the report counts."""
    fact = fact_of(status_report(ABOUT_MESSAGE, f"{FAILED}\nLast-Attempt-Date: {date}"))
    assert (NOW_MS if "2126" in date else NOW_MS - 5_000) == fact.at


def test_a_report_may_be_encoded_and_wrapped() -> None:
    """Parts in base64 and quoted-printable, a wrapper of a gateway, and the first line of a mailbox file are read."""
    status = base64.encodebytes(f"{ABOUT_MESSAGE}\r\n\r\n{FAILED}\r\n".encode()).decode()
    inner = (
        "Content-Type: multipart/report; boundary=in\n\n--in\nContent-Type: message/delivery-status\n"
        f"Content-Transfer-Encoding: BASE64\n\n{status}\n--in\nContent-Type: text/rfc822-headers\n"
        f"Content-Transfer-Encoding: quoted-printable\n\nMessage-ID: =3C{MESSAGE_ID}=3E\n--in--\n"
    )
    outer = (
        "From MAILER-DAEMON Tue Nov 24 00:03:10 2026\nMessage-ID: <1@list.example>\n"
        f'Content-Type: multipart/mixed; boundary="out \\" side"\n\n--out " side\n{inner}\n--out " side--\n'
    )
    fact = fact_of(outer)
    assert (Kind.BOUNCED, "5.1.1", MESSAGE_ID) == (fact.kind, fact.status, fact.message_id)


def test_what_is_encoded_wrongly_is_read_as_far_as_it_is_right() -> None:
    """Base64 with a letter too many or with spaces in it is decoded up to there, and no error."""
    for encoded, decoded in (("QUJDR", b"ABC"), ("Q U\nJ-D", b"ABC"), ("QQ", b"A"), ("=", b"")):
        assert decoded == read_entity(f"Content-Transfer-Encoding: base64\n\n{encoded}".encode()).content()


def test_what_stands_behind_the_end_of_a_multipart_is_no_part() -> None:
    """What a list writes under a mail is not read, nor is what stands before its first part."""
    mail = "Content-Type: multipart/mixed; boundary=b\n\nbefore\n--b\n\none\n--b \n\ntwo\n--b--\nbehind\n--b\n\nthree\n"
    assert [b"one", b"two"] == [part.body for part in read_entity(mail.encode()).parts()]
    assert [] == read_entity(mail.replace("mixed", "").replace("boundary", "bound").encode()).parts()


def test_what_is_no_report_is_said_to_be_none() -> None:
    """An answer of a person or of a robot, and a receipt (RFC 8098), are no facts, whomever they are for."""
    receipt = EXIM.replace("message/delivery-status", "message/disposition-notification")
    for mail in ("", "\n", f"To: {RETURN_PATH}\nSubject: Re: hello\n\nThanks!\n", receipt):
        assert NO_REPORT == read_mail(mail.encode(), keys=[KEY], now_ms=NOW_MS).nothing


def test_a_mail_that_is_too_long_is_not_read() -> None:
    """The bound is on the bytes of the mail as it came."""
    fits = POSTFIX.encode().ljust(MAX_MAIL_BYTES, b"\n")
    assert "" == read_mail(fits, keys=[KEY], now_ms=NOW_MS).nothing
    assert TOO_LONG == read_mail(fits + b"\n", keys=[KEY], now_ms=NOW_MS).nothing


def test_what_a_report_says_is_kept_as_one_printable_line() -> None:
    """Control characters and endless words of strangers reach neither the database nor a terminal."""
    words = "550 5.1.1 \x1b[31mred\x00\u202e " + "long " * 600
    fact = fact_of(status_report(ABOUT_MESSAGE, f"{FAILED}\nDiagnostic-Code: smtp; {words}"))
    assert fact.text is not None
    assert fact.text.startswith("550 5.1.1 [31mred long long")
    assert len(fact.text) <= 500
    assert fact.text.isprintable()
    hostile = status_report(ABOUT_MESSAGE, FAILED.replace("gone@", "go\x00ne@"), original="Message-ID: <a\x00b@c>\n")
    assert (None, None) == (fact_of(hostile).recipient, fact_of(hostile).message_id)
    assert fact_of(status_report(ABOUT_MESSAGE, FAILED.replace("gone@", "g" * 250 + "@"))).recipient is None


def test_an_address_that_is_not_ascii_is_kept_as_it_is() -> None:
    """RFC 6533 writes it in UTF-8."""
    group = "Final-Recipient: utf-8; jörg@example.com\nAction: failed\nStatus: 5.1.1"
    mail = status_report(ABOUT_MESSAGE, group).replace(b"message/delivery", b"message/global-delivery")
    assert "jörg@example.com" == fact_of(mail).recipient


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_report_that_was_cut_off_is_no_error(sample: str) -> None:
    """At whatever byte it ends; what was read before the cut names the message or nothing."""
    raw = sample.encode()
    for end in range(0, len(raw), 7):
        for fact in facts_of(raw[:end]):
            assert fact.row_id in (ROW_ID, None)


def test_parts_and_depth_are_bounded() -> None:
    """A mail of many parts, or of parts in parts without an end, is read as far as the bounds go."""
    many = "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\n\nx\n" * 50_000
    assert MAX_PARTS == len(read_entity(many.encode()).parts())
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(5_000))
    assert () == tuple(facts_of(deep + POSTFIX))
    for depth, found in ((MAX_DEPTH - 1, 1), (MAX_DEPTH, 0)):
        around = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(depth))
        assert found == len(facts_of(around + POSTFIX))


def test_header_fields_are_bounded() -> None:
    """So many, of such a length, in so long a head; what comes after is not looked at, and what fits is."""
    fields = read_fields(b"A: b\n" * (MAX_FIELDS - 1) + b"To: c\n" * 2)
    assert (MAX_FIELDS, ["c"]) == (len(fields), fields.every("to"))
    assert "x" * MAX_FIELD_CHARACTERS == read_fields(b"To: %b\n" % (b"x" * (MAX_FIELD_CHARACTERS + 1))).first("to")
    long = b"A: %b\n" % (b"x" * (MAX_HEAD_BYTES - 12))
    assert "c" == read_fields(long + b"To: c\n").first("to")
    assert "" == read_fields(b"A: in the way\n" + long + b"To: c\n").first("to")


def test_fields_are_read_as_they_are_folded_and_spelled() -> None:
    """Names in any case, spaces before the colon, lines that are no fields, and values over several lines."""
    fields = read_fields(b"To : a\nno field\n\tnor this\nTO:\n b\n\tc\n: d\n To: e\n\nTo: f\n")
    assert ["a", "b c"] == fields.every("to")
    assert "" == fields.first("cc")


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "--",
            "--b",
            "--b--",
            "\n",
            "\n\n",
            "a: b\n",
            " ",
            "\t\n ",
            ";",
            '"',
            "\\",
            "<",
            "<a@b>",
            "=",
            "=?",
            "(",
            "To: a\n",
        ),
        *(
            "--b\n",
            "--b\n\n",
            "Status: 5.1.1\n\n",
            "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
            "\x00",
            "ÿ",
            "é",
        ),
        *('; a="', '; a="\\', "Message-ID: <", "Final-Recipient: rfc822; a@b\nAction: failed\n\n", "multipart/report;"),
    ],
)
@pytest.mark.parametrize("head", ["", "Content-Type: multipart/report; boundary=b\n\n", "Content-Type: ", "To: "])
def test_a_megabyte_of_anything_is_read(head: str, piece: str) -> None:
    """Whatever is repeated up to the limit, in whatever place, ends and is no error."""
    for before in (head, f"{head}--b\nContent-Type: message/delivery-status\n\n"):
        mail = (before + piece * (MAX_MAIL_BYTES // len(piece.encode()))).encode()[:MAX_MAIL_BYTES]
        assert len(facts_of(mail)) <= MAX_RECIPIENTS
