"""Resend's webhook: Standard Webhooks under the older names of its header fields (svix-…).

Resend sends through Amazon SES and passes on its kinds of bounces. Documented at resend.com/docs/webhooks/event-types.
"""

import uuid
from collections.abc import Sequence

from pydantic import SecretStr

from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import reading
from gatepost.feedback.providers.ses_bounces import is_ambiguous, said
from gatepost.feedback.providers.standard import Signed

_KINDS = {
    "email.delivered": Kind.DELIVERED,
    "email.delivery_delayed": Kind.DELAYED,
    "email.bounced": Kind.BOUNCED,
    "email.suppressed": Kind.BOUNCED,  # Resend's own list stopped it
    "email.failed": Kind.BOUNCED,  # Resend could not send it at all
    "email.complained": Kind.COMPLAINED,
}
_ID_FIELD = f"x-{reading.TAG}-id"


class Resend:
    """POST /feedback/resend."""

    name = "resend"

    def __init__(self, secrets: Sequence[SecretStr], window_s: int) -> None:
        self._signed = Signed(secrets, window_s=window_s, prefix="svix")

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return the one fact of a post, or none where it is of another type."""
        event_id, event = self._signed.open(posted)
        kind = _KINDS.get(reading.word(event.get("type")))
        if kind is None:
            return ()
        data = reading.as_object(event.get("data"), "data")
        text, status, bounce = None, None, None
        if kind is Kind.BOUNCED:
            text = _why(data)
            status = reading.status(None, text)
            bounce = _bounce(data, status)
            kind = kind if bounce else Kind.DELAYED
        to = data.get("to")
        return (
            Fact(
                source=self.name,
                event_id=event_id,
                kind=kind,
                at=reading.instant(event.get("created_at"), posted.now_ms),
                bounce=bounce,
                row_id=_row_id(data),
                message_id=reading.message_id(data.get("message_id")),
                # Of several it does not say which one; our messages have one.
                recipient=reading.address(to[0]) if isinstance(to, list) and len(to) == 1 else None,
                status=status,
                text=text,
            ),
        )


def _why(data: reading.Json) -> str | None:
    for path in (("bounce", "message"), ("suppressed", "message"), ("failed", "reason")):
        if text := reading.line(reading.at_path(data, *path)):
            return text
    return None


def _bounce(data: reading.Json, status: str | None) -> Bounce | None:
    """Return what a bounce says of the address, or None where it may be no bounce at all."""
    kind = reading.word(reading.at_path(data, "bounce", "type"))
    part = reading.word(reading.at_path(data, "bounce", "subType"))
    return None if is_ambiguous(kind, part, status) else bounce_of(status, said(kind, part))


def _row_id(data: reading.Json) -> uuid.UUID | None:
    for field in reading.objects(data.get("headers")):
        if reading.word(field.get("name")).lower() == _ID_FIELD:
            return reading.row_id(field.get("value"))
    return reading.row_id(reading.at_path(data, "tags", reading.TAG))
