"""Stories made up for tests: a message with tries, facts and opens, each as the database would give it."""

import uuid
from typing import Any

from gatepost.accounts.link_opens import Open
from gatepost.explain.story import Story
from gatepost.feedback.history import FactRow
from gatepost.outbox.queue_hold import QueueHold
from gatepost.outbox.search import AttemptRow, MessageRow

NOW = 1_795_442_520_000  # 2026-11-23 14:02 UTC
MINUTE = 60_000
SERVER = "mail.example:587"
ID = uuid.UUID("019a0000-0000-7000-8000-000000000001")


def message(state: str, reason: str | None = None, **others: Any) -> MessageRow:
    """A verification to ada@gmail.com, written down ten minutes ago."""
    known: dict[str, Any] = {
        "id": ID,
        "state": state,
        "reason": reason,
        "template": "verification",
        "locale": "en",
        "recipient": "ada@gmail.com",
        "message_id": "<one@example.com>",
        "account_id": None,
        "request_id": "request-1",
        "attempts": 1,
        "created_at": NOW - 10 * MINUTE,
        "expires_at": NOW + 2 * 24 * 60 * MINUTE,
        "due_at": None,
        "settled_at": None,
        "resent_from": None,
    }
    return MessageRow(**{**known, **others})


def attempt(outcome: str, phase: str | None = None, code: int | None = None, status: str | None = None) -> AttemptRow:
    """A try of three minutes ago that took half a second."""
    return AttemptRow(1, 1, phase, outcome, code, status, "in its words", SERVER, NOW - 3 * MINUTE, 500)


def fact(kind: str, bounce: str | None = None, status: str | None = None) -> FactRow:
    """A fact of two minutes ago."""
    return FactRow(NOW - 2 * MINUTE, NOW - MINUTE, "postmark", kind, bounce, status, "in its words", NOW - MINUTE)


def opened(opener: str) -> Open:
    """A link opened a minute ago."""
    return Open(opener, NOW - MINUTE)


def story(about: MessageRow, *, held: bool = False, **others: Any) -> Story:
    """What is known of a message."""
    hold = QueueHold(NOW - 5 * MINUTE, "operator mira", "the provider is down") if held else None
    return Story(message=about, queue_hold=hold, **others)
