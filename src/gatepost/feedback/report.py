"""Reports that come by mail: which part of a mail is one, and what of the message it is about is left in it. Pure.

A mail proves nothing of who wrote it. What names our message does: its return path, which nobody else can write, or its
Message-ID, which only who got it knows.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from gatepost.feedback.entity import MAX_DEPTH, Entity, Fields, read_fields
from gatepost.mail import return_path
from gatepost.mail.address import MAX_ADDRESS_BYTES
from gatepost.mail.names import clean_line

MAX_TEXT_CHARACTERS = 500

# Where a mail says for whom it came, in the spellings of Postfix, Exim and others.
_TO = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
_ORIGINALS = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "text/rfc822",
        "message/global",
        "message/global-headers",
    }
)
_MAX_ADDRESSES = 20
_MAX_DATE_CHARACTERS = 100
_MESSAGE_ID = re.compile(r"<\s*([!-;=?-~]{1,250})\s*>")


@dataclass(frozen=True)
class Report:
    """A mail that holds a multipart/report (RFC 6522).

    Args:
        mail: the header fields of the mail.
        parts: its parts; what kind of report it is shows in them, because not every server names it.
        keys: the subkeys of return paths, see `return_path.read`.
        now_ms: wall time in milliseconds.
    """

    mail: Fields
    parts: Sequence[Entity]
    keys: Sequence[bytes]
    now_ms: int

    def part(self, *types: str) -> bytes:
        """Return the content of the first part of these media types; empty where there is none."""
        return next((part.content() for part in self.parts if part.type in types), b"")

    def original(self) -> Fields:
        """Return the header fields of the message the report is about, as far as they came back."""
        found = next((part.content() for part in self.parts if part.type in _ORIGINALS), b"")
        return read_fields(found.lstrip(b"\n"))

    def row_id(self, *others: str) -> uuid.UUID | None:
        """Return the id of the message whose return path the mail went to, or names; `others` are looked at too."""
        addresses = [*self.mail.every(*_TO), *self.original().every("return-path"), *others]
        read = (return_path.read(self.keys, one) for one in addresses[:_MAX_ADDRESSES])
        return next((row_id for row_id in read if row_id is not None), None)

    def message_id(self, *others: str) -> str | None:
        """Return the Message-ID of the message the report is about, without brackets; `others` may hold it too."""
        places = [*self.original().every("message-id", "original-message-id"), *others]
        answers = [*self.mail.every("in-reply-to"), *self.mail.every("references")]
        found = (_MESSAGE_ID.search(one) for one in [*places, *answers])
        return next((one[1] for one in found if one is not None), None)

    def event_id(self, content: bytes, *words: str) -> str:
        """Name one fact of this report: the same one however often the mail comes, another one for each of `words`.

        Args:
            content: the machine's part of the report, which stands for a Message-ID where there is none.
            words: what tells the facts of one report apart.
        """
        own = self.mail.first("message-id").encode() or content
        known = b"\0".join([hashlib.sha256(own).digest(), *(word.encode() for word in words)])
        return hashlib.sha256(known).hexdigest()[:32]

    def at(self, *dates: str) -> int:
        """Return the first of `dates` that is one, else when the mail was written; never later than now."""
        read = (_instant(one) for one in [*dates, self.mail.first("date")])
        return min(next((one for one in read if one is not None), self.now_ms), self.now_ms)


def find_report(mail: Entity, keys: Sequence[bytes], now_ms: int) -> Report | None:
    """Find the report in a mail, at its top or within what a gateway put around it; None where there is none."""
    for entity in _multiparts(mail):
        if entity.type == "multipart/report":
            return Report(mail.fields, entity.parts(), keys, now_ms)
    return None


def typed(value: str) -> tuple[str, str]:
    """Read `type; value` (RFC 3464, 2.1.2): the type in lower case, and the rest."""
    type, semicolon, rest = value.partition(";")
    return (type.strip().lower(), rest.strip()) if semicolon else ("", value.strip())


def an_address(text: str) -> str | None:
    """Take an address as a report names it; None for what is none, or could not be stored."""
    address = text.strip().removeprefix("<").removesuffix(">").strip()
    if "@" not in address or len(address) > MAX_ADDRESS_BYTES or not address.isprintable():
        return None
    return address


def line(text: str) -> str | None:
    """Make one line to keep of what a report says; None for nothing."""
    return clean_line(text, MAX_TEXT_CHARACTERS) or None


def _multiparts(mail: Entity) -> Iterator[Entity]:
    level = [mail]
    for _ in range(MAX_DEPTH):
        yield from level
        level = [part for entity in level for part in entity.parts() if part.type.startswith("multipart/")]


def _instant(date: str) -> int | None:
    try:
        moment = parsedate_to_datetime(date[:_MAX_DATE_CHARACTERS])
        # "-0000" is a moment in UTC of which the zone is not known (RFC 5322, 3.3).
        instant = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return instant if instant >= 0 else None
