"""What several providers' proofs have in common: header fields, the window of time, comparing in constant time."""

import hashlib
import hmac
import re

from gatepost.errors import NotProven
from gatepost.feedback.provider import Posted

_SECONDS = re.compile(r"[0-9]{1,12}")


def header(posted: Posted, name: str) -> str:
    """Return a header field by its name in lower case.

    Raises:
        NotProven: it is missing or empty.
    """
    if not (value := posted.headers.get(name, "").strip()):
        raise NotProven(f"the header field {name} is missing")
    return value


def seconds(text: object, what: str) -> int:
    """Return whole seconds since the epoch.

    Raises:
        NotProven: it is no such number.
    """
    if not isinstance(text, str) or not _SECONDS.fullmatch(text):
        raise NotProven(f"{what} is no time in seconds")
    return int(text)


def check_window(signed_at_ms: int, posted: Posted, window_s: int) -> None:
    """Refuse what was signed at another time: it may be a copy of what somebody saw.

    Raises:
        NotProven: the two times are more than `window_s` seconds apart, either way.
    """
    apart_ms = abs(posted.now_ms - signed_at_ms)
    if apart_ms > window_s * 1000:
        raise NotProven(f"it was signed {apart_ms // 1000} s away from now, and FEEDBACK_WINDOW_S is {window_s}")


def hmac_sha256(key: bytes, content: bytes) -> bytes:
    """Return the HMAC-SHA256 (RFC 2104) of some bytes."""
    return hmac.digest(key, content, "sha256")


def same(given: str, expected: str) -> bool:
    """Compare two texts in a time that says nothing of either, not even of their lengths."""
    digests = (hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)
