"""The certificates Amazon SNS signs with: fetched from Amazon alone, kept, and not fetched for everybody who asks."""

import asyncio
import re
from collections import deque

from gatepost.errors import NotProven, TryLater
from gatepost.feedback.providers.fetch import Fetch, NotThere
from gatepost.feedback.providers.signatures import RsaKey

# No user, no port, no other host: everything before the path is this and nothing more.
_ORIGIN = r"https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?"
# The host answers other paths too, some with what a stranger wrote.
_CERTIFICATE = re.compile(_ORIGIN + r"/SimpleNotificationService-[A-Za-z0-9]{8,64}\.pem")
_CONFIRMATION = re.compile(_ORIGIN + r"/\?[!-;=?-~]{1,4000}")

KEPT_S = 86_400
MAX_KEPT = 16
MAX_FETCHES_A_MINUTE = 10  # of certificates we do not know: a stranger can name any
MAX_WAITING = 20  # posts that hold on while one is fetched


def is_certificate_url(url: str) -> bool:
    """Say whether SNS keeps certificates at such a URL."""
    return len(url) <= 300 and _CERTIFICATE.fullmatch(url) is not None


def is_confirmation_url(url: str) -> bool:
    """Say whether SNS confirms subscriptions at such a URL."""
    return _CONFIRMATION.fullmatch(url) is not None and "Action=ConfirmSubscription" in url


class Certificates:
    """The keys of certificates by their URL.

    Args:
        fetch: gets one.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept: dict[str, tuple[RsaKey, int]] = {}
        self._fetched_at: deque[int] = deque(maxlen=MAX_FETCHES_A_MINUTE)
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def key(self, url: str, now_ms: int) -> RsaKey:
        """Return the key of a certificate.

        Raises:
            NotProven: SNS keeps no certificate there, or it is not valid now.
            TryLater: it could not be fetched now.
        """
        if not is_certificate_url(url):
            raise NotProven("SigningCertURL is not where SNS keeps its certificates")
        if (kept := self._look(url, now_ms)) is not None:
            return kept
        if self._waiting >= MAX_WAITING:
            raise TryLater("too many posts wait for a certificate of Amazon SNS", retry_after_s=60)
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                return self._look(url, now_ms) or await self._fetched(url, now_ms)
        finally:
            self._waiting -= 1

    async def _fetched(self, url: str, now_ms: int) -> RsaKey:
        self._count(now_ms)
        try:
            key = RsaKey(await self._fetch.get(url), now_ms)
        except NotThere as missing:
            raise NotProven(f"there is no certificate at SigningCertURL: {missing}") from None
        while len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = (key, now_ms + KEPT_S * 1000)
        return key

    def _look(self, url: str, now_ms: int) -> RsaKey | None:
        key, until_ms = self._kept.get(url, (None, 0))
        return key if now_ms < until_ms else None

    def _count(self, now_ms: int) -> None:
        if len(self._fetched_at) == MAX_FETCHES_A_MINUTE and abs(now_ms - self._fetched_at[0]) < 60_000:
            raise TryLater("too many certificates of Amazon SNS are asked for", retry_after_s=60)
        self._fetched_at.append(now_ms)
