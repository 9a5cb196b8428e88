"""What came of one try to submit one message: a closed set of values, never an exception that travels."""

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_TEXT_CHARACTERS = 500

# 421: the server closes the channel (RFC 5321, 3.8); says nothing about the message.
CLOSING = 421
# 530 authentication required, 534 mechanism too weak, 535 wrong credentials, 538 encryption required (RFC 4954, 6).
_AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})

# Control characters, lone surrogates (undecodable bytes), line separators and everything that turns text around.
_UNPRINTABLE = re.compile("[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ENHANCED_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")


class Phase(StrEnum):
    """How far a dialogue got: the step that was under way when it ended (RFC 5321, section 3)."""

    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"
    FINAL_REPLY = "final_reply"


# Before MAIL nothing was said about the message: whatever goes wrong is the server's matter.
_OPENING = frozenset({Phase.CONNECT, Phase.TLS, Phase.GREETING, Phase.AUTH})


class Outcome(StrEnum):
    """What one try came to."""

    ACCEPTED = "accepted"  # 2yz after the final dot
    TRANSIENT = "transient"  # 4yz, or the line broke or timed out before the final dot was written
    PERMANENT = "permanent"  # 5yz about this message or recipient
    UNREACHABLE = "unreachable"  # connection, TLS, AUTH or 421: says nothing about the message
    UNKNOWN = "unknown"  # the line broke or timed out after the final dot: it may have been taken
    NOT_OURS = "not_ours"  # `committing` said the claim is no longer ours: broken off before the content


@dataclass(frozen=True)
class Reply:
    """The end of one try.

    Args:
        outcome: what it came to.
        phase: the step under way when it ended.
        code: three-digit reply code (RFC 5321, 4.2), None when no reply came.
        enhanced_status: class.subject.detail (RFC 3463), None when the server gave none.
        text: the reply's text or our own sentence, at most 500 characters, no control characters.
        server: `host:port` that was talked to, None when none was reached.
        timed_out: True when one of our deadlines ended it, not the other side.
    """

    outcome: Outcome
    phase: Phase
    code: int | None = None
    enhanced_status: str | None = None
    text: str = ""
    server: str | None = None
    timed_out: bool = False


def one_line(text: str) -> str:
    """Make text from a server safe to store and show: no control characters, at most 500 characters."""
    # Clipped before as well: a hostile reply must not cost more than its first few hundred characters.
    return _UNPRINTABLE.sub(" ", text[: 2 * MAX_TEXT_CHARACTERS]).strip()[:MAX_TEXT_CHARACTERS]


def enhanced_status(text: str) -> str | None:
    """Return the class.subject.detail a reply's text begins with (RFC 2034), None when it has none."""
    found = _ENHANCED_STATUS.match(text)
    return found[0] if found else None


def judge(code: int, text: str, phase: Phase, server: str | None) -> Reply:
    """Say what a reply that is no success means for the message (in the final phase: what any reply means).

    Args:
        code: the reply code; anything outside 200-599 is an unparsable reply and counts as 451.
        text: the reply's text as it came.
        phase: the step the reply answers.
        server: `host:port`.
    """
    known = 200 <= code <= 599
    status = enhanced_status(text) if known else None
    return Reply(
        outcome=_outcome(code, phase),
        phase=phase,
        code=code if known else None,
        enhanced_status=status if status and status[0] == str(code)[0] else None,
        text=one_line(text),
        server=server,
    )


def _outcome(code: int, phase: Phase) -> Outcome:
    if phase in _OPENING:
        return Outcome.UNREACHABLE
    if phase is Phase.FINAL_REPLY:
        if 200 <= code <= 299:
            return Outcome.ACCEPTED
        if 300 <= code <= 399:  # no answer to a content: it belongs to an earlier command, and the real one may say yes
            return Outcome.UNKNOWN
    elif code == CLOSING or code in _AUTHENTICATION_CODES:
        return Outcome.UNREACHABLE
    return Outcome.PERMANENT if 500 <= code <= 599 else Outcome.TRANSIENT


def broken_off(text: str, phase: Phase, server: str | None, *, timed_out: bool = False) -> Reply:
    """Say what it means that the line broke, or a deadline passed, while `phase` was under way."""
    if phase in _OPENING:
        outcome = Outcome.UNREACHABLE
    elif phase is Phase.FINAL_REPLY:
        outcome = Outcome.UNKNOWN
    else:
        outcome = Outcome.TRANSIENT
    return Reply(outcome=outcome, phase=phase, text=one_line(text), server=server, timed_out=timed_out)
