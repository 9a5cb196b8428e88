"""Standard Webhooks (standardwebhooks.com, version 1): its signature, and the body of ours for whatever has none.

Signed is HMAC-SHA256 over `id.timestamp.body`; the key is base64 behind `whsec_`; the field of signatures holds several
with spaces between them, of which those that begin with `v1,` are of this kind.
"""

import base64
import re
from collections.abc import Sequence
from typing import NamedTuple

from pydantic import SecretStr

from gatepost.errors import FeedbackUnreadable, NotProven
from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import proof, reading

_PREFIX = "whsec_"
_VERSION = "v1,"
MAX_SIGNATURES = 10
# The dot parts what is signed, so an id must not hold one.
_ID = re.compile(r"[!-\-/-~]{1,256}")


class Opened(NamedTuple):
    """A post that is proven: its id, the same in every repetition, and what it says."""

    id: str
    event: reading.Json


class Signed:
    """Proves posts that are signed as Standard Webhooks.

    Args:
        secrets: with their prefix; several while one is replaced.
        window_s: how old a post may be, in seconds.
        prefix: of the three header fields: "webhook", or "svix" as its forerunner has it.
    """

    def __init__(self, secrets: Sequence[SecretStr], *, window_s: int, prefix: str) -> None:
        self._keys = [base64.b64decode(one.get_secret_value().removeprefix(_PREFIX)) for one in secrets]
        self._window_s = window_s
        self._prefix = prefix

    def open(self, posted: Posted) -> Opened:
        """Return a post's id and what it says.

        Raises:
            NotProven: it is not signed with any of the secrets, or was at another time.
            FeedbackUnreadable: it is no JSON object.
        """
        own_id = proof.header(posted, f"{self._prefix}-id")
        timestamp = proof.header(posted, f"{self._prefix}-timestamp")
        given = proof.header(posted, f"{self._prefix}-signature").split()
        if not _ID.fullmatch(own_id):
            raise NotProven("its id is not written as one")
        signed_at = proof.seconds(timestamp, "its timestamp")
        content = f"{own_id}.{timestamp}.".encode() + posted.body
        expected = [_VERSION + base64.b64encode(proof.hmac_sha256(key, content)).decode("ascii") for key in self._keys]
        if not any([proof.same(one, right) for one in given[:MAX_SIGNATURES] for right in expected]):
            raise NotProven("no signature fits")
        proof.check_window(signed_at * 1000, posted, self._window_s)
        return Opened(own_id, reading.as_object(reading.parse(posted.body), "the body"))


_KINDS = {
    "message.delivered": Kind.DELIVERED,
    "message.delayed": Kind.DELAYED,
    "message.bounced": Kind.BOUNCED,
    "message.complained": Kind.COMPLAINED,
    "message.unsubscribed": Kind.UNSUBSCRIBED,
}
_SAID = {"hard": Bounce.HARD, "soft": Bounce.SOFT}


class Standard:
    """POST /feedback/standard: for a provider or a program of one's own."""

    name = "standard"

    def __init__(self, secrets: Sequence[SecretStr], window_s: int) -> None:
        self._signed = Signed(secrets, window_s=window_s, prefix="webhook")

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return the one fact of a post, or none where it is of another type."""
        event_id, event = self._signed.open(posted)
        kind = _KINDS.get(reading.word(event.get("type")))
        if kind is None:
            return ()
        data = reading.as_object(event.get("data"), "data")
        fact = Fact(
            source=self.name,
            event_id=event_id,
            kind=kind,
            at=reading.instant(event.get("timestamp"), posted.now_ms),
            bounce=_bounce(data) if kind is Kind.BOUNCED else None,
            row_id=reading.row_id(data.get("id")),
            message_id=reading.message_id(data.get("message_id")),
            recipient=reading.address(data.get("recipient")),
            status=reading.status(data.get("status"), data.get("detail")),
            text=reading.line(data.get("detail")),
        )
        if fact.row_id is None and fact.message_id is None and fact.recipient is None:
            raise FeedbackUnreadable("data names neither id, message_id nor recipient")
        return (fact,)


def _bounce(data: reading.Json) -> Bounce:
    said = _SAID.get(reading.word(data.get("bounce")), Bounce.OTHER)
    return bounce_of(reading.status(data.get("status"), data.get("detail")), said)
