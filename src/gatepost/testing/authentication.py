"""AUTH as the test server understands it: PLAIN (RFC 4616), LOGIN and XOAUTH2, with or without an initial response."""

import base64
import binascii
import re
from collections.abc import Awaitable, Callable

# Writes one line and reads the client's.
Ask = Callable[[bytes], Awaitable[bytes]]

# What Google answers to a token that is no longer valid; the client must send an empty line to get its 535.
TOKEN_REFUSED = b"334 " + base64.b64encode(b'{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}')


async def given_by(rest: bytes, ask: Ask) -> tuple[str, str] | None:
    """Return the user name and the password or token that AUTH brought; None for a mechanism nobody knows."""
    mechanism, _, initial = rest.partition(b" ")
    if mechanism.upper() == b"PLAIN":
        _, _, pair = _decoded(initial or await ask(b"334 ")).partition(b"\0")
        user, _, password = pair.partition(b"\0")
    elif mechanism.upper() == b"LOGIN":
        user = _decoded(initial or await ask(b"334 VXNlcm5hbWU6"))
        password = _decoded(await ask(b"334 UGFzc3dvcmQ6"))
    elif mechanism.upper() == b"XOAUTH2":
        user, password = _bearer(_decoded(initial or await ask(b"334 ")))
    else:
        return None
    return user.decode(), password.decode()


def is_token(rest: bytes) -> bool:
    """Say whether AUTH was XOAUTH2, whose refusal begins with a challenge."""
    return rest.partition(b" ")[0].upper() == b"XOAUTH2"


def _bearer(given: bytes) -> tuple[bytes, bytes]:
    found = re.fullmatch(rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", given)
    return (found[1], found[2]) if found else (b"", b"")


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
