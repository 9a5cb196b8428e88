"""Amazon SNS: proves that a post is of a topic of ours, and confirms a new subscription.

Documented at docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html. Everybody can have SNS sign
something with the very same key: that the topic is one of ours is what makes it ours.
"""

import base64
from collections.abc import Sequence

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import proof, reading
from gatepost.feedback.providers.certificates import Certificates, is_confirmation_url
from gatepost.feedback.providers.fetch import Fetch, NotThere

_DIGESTS = {"1": "sha1", "2": "sha256"}
_OF_A_MESSAGE = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_A_SUBSCRIPTION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _OF_A_MESSAGE,
    "SubscriptionConfirmation": _OF_A_SUBSCRIPTION,
    "UnsubscribeConfirmation": _OF_A_SUBSCRIPTION,
}


class Topics:
    """The topics whose posts are believed.

    Args:
        topics: their ARNs.
        window_s: how old a post may be, in seconds.
        fetch: gets certificates and confirms subscriptions.
    """

    def __init__(self, topics: Sequence[str], *, window_s: int, fetch: Fetch) -> None:
        self._topics = frozenset(topics)
        self._window_s = window_s
        self._fetch = fetch
        self._certificates = Certificates(fetch)

    async def open(self, posted: Posted) -> str | None:
        """Return the message that was published to a topic; None where the post is about the subscription itself.

        Raises:
            NotProven: SNS did not sign it, or not for a topic of ours.
            FeedbackUnreadable: it wants a subscription confirmed in a way that SNS does not document.
            TryLater: the certificate could not be fetched, or the subscription not confirmed.
        """
        whole = await self._proven(posted)
        if whole["Type"] == "SubscriptionConfirmation":
            await self._confirm(reading.word(whole.get("SubscribeURL")))
        return reading.word(whole.get("Message")) if whole["Type"] == "Notification" else None

    async def _proven(self, posted: Posted) -> reading.Json:
        if posted.headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            raise NotProven("the subscription has raw message delivery on, which leaves the signature out: turn it off")
        try:
            whole = reading.as_object(reading.parse(posted.body), "the body")
        except FeedbackUnreadable as unreadable:  # where there is nothing to read, there is no signature
            raise NotProven(str(unreadable)) from None
        if reading.word(whole.get("TopicArn")) not in self._topics:
            raise NotProven("its topic is not in FEEDBACK_SES_TOPICS")
        digest = _DIGESTS.get(reading.word(whole.get("SignatureVersion")))
        fields = _SIGNED.get(reading.word(whole.get("Type")))
        if digest is None or fields is None:
            raise NotProven("its SignatureVersion or its Type is not known")
        try:
            signature = base64.b64decode(reading.word(whole.get("Signature")), validate=True)
        except ValueError:
            raise NotProven("the signature is not base64") from None
        signed_at = reading.instant(whole.get("Timestamp"), -1)
        proof.check_window(signed_at, posted, self._window_s)  # before anything is fetched for it
        key = await self._certificates.key(reading.word(whole.get("SigningCertURL")), posted.now_ms)
        if not key.fits(signature, _content(whole, fields), digest):
            raise NotProven("the signature does not fit")
        return whole

    async def _confirm(self, url: str) -> None:
        if not is_confirmation_url(url):
            raise FeedbackUnreadable("SubscribeURL is not where SNS confirms subscriptions")
        try:
            await self._fetch.get(url)
        except NotThere as refused:
            raise FeedbackUnreadable(f"SNS did not confirm the subscription: {refused}") from None


def _content(whole: reading.Json, fields: Sequence[str]) -> bytes:
    """Return what is signed: each field that is there, its name and its value, each with a line end."""
    there = ((name, whole.get(name)) for name in fields)
    text = "".join(f"{name}\n{value}\n" for name, value in there if isinstance(value, str))
    return text.encode("utf-8", "surrogatepass")
