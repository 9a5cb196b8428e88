"""The return path of each message: its id and a MAC of it before the @-sign, so that what bounces names its message.

bounces+<id, 26 characters><MAC, 10 characters>@domain, both in the base32 of RFC 4648 without padding and in small
letters: some servers change the case of a local part. Pure.
"""

import base64
import hmac
import re
import uuid
from collections.abc import Sequence

USE = "return path"  # what the subkey is for

# Searched for, not matched whole: what forwards a message may put words of its own around it (SRS0=…, prvs=…).
# ASCII, or the Kelvin sign would be a small k.
_CODE = re.compile(r"\+([a-z2-7]{36})@", re.IGNORECASE | re.ASCII)
_ID_CHARACTERS = 26
_MAC_BYTES = 6


def make(key: bytes, address: str, row_id: uuid.UUID) -> str:
    """Write the return path of one message.

    Args:
        key: the subkey that signs.
        address: where bounces go, as in RETURN_PATH.
        row_id: the message's id.
    """
    local_part, _, domain = address.rpartition("@")
    return f"{local_part}+{_code(key, row_id)}@{domain}"


def read(keys: Sequence[bytes], address: str) -> uuid.UUID | None:
    """Return the id of the message this is the return path of; None for what nobody wrote under one of the keys."""
    found = _CODE.search(address)
    if found is None:
        return None
    code = found[1].lower()
    row_id = uuid.UUID(bytes=base64.b32decode(code[:_ID_CHARACTERS].upper() + "======"))
    if any(hmac.compare_digest(_code(key, row_id), code) for key in keys):
        return row_id
    return None


def _code(key: bytes, row_id: uuid.UUID) -> str:
    mac = hmac.digest(key, row_id.bytes, "sha256")[:_MAC_BYTES]
    return "".join(base64.b32encode(part).decode().rstrip("=").lower() for part in (row_id.bytes, mac))
