"""SendGrid's event webhook: a list of events, signed as a whole with a P-256 key of SendGrid's own.

Documented at twilio.com/docs/sendgrid/for-developers/tracking-events ("Event Webhook Reference", "Security Features").
"""

import base64
from collections.abc import Sequence

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import proof, reading
from gatepost.feedback.providers.signatures import EcKey

_KINDS = {
    "delivered": Kind.DELIVERED,
    "deferred": Kind.DELAYED,
    "bounce": Kind.BOUNCED,
    "dropped": Kind.BOUNCED,  # SendGrid itself would not send it
    "spamreport": Kind.COMPLAINED,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "group_unsubscribe": Kind.UNSUBSCRIBED,
}
_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


class SendGrid:
    """POST /feedback/sendgrid.

    Args:
        key: the verification key as SendGrid shows it.
        window_s: how old a post may be, in seconds.

    Raises:
        SettingsError: the key is no P-256 key, or what reads it is not installed.
    """

    name = "sendgrid"

    def __init__(self, key: str, window_s: int) -> None:
        self._key = EcKey(key, "GATEPOST_FEEDBACK_SENDGRID_KEY")
        self._window_s = window_s

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return a fact for each event that says something; of other kinds of events nothing."""
        self._prove(posted)
        events = reading.parse(posted.body)
        if not isinstance(events, list):
            raise FeedbackUnreadable("the body is no JSON list")
        if events and not reading.objects(events):
            raise FeedbackUnreadable("the list holds no JSON object")
        found = (self._fact(event, posted.now_ms) for event in reading.objects(events))
        return [fact for fact in found if fact is not None]

    def _prove(self, posted: Posted) -> None:
        timestamp = proof.header(posted, _TIMESTAMP)
        given = proof.header(posted, _SIGNATURE)
        signed_at = proof.seconds(timestamp, "its timestamp")
        try:
            signature = base64.b64decode(given, validate=True)
        except ValueError:
            raise NotProven("the signature is not base64") from None
        if not self._key.fits(signature, timestamp.encode("ascii") + posted.body):
            raise NotProven("the signature does not fit")
        proof.check_window(signed_at * 1000, posted, self._window_s)

    def _fact(self, event: reading.Json, now_ms: int) -> Fact | None:
        kind = _KINDS.get(reading.word(event.get("event")))
        if kind is None:
            return None
        reply = event.get("response") if kind in (Kind.DELIVERED, Kind.DELAYED) else event.get("reason")
        status = reading.status(event.get("status"), reply)
        recipient = reading.address(event.get("email"))
        return Fact(
            source=self.name,
            event_id=reading.own_id(event.get("sg_event_id")) or _made_id(event, recipient),
            kind=kind,
            at=reading.instant(event.get("timestamp"), now_ms),
            bounce=bounce_of(status, _said(event)) if kind is Kind.BOUNCED else None,
            row_id=reading.row_id(event.get(reading.TAG)),
            message_id=reading.message_id(event.get("smtp-id")),
            recipient=recipient,
            status=status,
            text=reading.line(reply),
        )


def _made_id(event: reading.Json, recipient: str | None) -> str:
    return reading.made_id(*(event.get(name) for name in ("sg_message_id", "smtp-id", "event", "timestamp")), recipient)


def _said(event: reading.Json) -> Bounce:
    if event.get("event") == "dropped":
        return Bounce.HARD if event.get("reason") == "Bounced Address" else Bounce.OTHER
    if event.get("type") == "blocked":  # a policy, or a server that could not be reached
        return Bounce.OTHER
    by_class = {"Invalid Address": Bounce.HARD, "Mailbox Unavailable": Bounce.SOFT}
    return by_class.get(reading.word(event.get("bounce_classification")), Bounce.OTHER)
