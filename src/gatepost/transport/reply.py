"""What came of one try to submit one message: a closed set of values, never an exception that travels."""

import re
from dataclasses import dataclass

from gatepost.transport.outcome import Fault, Outcome, Phase
from gatepost.transport.reply_table import BROKEN, CLOSING, LATE, UNPARSABLE_AS, row_for

__all__ = [
    "CLOSING",
    "MAX_TEXT_CHARACTERS",
    "Fault",
    "Outcome",
    "Phase",
    "Reply",
    "broken_off",
    "enhanced_status",
    "judge",
    "one_line",
]

MAX_TEXT_CHARACTERS = 500

# Control characters, lone surrogates (undecodable bytes), line separators and everything that turns text around.
_UNPRINTABLE = re.compile("[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]+")
_ENHANCED_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")


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
        fault: what it shows about the server, None when that may serve on.
    """

    outcome: Outcome
    phase: Phase
    code: int | None = None
    enhanced_status: str | None = None
    text: str = ""
    server: str | None = None
    timed_out: bool = False
    fault: Fault | None = None


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
    if status is not None and status[0] != str(code)[0]:
        status = None
    row = row_for(phase, code if known else UNPARSABLE_AS, status)
    return Reply(
        outcome=row.outcome,
        phase=phase,
        code=code if known else None,
        enhanced_status=status,
        text=one_line(text),
        server=server,
        fault=row.fault,
    )


def broken_off(
    text: str, phase: Phase, server: str | None, *, timed_out: bool = False, said: str | None = None
) -> Reply:
    """Say what it means that no reply came while `phase` was under way.

    Args:
        text: our own words for it, and what the server said out of turn.
        phase: the step.
        server: `host:port`, None when none was reached.
        timed_out: one of our deadlines passed.
        said: LACKING when the server does not offer what we need; None for a line that broke or a deadline.
    """
    row = row_for(phase, said or (LATE if timed_out else BROKEN), None)
    return Reply(row.outcome, phase, text=one_line(text), server=server, timed_out=timed_out, fault=row.fault)
