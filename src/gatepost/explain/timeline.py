"""What happened to a message, from the wish to the last word, in the order in which it happened. Pure."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gatepost.audit.trail import Deed
from gatepost.explain.reasons import because
from gatepost.explain.story import Story
from gatepost.feedback.fact import Kind
from gatepost.feedback.history import FactRow
from gatepost.outbox.actions import BY_OPERATOR
from gatepost.outbox.lifecycle import WAITING, State
from gatepost.outbox.search import AttemptRow
from gatepost.transport.outcome import Outcome
from gatepost.transport.reply_table import explain


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing that happened.

    Args:
        at: when, in milliseconds since the epoch.
        kind: enqueued, attempt, feedback, opened, deed, decided or next.
        sentence: what it was, in plain English.
        said: what a server, a report or an operator said, as it came; empty where nobody said anything.
        details: names and values beside it.
        message: another message that it leads to.
        tone: how it looks: good, warn, wrong or nothing.
    """

    at: int
    kind: str
    sentence: str
    said: str = ""
    details: tuple[tuple[str, str], ...] = ()
    message: uuid.UUID | None = None
    tone: str = ""


_TONES: Mapping[str, str] = {
    **dict.fromkeys((Outcome.ACCEPTED, Kind.DELIVERED), "good"),
    **dict.fromkeys((Outcome.PERMANENT, Kind.BOUNCED, Kind.COMPLAINED, "not_composed"), "wrong"),
    **dict.fromkeys((Outcome.TRANSIENT, Outcome.UNREACHABLE, Outcome.UNKNOWN, Kind.DELAYED, "worker_died"), "warn"),
}
_OF_KINDS: Mapping[str, str] = {
    Kind.DELIVERED: "it reached the mailbox.",
    Kind.DELAYED: "it was not delivered yet, and more is tried.",
    Kind.BOUNCED: "it cannot be delivered.",
    Kind.COMPLAINED: "its recipient called it spam.",
    Kind.UNSUBSCRIBED: "its recipient unsubscribed.",
}
_OF_DEEDS: Mapping[str, str] = {
    "hold": "held it.",
    "release": "released it.",
    "cancel": "cancelled it.",
    "resend": "sent it once more, as a new message.",
    "reveal": "looked at the mail.",
}
_ENDS = frozenset({State.CANCELLED, State.EXPIRED, State.SUPPRESSED, State.HELD})


def timeline(story: Story, now_ms: int) -> tuple[Entry, ...]:
    """Tell what happened, the oldest first; what is still to come stands last.

    Args:
        story: what is known of the message.
        now_ms: wall time in milliseconds.
    """
    happened = sorted(_happened(story), key=lambda entry: entry.at)  # stable: of one instant in the order they are told
    message = story.message
    if message.due_at is None or message.due_at <= now_ms or message.state not in WAITING | {State.UNKNOWN}:
        return tuple(happened)
    words = "The next copy goes out." if message.state == State.UNKNOWN else "The next try."
    return (*happened, Entry(at=message.due_at, kind="next", sentence=words))


def _happened(story: Story) -> Iterator[Entry]:
    yield _enqueued(story)
    for attempt in story.tries:
        yield _tried(attempt)
    for fact in story.facts:
        words = _OF_KINDS.get(fact.kind, "something that has no explanation here.")
        yield Entry(
            at=fact.at,
            kind="feedback",
            sentence=f"Report of {fact.source}: {words}",
            said=fact.detail or "",
            details=_named(status=fact.status, bounce=fact.bounce, heard=_late(fact)),
            tone=_TONES.get(fact.kind, ""),
        )
    for one in story.opens:
        who = "a person" if one.opener == "person" else "a scanner, as it seems"
        yield Entry(at=one.opened_at, kind="opened", sentence=f"The link in it was opened by {who}.")
    for deed in story.deeds:
        yield _done(deed)
    if (decided := _decided(story)) is not None:
        yield decided


def _enqueued(story: Story) -> Entry:
    message = story.message
    again = message.resent_from is not None
    return Entry(
        at=message.created_at,
        kind="enqueued",
        sentence="It was promised, as a copy of another message." if again else "It was promised.",
        details=_named(template=message.template, language=message.locale, request=message.request_id),
        message=message.resent_from,
    )


def _tried(attempt: AttemptRow) -> Entry:
    words = explain(attempt.outcome, attempt.phase, attempt.reply_code, attempt.enhanced_status)
    said = (str(attempt.reply_code) if attempt.reply_code else "", attempt.reply_text or "")
    took = None if attempt.duration_ms is None else f"{attempt.duration_ms} ms"
    return Entry(
        at=attempt.started_at,
        kind="attempt",
        sentence=f"Try {attempt.number}: {words}" if attempt.number else f"A try that does not count: {words}",
        said=" ".join(part for part in said if part),
        details=_named(server=attempt.server, phase=attempt.phase, took=took, outcome=attempt.outcome),
        tone=_TONES.get(attempt.outcome, ""),
    )


def _done(deed: Deed) -> Entry:
    words = _OF_DEEDS.get(deed.action, f"did this: {deed.action}.")
    return Entry(
        at=deed.at,
        kind="deed",
        sentence=f"{deed.actor[:1].upper()}{deed.actor[1:]} {words}",
        said=deed.reason or "",
        details=_named(request=deed.request_id),
        message=deed.result,
    )


def _decided(story: Story) -> Entry | None:
    """Why it ended or was held, where neither a try nor an operator says so."""
    message = story.message
    if message.state not in _ENDS:
        return None
    by_hand = {"hold", "cancel"} & {deed.action for deed in story.deeds}
    if message.reason == BY_OPERATOR and message.state != State.SUPPRESSED and by_hand:
        return None
    at = message.created_at if message.settled_at is None else message.settled_at
    words = "an operator suppressed the address" if message.reason == BY_OPERATOR else because(message.reason)
    return Entry(at=at, kind="decided", sentence=f"It was {_DECIDED[State(message.state)]}: {words}.")


_DECIDED: Mapping[State, str] = {
    State.CANCELLED: "cancelled",
    State.EXPIRED: "given up",
    State.SUPPRESSED: "stopped",
    State.HELD: "held",
}


def _late(fact: FactRow) -> str | None:
    """How long after it had happened it was heard of, where that was long."""
    minutes = (fact.received_at - fact.at) // 60_000
    return f"{minutes} min later" if minutes >= 1 else None


def _named(**values: str | None) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in values.items() if value)
