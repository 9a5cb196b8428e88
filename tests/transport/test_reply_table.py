"""The table of replies: every code of RFC 5321 and every status IANA lists has its meaning and its sentence."""

import itertools
import re

import pytest

from gatepost.transport.outcome import Fault, Outcome, Phase
from gatepost.transport.reply import broken_off, judge
from gatepost.transport.reply_table import BROKEN, LACKING, LATE, OPENING, TABLE, WITHOUT_REPLY, explain, row_for

ACCEPTED, TRANSIENT, PERMANENT, UNREACHABLE, UNKNOWN = (
    Outcome.ACCEPTED,
    Outcome.TRANSIENT,
    Outcome.PERMANENT,
    Outcome.UNREACHABLE,
    Outcome.UNKNOWN,
)
CONNECT, TLS, GREETING, AUTH, MAIL, RCPT, DATA, CONTENT, FINAL = Phase

# RFC 5321, 4.2.3, RFC 7504 (521, 556) and RFC 4954, 6: each code with a step it may answer, and what follows.
CODES = [
    (211, RCPT, TRANSIENT, None),
    (214, RCPT, TRANSIENT, None),
    (220, RCPT, TRANSIENT, None),
    (221, RCPT, TRANSIENT, None),
    (235, MAIL, TRANSIENT, None),
    (250, DATA, TRANSIENT, None),
    (250, FINAL, ACCEPTED, None),
    (251, FINAL, ACCEPTED, None),
    (252, FINAL, ACCEPTED, None),
    (334, MAIL, TRANSIENT, None),
    (354, RCPT, TRANSIENT, None),
    (354, FINAL, UNKNOWN, None),
    (421, GREETING, UNREACHABLE, Fault.CLOSING),
    (421, TLS, UNREACHABLE, Fault.CLOSING),
    (421, AUTH, UNREACHABLE, Fault.CLOSING),
    (421, MAIL, UNREACHABLE, Fault.CLOSING),
    (421, RCPT, UNREACHABLE, Fault.CLOSING),
    (421, FINAL, TRANSIENT, Fault.CLOSING),
    (432, AUTH, UNREACHABLE, Fault.CLOSING),
    (450, RCPT, TRANSIENT, None),
    (450, GREETING, UNREACHABLE, Fault.CLOSING),
    (451, FINAL, TRANSIENT, None),
    (452, MAIL, TRANSIENT, None),
    (454, TLS, UNREACHABLE, Fault.TLS),
    (454, AUTH, UNREACHABLE, Fault.CLOSING),
    (454, RCPT, TRANSIENT, None),
    (455, MAIL, TRANSIENT, None),
    (500, MAIL, PERMANENT, None),
    (501, RCPT, PERMANENT, None),
    (502, DATA, PERMANENT, None),
    (502, GREETING, UNREACHABLE, Fault.CLOSING),
    (503, RCPT, PERMANENT, None),
    (504, AUTH, UNREACHABLE, Fault.AUTHENTICATION),
    (504, MAIL, PERMANENT, None),
    (521, GREETING, UNREACHABLE, Fault.CLOSING),
    (521, MAIL, PERMANENT, None),
    (530, MAIL, UNREACHABLE, Fault.AUTHENTICATION),
    (530, FINAL, TRANSIENT, Fault.AUTHENTICATION),
    (534, AUTH, UNREACHABLE, Fault.AUTHENTICATION),
    (534, RCPT, UNREACHABLE, Fault.AUTHENTICATION),
    (535, AUTH, UNREACHABLE, Fault.AUTHENTICATION),
    (535, DATA, UNREACHABLE, Fault.AUTHENTICATION),
    (535, FINAL, TRANSIENT, Fault.AUTHENTICATION),
    (538, MAIL, UNREACHABLE, Fault.AUTHENTICATION),
    (550, MAIL, PERMANENT, None),
    (550, RCPT, PERMANENT, None),
    (550, FINAL, PERMANENT, None),
    (551, RCPT, PERMANENT, None),
    (552, RCPT, TRANSIENT, None),
    (552, FINAL, PERMANENT, None),
    (553, RCPT, PERMANENT, None),
    (554, GREETING, UNREACHABLE, Fault.CLOSING),
    (554, RCPT, PERMANENT, None),
    (554, FINAL, PERMANENT, None),
    (555, RCPT, PERMANENT, None),
    (556, RCPT, PERMANENT, None),
    (299, FINAL, ACCEPTED, None),
    (499, RCPT, TRANSIENT, None),
    (599, RCPT, PERMANENT, None),
    (999, RCPT, TRANSIENT, None),
    (-1, FINAL, TRANSIENT, None),
    (-1, GREETING, UNREACHABLE, Fault.CLOSING),
]

# IANA's registry "SMTP Enhanced Status Codes": the last detail of each subject; they begin with 0.
LAST_DETAIL = {0: 0, 1: 10, 2: 4, 3: 6, 4: 7, 5: 6, 6: 10, 7: 30}
REGISTERED = [f"{subject}.{detail}" for subject, last in LAST_DETAIL.items() for detail in range(last + 1)]
HARD = ["1.1", "1.2", "1.3", "1.6", "1.10"]


@pytest.mark.parametrize(("code", "phase", "outcome", "fault"), CODES)
def test_a_code_has_its_meaning(code: int, phase: Phase, outcome: Outcome, fault: Fault | None) -> None:
    """What a code means where it was said, for the message and for the server."""
    reply = judge(code, "", phase, None)
    assert (reply.outcome, reply.fault) == (outcome, fault)


@pytest.mark.parametrize("status", REGISTERED)
def test_a_registered_status_has_its_meaning(status: str) -> None:
    """4.y.z defers and 5.y.z fails, wherever a message is refused; only a full mailbox defers in either class."""
    for phase in (MAIL, RCPT, DATA, FINAL):
        assert judge(450, f"4.{status} Words", phase, None).outcome is TRANSIENT
        expected = TRANSIENT if status == "2.2" else PERMANENT
        assert judge(550, f"5.{status} Words", phase, None).outcome is expected


@pytest.mark.parametrize("status", REGISTERED)
def test_a_registered_status_has_a_sentence_of_its_own(status: str) -> None:
    """The sentence comes from the status, not from the code beside it."""
    for outcome, code in ((TRANSIENT, 450), (PERMANENT, 550)):
        if (outcome, status) == (PERMANENT, "2.2"):
            continue  # no such attempt
        by_code = explain(outcome, RCPT, code, None)
        assert explain(outcome, RCPT, code, f"{code // 100}.{status}") not in (by_code, "")


@pytest.mark.parametrize("code", [550, 552, 554, 452, 422])
def test_a_full_mailbox_defers(code: int) -> None:
    """x.2.2 may have room tomorrow, whatever code stands before it."""
    said = f"{code // 100}.2.2 The mailbox is full"
    reply = judge(code, said, RCPT, None)
    assert (reply.outcome, reply.fault) == (TRANSIENT, None)
    sentence = explain(reply.outcome, reply.phase, reply.code, reply.enhanced_status)
    assert sentence == "The recipient's mailbox is full; it is tried again."


def test_a_message_that_is_too_big_fails() -> None:
    """552 5.3.4 does not get better by waiting, not even as an answer to the recipient."""
    assert {judge(552, "5.3.4 Too big", phase, None).outcome for phase in (MAIL, RCPT, FINAL)} == {PERMANENT}


def test_only_what_names_the_address_suppresses_it() -> None:
    """5.1.1, 5.1.2, 5.1.3, 5.1.6 and 5.1.10, as a permanent answer about the recipient; nothing else."""
    asked = itertools.product(Phase, (450, 550), (None, *REGISTERED))
    suppressing = {
        (phase, code, status)
        for phase, code, status in asked
        if row_for(phase, code, status and f"{code // 100}.{status}").suppresses
    }
    assert suppressing == {(phase, 550, status) for phase in (RCPT, DATA, CONTENT, FINAL) for status in HARD}


@pytest.mark.parametrize(
    ("phase", "timed_out", "fault"),
    [
        (CONNECT, False, Fault.CONNECTION),
        (CONNECT, True, Fault.CONNECTION),
        (TLS, False, Fault.TLS),
        (TLS, True, Fault.TLS),
        (GREETING, False, Fault.CONNECTION),
        (GREETING, True, Fault.SILENCE),
        (AUTH, False, Fault.CONNECTION),
        (AUTH, True, Fault.SILENCE),
        (MAIL, False, None),
        (MAIL, True, None),
        (RCPT, False, None),
        (RCPT, True, None),
        (DATA, False, None),
        (DATA, True, None),
        (CONTENT, False, None),
        (CONTENT, True, None),
        (FINAL, False, None),
        (FINAL, True, Fault.SILENCE),
    ],
)
def test_a_line_that_ends_shows_a_fault_of_the_server_or_not(
    phase: Phase, timed_out: bool, fault: Fault | None
) -> None:
    """Silence after the final dot is the server's fault; a line that drops there, or at a message, is not."""
    assert broken_off("gone", phase, None, timed_out=timed_out).fault is fault


def test_a_server_without_our_mechanism_is_an_operators_matter() -> None:
    """No mechanism of ours, or no token: the same as credentials that are refused."""
    assert broken_off("none", AUTH, None, said=LACKING).fault is Fault.AUTHENTICATION


def test_every_end_has_a_row() -> None:
    """Whatever is said, at whatever step, some row decides; unreachable always shows what is wrong with the server."""
    for phase, said, status in itertools.product(
        Phase, (*WITHOUT_REPLY, *range(200, 600)), (None, "4.99.99", "5.0.0", "2.0.0")
    ):
        row = row_for(phase, said, status)
        assert (row.outcome is UNREACHABLE) <= (row.fault is not None)
        assert (phase in OPENING) <= (row.outcome is UNREACHABLE)


def test_no_row_is_in_vain() -> None:
    """Each row decides at least one end: none stands in the shadow of those before it."""
    saids = [*WITHOUT_REPLY, *map(str, range(200, 600))]
    statuses = [None, "4.9.9", *(f"{kind}.{status}" for kind in (4, 5) for status in REGISTERED)]
    deciding = {
        row_for(phase, said, status)
        for phase in Phase
        for said in saids
        for status in statuses
        if status is None or (phase not in OPENING and said in ("450", "550") and said[0] == status[0])
    }
    assert [row for row in TABLE if row not in deciding] == []


def test_every_sentence_can_be_passed_on() -> None:
    """One sentence, from a capital to a full stop, without codes or names of ours, that says what follows."""
    for row in TABLE:
        assert re.fullmatch(r"[A-Z][^.]*\.", row.sentence), row
        assert not re.search(r"\d|_|None|\bRCPT\b|\bunreachable\b", row.sentence), row
        assert ("it is tried again" in row.sentence) is (row.outcome is TRANSIENT), row
        assert ("it is not tried again" in row.sentence) is (row.outcome is PERMANENT), row


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (("accepted", "final_reply", 250, "2.0.0"), "The mail server took the message over."),
        (("permanent", "rcpt", 550, "5.1.1"), "The recipient's mailbox does not exist; it is not tried again."),
        (("transient", "rcpt", 450, "4.2.0"), "Something is wrong with the recipient's mailbox; it is tried again."),
        (("permanent", "rcpt", None, None), "The message cannot be given to the mail server as it is; "),
        (("transient", "rcpt", None, None), "The connection to the mail server broke, or no answer "),
        (("unreachable", "connect", None, None), "No connection to the mail server could be made; that says "),
        (("unreachable", "auth", None, None), "Logging in to the mail server did not succeed; that says "),
        (("unreachable", "content", None, None), "No mail server could be used; that says nothing about the message"),
        (("unknown", "final_reply", None, None), "The mail server was given the whole message and did not say "),
        (("unknown", "final_reply", 250, None), "The content may have been taken, and nobody said so; "),
        (("unknown", "content", None, None), "The content may have been taken, and nobody said so; "),
        (("worker_died", None, None, None), "The process died while it had the message; "),
        (("given_back", "rcpt", None, None), "The service stopped before it had handed anything over; "),
        (("not_marked", "data", None, None), "The database could not write at this moment"),
        (("not_composed", "connect", None, None), "No mail could be made of it"),
        (("not_ours", "data", None, None), "Another worker had taken the message meanwhile"),
        (("of tomorrow", "a step", 299, "x"), "What came of it has no explanation here."),
    ],
)
def test_a_stored_attempt_is_explained(attempt: tuple[str, str | None, int | None, str | None], sentence: str) -> None:
    """From what a row keeps of an attempt, whoever decided it."""
    assert explain(*attempt).startswith(sentence)


def test_what_was_judged_is_explained_by_the_row_that_judged_it() -> None:
    """The sentence of a stored attempt is that of the row that decided, for every code and every kind of silence."""
    for phase, code in itertools.product(Phase, range(200, 600)):
        reply = judge(code, "", phase, None)
        assert explain(reply.outcome, phase, reply.code, None) == row_for(phase, code, None).sentence
    for phase, said in itertools.product(Phase, (BROKEN, LATE)):
        row = row_for(phase, said, None)
        assert explain(row.outcome, phase, None, None) == row.sentence
