"""Mails from strangers read as MIME entities (RFC 2045, 2046): every work is bounded, nothing is an error. Pure.

`email.parser` is not used: it recurses into what is nested, and reads all there is.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_MAIL_BYTES = 1_048_576
MAX_HEAD_BYTES = 65_536
MAX_FIELDS = 500
MAX_FIELD_CHARACTERS = 2_000
MAX_PARTS = 20
MAX_DEPTH = 4
MAX_BOUNDARY_CHARACTERS = 200  # RFC 2046 allows 70

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_TYPE = re.compile(r"\s*([A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+)")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))')


class Fields:
    """Header fields in the order they stand, unfolded: names in lower case, at most MAX_FIELDS."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return any(one == name for one, _ in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def first(self, name: str) -> str:
        """Return what the first field of this name says; an empty text where there is none."""
        return next((value for one, value in self._fields if one == name), "")

    def every(self, *names: str) -> list[str]:
        """Return what all fields of these names say."""
        return [value for one, value in self._fields if one in names]


@dataclass(frozen=True)
class Entity:
    """A mail, or a part of one.

    Args:
        fields: its header fields.
        type: its media type in lower case, text/plain where it says none.
        parameters: of the media type; names in lower case.
        body: what follows the header fields, with line ends of one byte.
    """

    fields: Fields
    type: str
    parameters: dict[str, str]
    body: bytes

    def parts(self) -> list["Entity"]:
        """Return the parts of a multipart, at most MAX_PARTS; none of anything else."""
        boundary = self.parameters.get("boundary", "")
        if not self.type.startswith("multipart/") or not 0 < len(boundary) <= MAX_BOUNDARY_CHARACTERS:
            return []
        delimiter = re.compile(rb"(?:\A|\n)--%b(--)?[ \t]*(?=\n|\Z)" % re.escape(boundary.encode()))
        found: list[Entity] = []
        begin = None
        for line in delimiter.finditer(self.body):
            if begin is not None:
                found.append(_entity(self.body[begin : line.start()]))
            begin = line.end() + 1
            if line[1] or len(found) == MAX_PARTS:
                return found
        return found if begin is None else [*found, _entity(self.body[begin:])]  # cut off on its way

    def content(self) -> bytes:
        """Return the body, decoded as its Content-Transfer-Encoding says, as far as that is right."""
        match self.fields.first("content-transfer-encoding").lower():
            case "base64":
                return _lines(_base64(self.body))
            case "quoted-printable":
                return _lines(binascii.a2b_qp(self.body))
        return self.body


def read_entity(raw: bytes) -> Entity:
    """Read a mail as it came, of which MAX_MAIL_BYTES count. A `From ` line of a mailbox before it is no field."""
    return _entity(_lines(raw[:MAX_MAIL_BYTES]))


def read_fields(text: bytes) -> Fields:
    """Read header fields, or what is written like them, up to the first line that is empty."""
    lines = _head_and_body(text)[0].split(b"\n")
    fields: list[tuple[str, str]] = []
    logical: list[bytes] = []
    for line in [*lines, b""]:
        if line[:1] in (b" ", b"\t") and logical:
            logical.append(line)
            continue
        if (field := _FIELD.fullmatch(b" ".join(map(bytes.strip, logical)))) is not None:
            value = field[2].decode(errors="replace").strip()
            fields.append((field[1].decode().lower(), value[:MAX_FIELD_CHARACTERS]))
        if len(fields) == MAX_FIELDS:
            break
        logical = [line]
    return Fields(fields)


def groups(text: bytes, most: int) -> list[Fields]:
    """Read groups of fields with empty lines between them, at most `most`."""
    found: list[Fields] = []
    for block in re.split(rb"\n[ \t]*\n", text[:MAX_MAIL_BYTES].strip(b"\n"), maxsplit=most):
        if len(found) < most and len(fields := read_fields(block)):
            found.append(fields)
    return found


def _entity(raw: bytes) -> Entity:
    head, body = _head_and_body(raw)
    fields = read_fields(head)
    said = fields.first("content-type")
    found = _TYPE.match(said)
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(said):
        parameters.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
    return Entity(fields, found[1].lower() if found else "text/plain", parameters, body)


def _head_and_body(raw: bytes) -> tuple[bytes, bytes]:
    if raw[:1] == b"\n":
        return b"", raw[1:]
    head, _, body = raw.partition(b"\n\n")
    return head[:MAX_HEAD_BYTES], body


def _lines(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n")


def _base64(body: bytes) -> bytes:
    whole = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
    whole = whole[: -1 if len(whole) % 4 == 1 else None]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))
