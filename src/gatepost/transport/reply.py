"""What came of one try to submit one message: a closed set of values, never an exception that travels."""

from dataclasses import dataclass
from enum import StrEnum


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
    """

    outcome: Outcome
    phase: Phase
    code: int | None = None
    enhanced_status: str | None = None
    text: str = ""
    server: str | None = None
