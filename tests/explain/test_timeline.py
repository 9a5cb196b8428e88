"""What happened to a message, in its order."""

import itertools
import uuid

from gatepost.audit.trail import Deed
from gatepost.explain.reasons import REASONS
from gatepost.explain.timeline import timeline
from gatepost.outbox.lifecycle import State
from tests.explain.stories import ID, MINUTE, NOW, attempt, fact, message, opened, story

COPY = uuid.UUID("019a0000-0000-7000-8000-000000000002")


def deed(action: str, at: int, reason: str | None = "the person called") -> Deed:
    """What mira did."""
    result = COPY if action == "resend" else None
    return Deed(at, "operator mira", action, result, "accepted", "accepted", reason, "request-2")


def test_everything_that_happened_stands_in_its_order() -> None:
    """The wish, the try, what came back, who opened the link, and what an operator did; each with what was said."""
    told = timeline(
        story(
            message("bounced", settled_at=NOW - 3 * MINUTE),
            tries=(attempt("accepted", "final_reply", 250),),
            facts=(fact("bounced", "hard", "5.1.1"),),
            opens=(opened("scanner"),),
            deeds=(deed("resend", NOW - MINUTE // 2),),
        ),
        NOW,
    )
    assert ["enqueued", "attempt", "feedback", "opened", "deed"] == [one.kind for one in told]
    assert [
        "It was promised.",
        "Try 1: The mail server took the message over.",
        "Report of postmark: it cannot be delivered.",
        "The link in it was opened by a scanner, as it seems.",
        "Operator mira sent it once more, as a new message.",
    ] == [one.sentence for one in told]
    assert ["", "250 in its words", "in its words", "", "the person called"] == [one.said for one in told]
    assert (("server", "mail.example:587"), ("phase", "final_reply"), ("took", "500 ms")) == told[1].details[:3]
    assert COPY == told[4].message


def test_what_came_between_stands_between() -> None:
    """An operator acted before the report came, whatever was read first."""
    told = timeline(
        story(message("bounced"), facts=(fact("bounced", "hard"),), deeds=(deed("hold", NOW - 3 * MINUTE),)), NOW
    )
    assert ["enqueued", "deed", "feedback"] == [one.kind for one in told]


def test_what_is_still_to_come_stands_last() -> None:
    """The next try of what waits, and nothing of what is over or due already."""
    assert "next" == timeline(story(message("deferred", "transient", due_at=NOW + MINUTE)), NOW)[-1].kind
    assert "next" == timeline(story(message("unknown", "no_final_reply", due_at=NOW + MINUTE)), NOW)[-1].kind
    assert "enqueued" == timeline(story(message("queued", due_at=NOW)), NOW)[-1].kind


def test_what_nobody_tried_says_why() -> None:
    """Decided without a try: at its birth, when its time was up, or because its recipient must not be written to."""
    born = timeline(story(message("cancelled", "no_account", recipient=None)), NOW)
    assert "It was cancelled: nobody has an account with this address." == born[-1].sentence
    stopped = timeline(story(message("suppressed", "operator", settled_at=NOW)), NOW)
    assert "It was stopped: an operator suppressed the address." == stopped[-1].sentence


def test_what_an_operator_did_is_told_once() -> None:
    """A message that was held has the deed, which says by whom and why, and no second line about it."""
    told = timeline(story(message("held", "operator", settled_at=NOW), deeds=(deed("hold", NOW),)), NOW)
    assert ["enqueued", "deed"] == [one.kind for one in told]


def test_a_copy_leads_to_what_it_is_a_copy_of() -> None:
    """From the first line one comes to the message that was sent again."""
    told = timeline(story(message("queued", due_at=NOW, id=COPY, resent_from=ID)), NOW)
    assert (ID, "It was promised, as a copy of another message.") == (told[0].message, told[0].sentence)


def test_every_state_and_reason_has_whole_sentences() -> None:
    """None is empty or unfilled, whatever is known."""
    for state, reason in itertools.product(State, (None, *REASONS)):
        for entry in timeline(story(message(state, reason, due_at=NOW + 1, settled_at=NOW)), NOW):
            assert entry.sentence[0].isupper(), entry
            assert entry.sentence.endswith("."), entry
            assert "None" not in entry.sentence, entry
