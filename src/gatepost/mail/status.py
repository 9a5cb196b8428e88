"""Enhanced status codes in the text of a reply (RFC 3463, placed as RFC 2034 says)."""

import re

# At the start of the text and nowhere else, or "4.3.2.1 is listed" would be a status. Some servers repeat the reply
# code before it, Cisco's put a "#" there.
_STATUS = re.compile(
    r"\s*(?:[245][0-9]{2}[ -])?#?([245]\.(?:0|[1-9][0-9]{0,2})\.(?:0|[1-9][0-9]{0,2}))(?![0-9]|\.[0-9])"
)


def enhanced_status(text: str) -> str | None:
    """Read class.subject.detail from the start of a reply's text; None when the server gave none."""
    found = _STATUS.match(text)
    return found[1] if found else None
