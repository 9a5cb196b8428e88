"""Postmark's webhooks: nothing is signed, so the login in the address they are posted to is the proof.

Documented at postmarkapp.com/developer/webhooks and, for the types of bounces, under "Bounce types".
"""

import base64
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from pydantic import SecretStr

from gatepost.errors import NotProven
from gatepost.feedback.bounce import bounce_of
from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import Posted
from gatepost.feedback.providers import proof, reading

_SAID = {
    "HardBounce": Bounce.HARD,
    "BadEmailAddress": Bounce.HARD,
    "SoftBounce": Bounce.SOFT,
}
# Types of a bounce that are none: Postmark goes on trying, a person or a machine answered.
_KINDS = {
    "Transient": Kind.DELAYED,
    "DnsError": Kind.DELAYED,
    "SpamComplaint": Kind.COMPLAINED,
    "Unsubscribe": Kind.UNSUBSCRIBED,
}
_SAYS_NOTHING = frozenset(
    {"Subscribe", "AutoResponder", "AddressChange", "OpenRelayTest", "ChallengeVerification", "InboundError"}
)


class Postmark:
    """POST /feedback/postmark.

    Args:
        login: name:password.
        networks: where Postmark posts from; empty for anywhere.
    """

    name = "postmark"

    def __init__(self, login: SecretStr, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._login = login.get_secret_value()
        self._networks = tuple(networks)

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return the one fact of a post, or none where it is of another kind."""
        self._prove(posted)
        event = reading.as_object(reading.parse(posted.body), "the body")
        kind = _kind(event)
        if kind is None:
            return ()
        when = next((event[name] for name in ("DeliveredAt", "BouncedAt", "ChangedAt") if event.get(name)), None)
        recipient = reading.address(event.get("Email")) or reading.address(event.get("Recipient"))
        status = reading.status(None, event.get("Details"))
        said = _SAID.get(reading.word(event.get("Type")), Bounce.OTHER)
        return (
            Fact(
                source=self.name,
                event_id=reading.made_id(
                    event.get("RecordType"), event.get("ID"), event.get("MessageID"), recipient, when
                ),
                kind=kind,
                at=reading.instant(when, posted.now_ms),
                bounce=bounce_of(status, said) if kind is Kind.BOUNCED else None,
                row_id=reading.row_id(reading.at_path(event, "Metadata", reading.TAG)),
                recipient=recipient,
                status=status,
                text=reading.line(event.get("Details")) or reading.line(event.get("Description")),
            ),
        )

    def _prove(self, posted: Posted) -> None:
        if self._networks and not _is_in(posted.peer, self._networks):
            raise NotProven(f"it comes from {posted.peer}, which FEEDBACK_POSTMARK_NETWORKS does not name")
        scheme, _, given = proof.header(posted, "authorization").partition(" ")
        try:
            login = base64.b64decode(given.strip(), validate=True).decode("utf-8")
        except ValueError:  # no base64, or no text: both are one
            login = ""
        if scheme.lower() != "basic" or not proof.same(login, self._login):
            raise NotProven("the login does not fit")


def _is_in(peer: IPv4Address | IPv6Address | None, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    plain = (peer.ipv4_mapped or peer) if isinstance(peer, IPv6Address) else peer
    return plain is not None and any(plain in network for network in networks)


def _kind(event: reading.Json) -> Kind | None:
    record = event.get("RecordType")
    if record == "Delivery":
        return Kind.DELIVERED
    if record == "SpamComplaint":
        return Kind.COMPLAINED
    if record == "SubscriptionChange":
        is_wish = event.get("SuppressionReason") == "ManualSuppression" and event.get("Origin") == "Recipient"
        return Kind.UNSUBSCRIBED if event.get("SuppressSending") is True and is_wish else None
    if record != "Bounce" or reading.word(event.get("Type")) in _SAYS_NOTHING:
        return None
    return _KINDS.get(reading.word(event.get("Type")), Kind.BOUNCED)
