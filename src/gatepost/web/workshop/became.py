"""What became of a message, in the words of the development pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from gatepost.clock import iso
from gatepost.errors import N_
from gatepost.explain.reasons import REASONS
from gatepost.outbox.lately import STOPPED, Underway
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import AttemptRow, MessageRow
from gatepost.transport.reply_table import explain

LABELS: Mapping[str, str] = {
    State.QUEUED: N_("waits for its turn"),
    State.SENDING: N_("under way"),
    State.COMMITTING: N_("under way"),
    State.DEFERRED: N_("tried again"),
    State.UNKNOWN: N_("perhaps taken"),
    State.HELD: N_("held"),
    State.ACCEPTED: N_("arrived"),
    State.DELIVERED: N_("arrived"),
    State.BOUNCED: N_("came back"),
    State.FAILED: N_("failed"),
    State.EXPIRED: N_("out of time"),
    State.CANCELLED: N_("not sent"),
    State.SUPPRESSED: N_("not sent"),
}
# How a label looks: something goes on by itself, somebody must look, or it is as it should be.
_TONES: Mapping[str, str] = {
    **dict.fromkeys((State.QUEUED, State.SENDING, State.COMMITTING, State.DEFERRED, State.UNKNOWN), "warn"),
    **dict.fromkeys((State.HELD, State.BOUNCED, State.FAILED, State.EXPIRED), "wrong"),
    **dict.fromkeys((State.ACCEPTED, State.DELIVERED), "good"),
}


@dataclass(frozen=True)
class Instant:
    """A moment for `<time>`: `iso` for programs, `text` for people, in UTC."""

    iso: str
    text: str


@dataclass(frozen=True)
class Told:
    """One try in words: `sentence` is plain English, `said` what the server said."""

    at: Instant
    sentence: str
    said: str


@dataclass(frozen=True)
class Shown:
    """One message as a page shows it.

    Args:
        id: for the page's own use.
        template: its name.
        recipient: None for an address nobody has an account for.
        message_id: finds its copies in the mailbox.
        label: how far it got; to be translated.
        tone: how the label looks: warn, wrong, good or nothing.
        again: when it is tried next; None when it is not, or at once.
        reason: why it is not under way, to be translated; empty when `tries` say it, or nothing is to be said.
        tries: oldest first; a list has the last one alone.
        attempts: how many tries count.
    """

    id: str
    template: str
    recipient: str | None
    message_id: str
    label: str
    tone: str
    again: Instant | None
    reason: str
    tries: tuple[Told, ...]
    attempts: int


def shown(message: MessageRow, tries: tuple[AttemptRow, ...], now_ms: int) -> Shown:
    """Put one message into words.

    Args:
        message: the message.
        tries: those to be told of, oldest first.
        now_ms: wall time in milliseconds.
    """
    due_later = message.due_at is not None and message.due_at > now_ms
    return Shown(
        id=str(message.id),
        template=message.template,
        recipient=message.recipient,
        message_id=message.message_id,
        label=LABELS[message.state],
        tone=_TONES.get(message.state, ""),
        again=instant(message.due_at, now_ms) if due_later and message.due_at is not None else None,
        reason=REASONS.get(message.reason or "", "") if message.state in STOPPED or not tries else "",
        tries=tuple(_told(one, now_ms) for one in tries),
        attempts=message.attempts,
    )


def shown_in_list(one: Underway, now_ms: int) -> Shown:
    """Put one message of the list into words, with its last try."""
    return shown(one.message, () if one.last is None else (one.last,), now_ms)


def instant(at_ms: int, now_ms: int) -> Instant:
    """Write a moment: the time alone while it is the same day."""
    text, today = iso(at_ms), iso(now_ms)[:10]
    return Instant(text, text[11:19] if text[:10] == today else f"{text[:10]} {text[11:19]}")


def _told(one: AttemptRow, now_ms: int) -> Told:
    said = (str(one.reply_code) if one.reply_code else "", one.reply_text or "")
    return Told(
        instant(one.started_at, now_ms),
        explain(one.outcome, one.phase, one.reply_code, one.enhanced_status),
        " ".join(part for part in said if part),
    )
