"""The link by which a recipient unsubscribes (RFC 8058): which message it stands in and for whom, signed. Pure.

No row is kept for it: /mail/unsubscribe/<base64url of the message's id, a hidden address and a MAC of both>.
"""

import base64
import hmac
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from gatepost.errors import SettingsError

USE = "unsubscribe"  # what the subkey is for
INFO = b"gatepost unsubscribe"  # the same of a secret that is no secret key
PATH = "/mail/unsubscribe/"
TOKEN_CHARACTERS = 64

_PART_BYTES = 16  # of each of the three
_IN_PATHS = "/%:@!$&'()*+;=~"  # RFC 3986, 3.3; a comma would divide List-Unsubscribe (RFC 2369, 2)
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_CHARACTERS}}}", re.ASCII)


@dataclass(frozen=True)
class Unsubscriber:
    """Whom a token speaks for: `row_id` is the message's id, `hidden` what stands for its recipient."""

    row_id: uuid.UUID
    hidden: bytes


class UnsubscribeLinks:
    """Makes the links, and reads what comes back.

    Args:
        keys: subkeys for USE: the first signs, all verify.
        public_url: where the product is, without a slash at its end.
        hide: makes the 16 bytes that stand for an address key; nobody finds the address by them without a secret.

    Raises:
        SettingsError: `public_url` names a host that no domain name can be.
    """

    def __init__(self, keys: Sequence[bytes], public_url: str, hide: Callable[[str], bytes]) -> None:
        self._keys = tuple(keys)
        self._page = page_of(public_url)
        self._hide = hide

    def link(self, row_id: uuid.UUID, address_key: str) -> str:
        """Write the link of one message: the same for every attempt, as long as the keys are."""
        signed = row_id.bytes + self._hide(address_key)
        token = base64.urlsafe_b64encode(signed + _mac(self._keys[0], signed)).decode("ascii")
        return f"{self._page}{token}"

    def read(self, token: str) -> Unsubscriber | None:
        """Say whom a token speaks for; None for what nobody wrote under one of the keys."""
        if not has_form(token):
            return None
        whole = base64.urlsafe_b64decode(token)
        signed, mac = whole[: 2 * _PART_BYTES], whole[2 * _PART_BYTES :]
        if not any(hmac.compare_digest(_mac(key, signed), mac) for key in self._keys):
            return None
        return Unsubscriber(uuid.UUID(bytes=signed[:_PART_BYTES]), signed[_PART_BYTES:])


def has_form(token: str) -> bool:
    """Whether a text looks like a token of ours; it says nothing of who wrote it."""
    return _TOKEN.fullmatch(token) is not None


def page_of(public_url: str) -> str:
    """Write what stands in a link before its token.

    Raises:
        SettingsError: `public_url` names a host that no domain name can be.
    """
    return f"{_as_ascii(public_url)}{PATH}"


def _as_ascii(url: str) -> str:
    """Write a URL as a header field can hold it: other letters as A-labels in the host, percent-encoded in the path."""
    parts = urlsplit(url)
    try:
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    except UnicodeError:
        raise SettingsError("PUBLIC_URL names a host that is no domain name; write it as xn--….") from None
    return f"{parts.scheme}://{host}{quote(parts.path, safe=_IN_PATHS)}"


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")[:_PART_BYTES]
