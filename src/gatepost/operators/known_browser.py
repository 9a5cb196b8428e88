"""The mark of a browser in which an operator signed in before. Pure.

Guesses at an operator's name are bounded for everybody together, so a stranger could use them up and shut its owner
out. Whoever brings the mark has guesses of their own, bounded alike. It opens nothing: the password is needed as ever.
"""

import hmac
import re
import secrets

from gatepost.accounts.keys import Keys

USE = "operator's browser"
KEPT_S = 90 * 24 * 3600
_NUMBER_BYTES = 16
_MARK = re.compile(r"([0-9a-f]{32})\.([0-9]{1,15})\.([0-9a-f]{64})")


def mark_of(keys: Keys, name: str, brought: str | None, now_ms: int) -> str:
    """Make the mark of a browser in which `name` signed in just now; one that is known keeps its number."""
    number = browser_of(keys, name, brought, now_ms) or secrets.token_hex(_NUMBER_BYTES)
    return f"{number}.{now_ms}.{_mac(keys.signing(USE), name, number, now_ms)}"


def browser_of(keys: Keys, name: str, brought: str | None, now_ms: int) -> str | None:
    """Return the number of the browser, if the mark it brought is ours, of this name and not too old."""
    found = _MARK.fullmatch(brought or "")
    if found is None:
        return None
    number, at_ms, mac = found[1], int(found[2]), found[3]
    ours = any(hmac.compare_digest(_mac(key, name, number, at_ms), mac) for key in keys.all_for(USE))
    return number if ours and at_ms > now_ms - KEPT_S * 1000 else None


def _mac(key: bytes, name: str, number: str, at_ms: int) -> str:
    return hmac.digest(key, f"{name}\0{number}\0{at_ms}".encode(), "sha256").hex()
