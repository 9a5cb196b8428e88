"""Amazon SES through Amazon SNS: one post may be about several recipients, each is a fact of its own.

Documented at docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html; the notifications of an
identity (notification-contents.html) have the same shape under another name and carry no tags.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import reading
from gatepost.feedback.providers.fetch import Fetch
from gatepost.feedback.providers.ses_bounces import is_ambiguous, said
from gatepost.feedback.providers.signatures import check_installed
from gatepost.feedback.providers.sns import Topics

# What SES publishes once, when it is given a topic: a sentence, no event.
_GREETING = "Successfully validated SNS topic"
# Types of a report (RFC 5965) by which nobody complains: a message that was taken out of the junk, a check that failed.
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure"})


@dataclass(frozen=True)
class _Said:
    """What one event says of one recipient."""

    kind: Kind
    recipient: str | None
    bounce: Bounce | None = None
    status: str | None = None
    text: str | None = None


class Ses:
    """POST /feedback/ses.

    Args:
        topics: the ARNs of the SNS topics that are believed.
        window_s: how old a post may be, in seconds.
        fetch: gets certificates from Amazon and confirms subscriptions.

    Raises:
        SettingsError: what verifies signatures is not installed.
    """

    name = "ses"

    def __init__(self, topics: Sequence[str], window_s: int, fetch: Fetch) -> None:
        check_installed("GATEPOST_FEEDBACK_SES_TOPICS")
        self._topics = Topics(topics, window_s=window_s, fetch=fetch)

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return a fact for each recipient an event is about; none for other kinds of events."""
        message = await self._topics.open(posted)
        if message is None or message.startswith(_GREETING):
            return ()
        event = reading.as_object(reading.parse(message), "Message")
        name = reading.word(event.get("eventType")) or reading.word(event.get("notificationType"))
        part = event.get(name[:1].lower() + name[1:])
        mail = event.get("mail")
        own = (reading.word(reading.at_path(mail, "messageId")), reading.word(reading.at_path(part, "feedbackId")))
        when = reading.at_path(part, "timestamp")
        return [
            Fact(
                source=self.name,
                event_id=reading.made_id(*own, one.kind, one.recipient, when if one.kind is Kind.DELAYED else None),
                kind=one.kind,
                at=reading.instant(when, posted.now_ms),
                bounce=one.bounce,
                row_id=_row_id(mail),
                message_id=_message_id(mail),
                recipient=one.recipient,
                status=one.status,
                text=one.text,
            )
            for one in _said(name, part, mail)
        ]


def _said(name: str, part: object, mail: object) -> Sequence[_Said]:
    """Return what an event says of each recipient."""
    if name == "Bounce":
        return [_bounce(part, one) for one in reading.objects(reading.at_path(part, "bouncedRecipients"))]
    if name == "Complaint":
        return _complaint(part)
    if name == "Delivery":
        text = reading.line(reading.at_path(part, "smtpResponse"))
        return [_Said(Kind.DELIVERED, one, text=text) for one in _addresses(reading.at_path(part, "recipients"))]
    if name == "DeliveryDelay":
        return [_delay(one) for one in reading.objects(reading.at_path(part, "delayedRecipients"))]
    to = _addresses(reading.at_path(mail, "destination"))
    if name == "Reject":  # SES found a virus, after it had taken the message
        text = reading.line(reading.at_path(part, "reason"))
        return [_Said(Kind.BOUNCED, one, Bounce.OTHER, text=text) for one in to]
    if name == "Subscription" and reading.at_path(part, "newTopicPreferences", "unsubscribeAll") is True:
        return [_Said(Kind.UNSUBSCRIBED, one) for one in to]
    return ()


def _bounce(part: object, one: reading.Json) -> _Said:
    kind, sort = (reading.word(reading.at_path(part, name)) for name in ("bounceType", "bounceSubType"))
    status = reading.status(one.get("status"), one.get("diagnosticCode"))
    recipient, text = reading.address(one.get("emailAddress")), reading.line(one.get("diagnosticCode"))
    text = text or reading.line(f"{kind} {sort}")
    if is_ambiguous(kind, sort, status):
        return _Said(Kind.DELAYED, recipient, text=text)
    return _Said(Kind.BOUNCED, recipient, bounce_of(status, said(kind, sort)), status, text)


def _complaint(part: object) -> Sequence[_Said]:
    """Return who complained; nobody where SES's own list stopped a message to somebody who once did."""
    sort = reading.word(reading.at_path(part, "complaintFeedbackType"))
    if sort in _NO_COMPLAINT or reading.at_path(part, "complaintSubType") == "OnAccountSuppressionList":
        return ()
    who = reading.objects(reading.at_path(part, "complainedRecipients"))
    return [_Said(Kind.COMPLAINED, reading.address(one.get("emailAddress")), text=reading.line(sort)) for one in who]


def _delay(one: reading.Json) -> _Said:
    status = reading.status(one.get("status"), one.get("diagnosticCode"))
    recipient = reading.address(one.get("emailAddress"))
    return _Said(Kind.DELAYED, recipient, status=status, text=reading.line(one.get("diagnosticCode")))


def _addresses(value: object) -> Sequence[str]:
    found = (reading.address(item) for item in value[: reading.MAX_EVENTS]) if isinstance(value, list) else ()
    return [item for item in found if item is not None]


def _row_id(mail: object) -> uuid.UUID | None:
    tag = reading.at_path(mail, "tags", reading.TAG)
    return reading.row_id(tag[0]) if isinstance(tag, list) and tag else None


def _message_id(mail: object) -> str | None:
    """Return the Message-ID we gave it: in the header fields as SES got them; SES sends it under one of its own."""
    for field in reading.objects(reading.at_path(mail, "headers")):
        if reading.word(field.get("name")).lower() == "message-id":
            return reading.message_id(field.get("value"))
    return reading.message_id(reading.at_path(mail, "commonHeaders", "messageId"))
