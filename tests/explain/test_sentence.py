"""The one sentence about a message: what support reads out."""

import itertools
from collections.abc import Iterable, Iterator

import pytest

from gatepost.accounts.link_opens import Open
from gatepost.explain.reasons import REASONS
from gatepost.explain.sentence import MAX_CHARACTERS, sentence
from gatepost.explain.story import Story
from gatepost.feedback.history import FactRow
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow
from gatepost.transport.reply_statuses import NO_SUCH_ADDRESS, STATUSES
from gatepost.transport.reply_table import TABLE, WITHOUT_REPLY
from tests.explain.stories import MINUTE, NOW, attempt, fact, message, opened, story

FULL = attempt("transient", "rcpt", 452, "4.2.2")
GONE = attempt("permanent", "rcpt", 550, "5.1.1")
TAKEN = attempt("accepted", "final_reply", 250)
LOST = attempt("unknown", "final_reply")
TRIES: tuple[tuple[AttemptRow, ...], ...] = (
    (),
    (FULL,),
    (GONE,),
    (TAKEN,),
    (LOST,),
    (attempt("unreachable", "connect"),),
    (attempt("worker_died"),),
    (attempt("given_back"), attempt("not_marked"), attempt("not_composed")),
    (attempt("something new"),),
    (LOST, FULL),
)
FACTS: tuple[tuple[FactRow, ...], ...] = (
    (),
    (fact("delivered"),),
    (fact("delayed"),),
    (fact("bounced", "hard", "5.1.1"),),
    (fact("bounced", "soft"),),
    (fact("bounced", "other", "5.7.26"),),
    (fact("delivered"), fact("complained")),
    (fact("unsubscribed"),),
)
OPENS: tuple[tuple[Open, ...], ...] = (
    (),
    (opened("scanner"),),
    (opened("person"),),
    (opened("scanner"), opened("person")),
)
DUE = (None, NOW - MINUTE, NOW + 3 * MINUTE, NOW + 20 * 60 * MINUTE)
LONG = "ada@" + "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + ".example"


def check(told: Story) -> None:
    """It can be read out as it stands."""
    text = sentence(told, NOW)
    known = told.message.recipient is not None and "@" in told.message.recipient
    domain = (told.message.recipient or "").rpartition("@")[2]
    names = (f"…{domain[-39:]}" if len(domain) > 40 else domain, "mail.example")
    assert text[0].isupper() or text.startswith(names), text
    assert text.endswith("."), text
    assert not text.endswith(".."), text
    assert len(text) <= MAX_CHARACTERS, (len(text), text)
    assert text == " ".join(text.split()), text
    assert not any(
        unfilled in text for unfilled in ("{", "}", "None", "%", "\0", "ada@", "in its words", "request-1")
    ), text
    assert not known or any(name in text for name in names), text


def of_each_kind() -> Iterator[Story]:
    """Every state with every reason and none, after every kind of try, fact, opener and with the queue held or not."""
    for state, reason, tries in itertools.product(State, (None, *REASONS), TRIES):
        about = message(state, reason, due_at=NOW + MINUTE, settled_at=NOW - 2 * MINUTE)
        yield story(about, tries=tries)
        yield story(about, tries=tries, facts=FACTS[3], opens=OPENS[3], held=True)
    for state, tries, facts, opens, due, held in itertools.product(State, TRIES, FACTS, OPENS, DUE, (False, True)):
        yield story(message(state, due_at=due), tries=tries, facts=facts, opens=opens, held=held)


def of_each_reply(recipient: str | None) -> Iterator[Story]:
    """Every row of the table of replies as the last try, in every state that tells of it."""
    states = ("deferred", "unknown", "failed", "expired", "accepted")
    reasons = ("transient", "no_final_reply", "refused", "expired", None)
    for row in TABLE:
        phase = min(row.where)
        code = None if row.said in (*WITHOUT_REPLY, "*") else int(row.said.replace("y", "5").replace("z", "0"))
        status = None if row.status == "*" else row.status
        for state, reason in zip(states, reasons, strict=True):
            about = message(state, reason, recipient=recipient, settled_at=NOW)
            yield story(about, tries=(attempt(row.outcome, phase, code, status),), held=state == "deferred")


def of_each_status() -> Iterator[Story]:
    """Every enhanced status that a report may give."""
    for status in (*NO_SUCH_ADDRESS, *(f"5{one[1:]}" for one in STATUSES), "5.9.9", ""):
        yield story(message("bounced"), facts=(fact("bounced", "other", status),), opens=(opened("person"),))


@pytest.mark.parametrize(
    "stories",
    [of_each_kind(), of_each_reply("ada@gmail.com"), of_each_reply(LONG), of_each_reply(None), of_each_status()],
    ids=["kinds", "replies", "long names", "no recipient", "reports"],
)
def test_every_combination_is_a_whole_sentence(stories: Iterable[Story]) -> None:
    """A capital or a name, a full stop, nothing unfilled, short enough, and it names whom it is about."""
    for told in stories:
        check(told)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        (
            "gmail.com says the mailbox is full; the next try is at 14:05 UTC.",
            story(message("deferred", "transient", due_at=NOW + 3 * MINUTE), tries=(FULL,)),
        ),
        (
            "gmail.com says the mailbox is full; the next try is at 2026-11-24 10:02 UTC.",
            story(message("deferred", "transient", due_at=NOW + 20 * 60 * MINUTE), tries=(FULL,)),
        ),
        (
            "It was accepted by mail.example at 13:59 UTC and nothing came back since.",
            story(message("accepted", settled_at=NOW - 3 * MINUTE), tries=(TAKEN,)),
        ),
        (
            "It was accepted by mail.example at 13:59 UTC, and a person opened its link at 14:01 UTC.",
            story(message("accepted", settled_at=NOW - 3 * MINUTE), tries=(TAKEN,), opens=OPENS[3]),
        ),
        (
            "Nothing was sent: nobody has an account with this address.",
            story(message("cancelled", "no_account", recipient=None)),
        ),
        (
            "gmail.com says the mailbox does not exist; it is not tried again.",
            story(message("failed", "refused"), tries=(GONE,)),
        ),
        (
            "mail.example says the sender's domain does not allow our mail server to send for it (SPF);"
            " it is not tried again.",
            story(message("failed", "refused"), tries=(attempt("permanent", "content", 550, "5.7.23"),)),
        ),
        (
            "It came back from gmail.com at 14:00 UTC: the mailbox does not exist.",
            story(message("bounced"), tries=(TAKEN,), facts=FACTS[3]),
        ),
        (
            "It waits to go out to gmail.com, as the whole queue is held by an operator since 13:57 UTC.",
            story(message("queued", due_at=NOW), held=True),
        ),
        (
            "No connection to mail.example could be made; it goes out as soon as a mail server can be used.",
            story(message("deferred", "unreachable", due_at=NOW), tries=(attempt("unreachable", "connect"),)),
        ),
        (
            "mail.example was given the whole message and did not say whether it took it;"
            " another copy goes out to gmail.com at 14:05 UTC.",
            story(message("unknown", "no_final_reply", due_at=NOW + 3 * MINUTE), tries=(LOST,)),
        ),
    ],
)
def test_the_sentence_says_what_became_of_it(expected: str, told: Story) -> None:
    """By whose word, when, and what follows."""
    assert expected == sentence(told, NOW)


def test_a_name_cannot_turn_the_sentence_around() -> None:
    """A server's name with a line break or letters from right to left is shown on one line, and short."""
    spoof = AttemptRow(1, 1, "rcpt", "permanent", 554, None, "", "a\n\u202eb" * 40 + ":25", NOW, 1)
    text = sentence(story(message("failed", "refused"), tries=(spoof,)), NOW)
    assert "\n" not in text
    assert "\u202e" not in text
    assert len(text) <= MAX_CHARACTERS
