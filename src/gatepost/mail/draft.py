"""A draft: what to say and to whom, not stored yet. It holds no secret: links are made when the mail goes out."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from gatepost.errors import InvalidInput
from gatepost.mail.address import parse_address

MAX_EXPIRES_IN_S = 30 * 24 * 3600


class Priority(IntEnum):
    """Which due message goes first; the smaller number wins."""

    URGENT = 0  # somebody waits in front of a screen: verification, reset
    NORMAL = 1  # welcome, notices


class IfUnknown(StrEnum):
    """What happens to a message the server may or may not have taken."""

    AGAIN = "again"  # another copy with the same Message-ID and link, at most twice
    NEVER_TWICE = "never_twice"  # stays `unknown`: a second copy would be worse than none


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What to say and to whom. A host's own message needs `template` and `recipient`, mostly `values` and `locale` too.

    Args:
        template: the message's folder under the templates, e.g. "verification".
        recipient: the address as typed; None for an address nobody has an account for, which is not kept.
        locale: language asked for, e.g. "en" or "zh-CN"; the templates choose the nearest they have.
        values: texts for the template (a name, a project, the address of a page). They are stored as they are, and
            operators read them: never a password, a code or a token, nor a link that holds one.
        account_id: whose message this is.
        request_id: the request that caused it, for the logs.
        priority: see Priority.
        expires_in_s: seconds from enqueueing until it is no longer worth sending, 1 to MAX_EXPIRES_IN_S.
        if_unknown: see IfUnknown.
        security: whether it keeps somebody's account safe (a code, a warning). Such a message goes out also to who
            unsubscribed, and has no link to unsubscribe from it; every other one has.
        recipient_key: the recipient's address key, made from it when empty; a keyed hash where `recipient` is None.
        token_id: the token whose link Gatepost's own message carries; no host's business.
        client: keyed hash of whose request caused it, where strangers can; no host's business.
        traceparent: the span that caused it (W3C Trace Context); the one that is current when None.

    Raises:
        InvalidInput: the recipient is no address.
        ValueError: it has neither recipient nor key, or `expires_in_s` is out of bounds.
    """

    template: str
    recipient: str | None
    locale: str = "en"
    values: Mapping[str, str] = field(default_factory=dict)
    account_id: uuid.UUID | None = None
    request_id: str | None = None
    priority: Priority = Priority.NORMAL
    expires_in_s: int = 48 * 3600
    if_unknown: IfUnknown = IfUnknown.AGAIN
    security: bool = False
    recipient_key: str = ""
    token_id: bytes | None = None
    client: bytes | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.expires_in_s <= MAX_EXPIRES_IN_S:
            raise ValueError(f"expires_in_s must be 1 to {MAX_EXPIRES_IN_S}, not {self.expires_in_s}")
        if not self.recipient_key:
            object.__setattr__(self, "recipient_key", _key(self.recipient))


def _key(recipient: str | None) -> str:
    if recipient is None:
        raise ValueError("a draft needs a recipient")
    try:
        return parse_address(recipient).key
    except InvalidInput as refusal:
        raise InvalidInput([replace(error, field="recipient") for error in refusal.errors]) from None
