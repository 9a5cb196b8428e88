"""Signs a message (DKIM, RFC 6376): both parts relaxed, with rsa-sha256 or ed25519-sha256 (RFC 8463). Pure.

Every header field of the message is signed. Those that a reader sees or a program acts on are signed once more than
they are there: whoever adds one afterwards breaks the signature.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIELD = b"DKIM-Signature"
# RFC 6376, 5.4 and 8.15: a second one of these would be shown, or obeyed, in the place of the one that was signed.
SEALED = (
    b"From",
    b"To",
    b"Cc",
    b"Subject",
    b"Date",
    b"Reply-To",
    b"Message-ID",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
)
_FOLD_AT = 72  # characters of a line of a tag that may be broken, so that no line is longer than 78
_FIELDS = re.compile(rb"\r\n(?![ \t])")


@dataclass(frozen=True)
class SigningKey:
    """A private key.

    Args:
        algorithm: "rsa-sha256" or "ed25519-sha256".
        sign: makes the signature of what is to be signed; the hash is its business.
    """

    algorithm: str
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Signer:
    """Signs messages for one domain.

    Args:
        key: the private key.
        domain: who answers for the message, as A-labels (d=).
        selector: under which name the public key stands in the DNS (s=).
    """

    key: SigningKey
    domain: str
    selector: str

    def sign(self, content: bytes, now_ms: int) -> bytes:
        """Put the signature before a message.

        Args:
            content: a whole message whose every line ends in CRLF, as `check_message` proves it.
            now_ms: wall time in milliseconds, for t=.
        """
        header, _, body = content.partition(b"\r\n\r\n")
        fields = [field.split(b":", 1) for field in _FIELDS.split(header)]
        names = [name for name, _ in fields]
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest())
        field = b"%b: v=1; a=%b; c=relaxed/relaxed; t=%d;\r\n\td=%b;\r\n\ts=%b;\r\n\th=%b;\r\n\tbh=%b;\r\n\tb=" % (
            FIELD,
            self.key.algorithm.encode(),
            now_ms // 1000,
            self.domain.encode(),
            self.selector.encode(),
            b"\r\n\t ".join(_lines([*names, *SEALED])),
            body_hash,
        )
        # What is named in h= once more, or is not there at all, adds nothing (RFC 6376, 5.4.2).
        relaxed = [_relaxed_field(name, value) for name, value in (*fields, field.split(b":", 1))]
        signature = base64.b64encode(self.key.sign(b"\r\n".join(relaxed)))
        wrapped = b"\r\n\t ".join(signature[at : at + _FOLD_AT] for at in range(0, len(signature), _FOLD_AT))
        return field + wrapped + b"\r\n" + content


def _relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376, 3.4.2, without the CRLF at the end. A message of ours has no white space but space, tab and folds."""
    return name.strip().lower() + b":" + b" ".join(value.split())


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376, 3.4.4."""
    lines = body.replace(b"\t", b" ")
    while b"  " in lines:  # each pass halves what is left; several times faster than a pattern over every byte
        lines = lines.replace(b"  ", b" ")
    lines = lines.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return lines + b"\r\n" if lines else b""


def _lines(names: list[bytes]) -> Iterator[bytes]:
    """Write names with colons between them, in lines that are not too long."""
    line = names[0]
    for name in names[1:]:
        if len(line) + len(name) + 1 > _FOLD_AT:
            yield line + b":"
            line = name
        else:
            line += b":" + name
    yield line
