"""What a mail provider posts to us, and what reads it: proven first, then turned into facts. No database here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from gatepost.feedback.fact import Fact

MAX_POST_BYTES = 1_048_576


@dataclass(frozen=True, kw_only=True)
class Posted:
    """One POST as it came.

    Args:
        headers: its header fields, names in lower case; may hold credentials, so they are never shown.
        body: at most MAX_POST_BYTES, as they were sent: signatures are about these very bytes.
        peer: who sent it, past the trusted proxies; None where nobody knows.
        now_ms: wall time in milliseconds.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    peer: IPv4Address | IPv6Address | None
    now_ms: int


class Provider(Protocol):
    """Reads what one provider posts to POST /feedback/{name}."""

    @property
    def name(self) -> str:
        """As in the route, and as the source of its facts."""
        ...

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Return the facts of a post; none where it says nothing that is kept.

        Raises:
            NotProven: it does not prove where it comes from, or no key is set for this provider.
            FeedbackUnreadable: it is proven, and is not what the provider documents.
            TryLater: it cannot be proven now; the provider posts it again.
        """
        ...
