"""The check of a message before it is submitted: one message, with our header fields and no others. Pure.

It knows nothing of how the message was made, so that a mistake there cannot hide here.
"""

import functools
import re
from collections.abc import Sequence

from gatepost.errors import ComposeError

MAX_LINE_BYTES = 998  # RFC 5322, 2.1.1, without CRLF

# "=_" never occurs in quoted-printable text, so no body can hold the boundary (RFC 2045, 6.7).
BOUNDARY = "=_gatepost_alternative"

# Every message has exactly these header fields, each once, in this order.
HEADER_FIELDS = (
    b"Date",
    b"From",
    b"To",
    b"Subject",
    b"Message-ID",
    b"Auto-Submitted",
    b"List-Id",
    b"Feedback-ID",
    b"MIME-Version",
    b"Content-Type",
)
UNSUBSCRIBE_FIELDS = (b"List-Unsubscribe", b"List-Unsubscribe-Post")  # RFC 8058, 3.1

_DELIMITER = f"\r\n--{BOUNDARY}".encode()
_LAST_LINE = f"\r\n--{BOUNDARY}--\r\n".encode()


def header_fields(*, own: Sequence[bytes] = (), unsubscribe: bool = False) -> tuple[bytes, ...]:
    """Name the header fields of a message in their order.

    Args:
        own: names of the product's own fields.
        unsubscribe: whether its recipient can unsubscribe from it.
    """
    inner, mime = HEADER_FIELDS[:-2], HEADER_FIELDS[-2:]
    return (*inner, *(UNSUBSCRIBE_FIELDS if unsubscribe else ()), *own, *mime)


def _field(name: bytes) -> bytes:
    """Match one header field of printable ASCII, and if it is folded, something to read in each line of it."""
    visible = rb"!-~\x80-\xff" if name == b"To" else rb"!-~"  # RFC 6532: an address may be UTF-8
    line = rb"[\t %b]*" % visible
    return rb"%b:%b(?:\r\n[\t ]+[%b]%b)*\r\n" % (re.escape(name), line, visible, line)


@functools.lru_cache(maxsize=32)  # a composer has two
def _header(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(b"".join(map(_field, names)) + b"\r\n")


def check_message(content: bytes, fields: tuple[bytes, ...] = HEADER_FIELDS) -> None:
    """Prove that `content` is one message with our header fields and no others, and nothing a server reads as an end.

    Args:
        content: the message.
        fields: the names of the fields it must have, each once, in this order.

    Raises:
        ComposeError: names what is wrong, and repeats nothing of the message.
    """
    header = _header(fields).match(content)
    if header is None:
        raise ComposeError("The header is not exactly the expected fields, each a line of printable ASCII or folded.")
    # Equal exactly when each CR and LF is half of a CRLF; searching for one byte is several times faster than for two.
    if content.replace(b"\r", b"").replace(b"\n", b"\r\n") != content:
        raise ComposeError("The message has a bare CR or LF.")
    if not _has_short_lines(content):
        raise ComposeError(f"A line of the message is longer than {MAX_LINE_BYTES} bytes.")
    if b"\0" in content:
        raise ComposeError("The message has a NUL.")
    if not content.isascii() and not content[header.end() :].isascii():
        raise ComposeError("The message is not ASCII outside of To.")
    if content.count(_DELIMITER) != 3 or not content.endswith(_LAST_LINE):
        raise ComposeError("The message does not have exactly two parts.")


def _has_short_lines(content: bytes) -> bool:
    """Leap from one line end to the farthest one that a line of MAX_LINE_BYTES could have, as often as it takes."""
    start = 0
    while len(content) - start > MAX_LINE_BYTES:
        end = content.rfind(b"\r\n", start, start + MAX_LINE_BYTES + 2)
        if end < 0:
            return False
        start = end + 2
    return True
