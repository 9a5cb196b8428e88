"""Mailgun's webhooks: the signature stands in the body, and is about a time and a token, not about the event.

So whoever saw one post could put another event under its signature: the token is the id of the fact, and a second fact
with it is a repetition, whatever it says. Documented at documentation.mailgun.com, "Securing Webhooks" and "Events".
"""

import re
from collections.abc import Sequence

from pydantic import SecretStr

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import proof, reading

_TOKEN = re.compile(r"[0-9A-Za-z]{20,200}")
_KINDS = {
    "delivered": Kind.DELIVERED,
    "failed": Kind.BOUNCED,
    "rejected": Kind.BOUNCED,  # Mailgun itself would not send it
    "complained": Kind.COMPLAINED,
    "unsubscribed": Kind.UNSUBSCRIBED,
}


class Mailgun:
    """POST /feedback/mailgun."""

    name = "mailgun"

    def __init__(self, key: SecretStr, window_s: int) -> None:
        self._key = key.get_secret_value().encode()
        self._window_s = window_s

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return the one fact of a post, or none where it is of another kind."""
        try:
            whole = reading.as_object(reading.parse(posted.body), "the body")
        except FeedbackUnreadable as unreadable:  # where there is nothing to read, there is no signature
            raise NotProven(str(unreadable)) from None
        token = self._proven(whole, posted)
        event = reading.as_object(whole.get("event-data"), "event-data")
        kind = _kind(event)
        if kind is None:
            return ()
        status, text = _reply(event)
        return (
            Fact(
                source=self.name,
                event_id=token,
                kind=kind,
                at=reading.instant(event.get("timestamp"), posted.now_ms),
                bounce=bounce_of(status, _said(event)) if kind is Kind.BOUNCED else None,
                row_id=reading.row_id(reading.at_path(event, "user-variables", reading.TAG)),
                message_id=reading.message_id(reading.at_path(event, "message", "headers", "message-id")),
                recipient=reading.address(event.get("recipient"))
                or reading.address(reading.at_path(event, "message", "headers", "to")),
                status=status,
                text=text,
            ),
        )

    def _proven(self, whole: reading.Json, posted: Posted) -> str:
        """Return the token of a post that Mailgun signed."""
        timestamp = reading.at_path(whole, "signature", "timestamp")
        token = reading.word(reading.at_path(whole, "signature", "token"))
        given = reading.word(reading.at_path(whole, "signature", "signature"))
        timestamp = str(timestamp) if isinstance(timestamp, int) else timestamp
        signed_at = proof.seconds(timestamp, "signature.timestamp")
        if not _TOKEN.fullmatch(token):
            raise NotProven("signature.token is missing or not written as one")
        if not proof.same(given, proof.hmac_sha256(self._key, f"{timestamp}{token}".encode()).hex()):
            raise NotProven("the signature does not fit")
        proof.check_window(signed_at * 1000, posted, self._window_s)
        return token


def _kind(event: reading.Json) -> Kind | None:
    kind = _KINDS.get(reading.word(event.get("event")))
    if event.get("event") == "failed" and event.get("severity") != "permanent":
        return Kind.DELAYED  # Mailgun tries again
    return kind


def _reply(event: reading.Json) -> tuple[str | None, str | None]:
    """Return the status and what was said."""
    given = reading.at_path(event, "delivery-status")
    message, enhanced = (reading.at_path(given, name) for name in ("message", "enhanced-code"))
    text = reading.line(message) or reading.line(reading.at_path(given, "description"))
    return reading.status(enhanced, message), text or reading.line(reading.at_path(event, "reject", "reason"))


def _said(event: reading.Json) -> Bounce:
    kind = reading.word(reading.at_path(event, "delivery-status", "bounce-type"))
    if kind == "soft":
        return Bounce.SOFT
    # suppress-bounce: Mailgun's own list of addresses that bounced for good.
    if event.get("reason") == "suppress-bounce" or (event.get("reason") == "bounce" and kind == "hard"):
        return Bounce.HARD
    return Bounce.OTHER
