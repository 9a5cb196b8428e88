"""What became of a message in one sentence that a support person can read out. Pure: the clock's time is handed in."""

from collections.abc import Callable, Iterable, Mapping

from gatepost.explain.instants import moment
from gatepost.explain.reasons import because
from gatepost.explain.said import SOME_DOMAIN, SOME_SERVER, Names, names_of, reported, said
from gatepost.explain.story import Story
from gatepost.feedback.fact import Kind
from gatepost.feedback.history import FactRow
from gatepost.outbox.actions import BY_OPERATOR
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow
from gatepost.transport.outcome import Outcome

MAX_CHARACTERS = 240

# Reasons of a message that waits or may have arrived for which its last try is told in their place.
_TOLD_BY_THE_TRY = frozenset({None, "transient", "unreachable", "no_final_reply"})
_BROKE_OFF = {"stopped": "the service stopped", "worker_died": "the process died"}


def sentence(story: Story, now_ms: int) -> str:
    """Say what became of a message and what follows, at most MAX_CHARACTERS long.

    Args:
        story: what is known of it.
        now_ms: wall time in milliseconds.
    """
    names = names_of(story.message, _decisive(story))
    return names.begin(_CLAUSES[State(story.message.state)](story, names, now_ms)) + "."


def _queued(story: Story, names: Names, now_ms: int) -> str:
    message, hold = story.message, story.queue_hold
    reason = f"{because(message.reason)}; " if message.reason else ""
    if hold is not None:
        since = moment(hold.at, now_ms)
        return f"{reason}it waits to go out to {names.domain}, as the whole queue is held by an operator since {since}"
    if message.due_at is not None and message.due_at > now_ms:
        return f"{reason}it goes out to {names.domain} at {moment(message.due_at, now_ms)}"
    since = moment(message.created_at, now_ms)
    return f"{reason}it waits for its turn to go out to {names.domain}, since {since}"


def _sending(story: Story, names: Names, now_ms: int) -> str:
    return f"it is being handed over for {names.domain} at this moment"


def _committing(story: Story, names: Names, now_ms: int) -> str:
    return f"it is being handed over for {names.domain} at this moment, and may have been taken already"


def _deferred(story: Story, names: Names, now_ms: int) -> str:
    message, last = story.message, story.last
    by_the_try = last is not None and message.reason in _TOLD_BY_THE_TRY
    why = said(last, names) if last is not None and by_the_try else because(message.reason)
    whose = _for(why, names)
    if story.queue_hold is not None:
        since = moment(story.queue_hold.at, now_ms)
        return f"{why}; the next try{whose} waits, as the whole queue is held since {since}"
    if message.due_at is not None and message.due_at > now_ms:
        return f"{why}; the next try{whose} is at {moment(message.due_at, now_ms)}"
    if message.reason == "unreachable":
        return f"{why}; it goes out{whose} as soon as a mail server can be used"
    return f"{why}; the next try{whose} comes any moment"


def _unknown(story: Story, names: Names, now_ms: int) -> str:
    message, last = story.message, story.last
    if message.reason in _BROKE_OFF:
        happened = f"{_BROKE_OFF[message.reason]} while {names.server} was taking it"
    elif last is not None and message.reason in _TOLD_BY_THE_TRY:
        happened = said(last, names)
    else:
        happened = because(message.reason)
    seen = _opened(story, "person", now_ms)
    if seen:
        return f"{happened}, and {seen}: so it arrived at {names.domain}"
    if message.due_at is None:
        return f"{happened}; {names.domain} may have it, and no further copy goes out"
    if story.queue_hold is not None:
        return f"{happened}; another copy for {names.domain} waits, as the whole queue is held"
    if message.due_at > now_ms:
        return f"{happened}; another copy goes out to {names.domain} at {moment(message.due_at, now_ms)}"
    return f"{happened}; another copy goes out to {names.domain} any moment"


def _held(story: Story, names: Names, now_ms: int) -> str:
    message = story.message
    if message.reason == BY_OPERATOR:
        since = "" if message.settled_at is None else f" since {moment(message.settled_at, now_ms)}"
        return f"an operator holds it{since}; it goes out to {names.domain} once it is released"
    return f"{because(message.reason)}; it goes out to {names.domain} once somebody has looked and releases it"


def _accepted(story: Story, names: Names, now_ms: int) -> str:
    message = story.message
    at = "" if message.settled_at is None else f" at {moment(message.settled_at, now_ms)}"
    by = f"it was accepted by {names.server}"
    return f"{by}{_for(by, names)}{at}{_since(story, names, now_ms)}"


def _since(story: Story, names: Names, now_ms: int) -> str:
    """What was heard of it after a server had taken it: the strongest of it."""
    opened = _opened(story, "person", now_ms)
    scanned = _opened(story, "scanner", now_ms)
    delayed = _newest(story.facts, Kind.DELAYED)
    if answered := _answered(story, now_ms):
        return f", and {answered}"
    if opened:
        return f", and {opened}"
    if delayed is not None:
        return f", and a report of {moment(delayed.at, now_ms)} says that {names.domain} has not taken it yet"
    return f", and {scanned}" if scanned else " and nothing came back since"


def _delivered(story: Story, names: Names, now_ms: int) -> str:
    report = _newest(story.facts, Kind.DELIVERED)
    at = "" if report is None else f" at {moment(report.at, now_ms)}"
    more = _answered(story, now_ms) or _opened(story, "person", now_ms)
    return f"a report says that it reached the mailbox at {names.domain}{at}" + (f", and {more}" if more else "")


def _bounced(story: Story, names: Names, now_ms: int) -> str:
    report = _newest(story.facts, Kind.BOUNCED)
    opened = _opened(story, "person", now_ms)
    yet = f"; yet {opened}" if opened else ""
    if report is None:
        return f"it was accepted by {names.server} first, and came back from {names.domain} later{yet}"
    return f"it came back from {names.domain} at {moment(report.at, now_ms)}: {reported(report, names)}{yet}"


def _failed(story: Story, names: Names, now_ms: int) -> str:
    message, last = story.message, story.last
    if message.reason == "refused" and last is not None:
        why = said(last, names)
        return f"{why}; it is not tried again{_for(why, names)}"
    return f"{_nothing_sent(story, names)}: {because(message.reason)}"


def _expired(story: Story, names: Names, now_ms: int) -> str:
    up = f"its time was up at {moment(story.message.expires_at, now_ms)} before "
    if story.last is None:
        return f"{up}a mail server was asked to take it for {names.domain}"
    if _perhaps_taken(story.tries):
        return f"{up}a mail server said that it took it, but an earlier copy may have reached {names.domain}"
    why = said(story.last, names)
    return f"{up}a mail server took it{_for(why, names)}; the last try: {why}"


def _cancelled(story: Story, names: Names, now_ms: int) -> str:
    message = story.message
    if message.reason != BY_OPERATOR:
        return f"{_nothing_sent(story, names)}: {because(message.reason)}"
    at = "" if message.settled_at is None else f" at {moment(message.settled_at, now_ms)}"
    return f"{_nothing_sent(story, names)}: an operator cancelled it{at}"


def _suppressed(story: Story, names: Names, now_ms: int) -> str:
    why = "an operator suppressed the address" if story.message.reason == BY_OPERATOR else because(story.message.reason)
    return f"{_nothing_sent(story, names)}: {why}"


def _for(said_before: str, names: Names) -> str:
    """Whom it is for, where nothing said before names anybody."""
    named = names.domain in said_before or (names.server != SOME_SERVER and names.server in said_before)
    return "" if named or names.domain == SOME_DOMAIN else f" for {names.domain}"


def _nothing_sent(story: Story, names: Names) -> str:
    to = "" if names.domain == SOME_DOMAIN else f" to {names.domain}"
    if _perhaps_taken(story.tries):
        return f"no further copy is sent{to}"
    return f"it is not sent{to} any more" if story.tries else f"nothing was sent{to}"


def _perhaps_taken(tries: Iterable[AttemptRow]) -> bool:
    return any(one.outcome == Outcome.UNKNOWN for one in tries)


def _opened(story: Story, opener: str, now_ms: int) -> str:
    """Who opened the link, as a clause; empty where nobody of this kind did."""
    found = next((one for one in story.opens if one.opener == opener), None)
    if found is None:
        return ""
    who = "a person" if opener == "person" else "a scanner, as it seems,"
    return f"{who} opened its link at {moment(found.opened_at, now_ms)}"


def _answered(story: Story, now_ms: int) -> str:
    """What its recipient did in answer to it, as a clause; empty where nothing is known."""
    complaint, end = _newest(story.facts, Kind.COMPLAINED), _newest(story.facts, Kind.UNSUBSCRIBED)
    if complaint is not None:
        return f"its recipient called it spam at {moment(complaint.at, now_ms)}"
    return "" if end is None else f"its recipient unsubscribed at {moment(end.at, now_ms)}"


def _newest(facts: Iterable[FactRow], kind: Kind) -> FactRow | None:
    return next((one for one in reversed(tuple(facts)) if one.kind == kind), None)


def _decisive(story: Story) -> AttemptRow | None:
    """The try whose server the sentence names: the one that was accepted, else the last."""
    accepted = [one for one in story.tries if one.outcome == Outcome.ACCEPTED]
    return accepted[-1] if accepted else story.last


_CLAUSES: Mapping[State, Callable[[Story, Names, int], str]] = {
    State.QUEUED: _queued,
    State.SENDING: _sending,
    State.COMMITTING: _committing,
    State.DEFERRED: _deferred,
    State.UNKNOWN: _unknown,
    State.HELD: _held,
    State.ACCEPTED: _accepted,
    State.DELIVERED: _delivered,
    State.BOUNCED: _bounced,
    State.FAILED: _failed,
    State.EXPIRED: _expired,
    State.CANCELLED: _cancelled,
    State.SUPPRESSED: _suppressed,
}
