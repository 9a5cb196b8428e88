"""One fact that came back: what happened to which message, by whose word. Pure."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

MAX_EVENT_ID_CHARACTERS = 500


class Kind(StrEnum):
    """What a fact says."""

    DELIVERED = "delivered"
    DELAYED = "delayed"  # the provider goes on trying: kept, and nothing follows
    BOUNCED = "bounced"  # it will not be delivered
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"  # by the provider's own link


class Bounce(StrEnum):
    """What a bounce says about the address."""

    HARD = "hard"  # it does not exist
    SOFT = "soft"  # its mailbox takes nothing at present
    OTHER = "other"  # nothing: the message, the sender or a server is why


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One fact.

    Args:
        source: by whose word: the provider's name as in POST /feedback/{provider}, "dsn" or "arf".
        event_id: the source's own id of it; the same one twice is the same fact. 1 to MAX_EVENT_ID_CHARACTERS.
        kind: what it says.
        at: when it happened by the source's word, milliseconds since the epoch.
        bounce: what a bounce says about the address; None for every other kind.
        row_id: the message's id where the source carries it (a return path of its own, a header field of ours).
        message_id: the Message-ID (RFC 5322) the source names, without angle brackets.
        recipient: the address the source names, as it stands there.
        status: class.subject.detail (RFC 3463).
        text: what the recipient's server said, or the source's own words: one line, at most 500 characters.
        proven: whether the source proved who it is. Of one that did not (a report by mail) only a match is believed.
    """

    source: str
    event_id: str
    kind: Kind
    at: int
    bounce: Bounce | None = None
    row_id: uuid.UUID | None = None
    message_id: str | None = None
    recipient: str | None = None
    status: str | None = None
    text: str | None = None
    proven: bool = True
