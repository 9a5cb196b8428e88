"""A draft: what to say and to whom, not stored yet. It holds no secret: links are made when the mail goes out."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


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
    """What to say and to whom.

    Args:
        template: folder under `templates/`, e.g. "verification".
        locale: language asked for, e.g. "en" or "zh-CN"; the templates choose the nearest they have.
        recipient: the address as typed; None for an address nobody has an account for, which is not kept.
        recipient_key: its address key; a keyed hash where `recipient` is None.
        values: harmless values for the template (name, …); never a token, a link or a password.
        account_id: whose message this is.
        token_id: the token whose link it carries.
        request_id: the request that caused it, for the logs.
        priority: see Priority.
        expires_in_s: seconds from enqueueing until it is no longer worth sending.
        if_unknown: see IfUnknown.
    """

    template: str
    locale: str
    recipient: str | None
    recipient_key: str
    values: Mapping[str, str] = field(default_factory=dict)
    account_id: uuid.UUID | None = None
    token_id: bytes | None = None
    request_id: str | None = None
    priority: Priority = Priority.NORMAL
    expires_in_s: int = 48 * 3600
    if_unknown: IfUnknown = IfUnknown.AGAIN
