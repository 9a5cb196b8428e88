"""Reads the values of what providers post: what cannot be stored or written in a line is left out. Pure, no proof here.

A provider may leave any field out of any event, so nearly everything reads as None rather than being refused.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gatepost.errors import FeedbackUnreadable
from gatepost.feedback.fact import MAX_EVENT_ID_CHARACTERS

MAX_TEXT_CHARACTERS = 500
MAX_ADDRESS_CHARACTERS = 320
MAX_MESSAGE_ID_CHARACTERS = 998
MAX_EVENTS = 10_000  # of one post; what fits into its bytes is fewer
TAG = "gatepost"  # the name under which our own id travels through a provider (MAIL_HEADERS with {id})

_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_NUMBER = re.compile(r"[0-9]{1,12}(?:\.[0-9]{0,9})?")
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
# "550 5.1.1 …", "smtp; 550-5.1.1 …", "550 #5.1.0 …": a status is believed only behind a reply code of its class.
_STATUS_OF_REPLY = re.compile(r"(?<![\d.])([245])\d\d[ -]\(?#?(\1\.\d{1,3}\.\d{1,3})(?!\d|\.\d)")
_ROW_ID = re.compile(r"[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MESSAGE_ID = re.compile(r"[!-;=?-~]{1,996}@[!-;=?-~]{1,996}")

Json = Mapping[str, Any]


def parse(body: bytes | str) -> object:
    """Read JSON.

    Raises:
        FeedbackUnreadable: it is none, or is nested deeper than Python reads.
    """
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        found: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        raise FeedbackUnreadable("the body is not JSON") from None
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def as_object(value: object, what: str) -> Json:
    """Take a JSON object.

    Raises:
        FeedbackUnreadable: it is something else.
    """
    if not isinstance(value, dict):
        raise FeedbackUnreadable(f"{what} is no JSON object")
    return value


def at_path(value: object, *path: str) -> object:
    """Return what stands under these names, one inside the other; None where there is nothing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def objects(value: object) -> Sequence[Json]:
    """Return the JSON objects of a list, at most MAX_EVENTS; nothing for anything else."""
    return [item for item in value[:MAX_EVENTS] if isinstance(item, dict)] if isinstance(value, list) else []


def word(value: object) -> str:
    """Return a text as it is, and anything else as an empty one: for values compared with a fixed list."""
    return value if isinstance(value, str) else ""


def line(value: object) -> str | None:
    """Return a text as one line of at most MAX_TEXT_CHARACTERS that every database stores, or None."""
    if not isinstance(value, str):
        return None
    shown = "".join(sign if sign.isprintable() else " " for sign in value[: 4 * MAX_TEXT_CHARACTERS])
    return " ".join(shown.split())[:MAX_TEXT_CHARACTERS].rstrip() or None


def address(value: object) -> str | None:
    """Return an address as it stands there, out of angle brackets where it has a name before it, or None."""
    text = word(value).strip()
    if text.endswith(">"):
        text = text[text.rfind("<") + 1 : -1]
    if not 3 <= len(text) <= MAX_ADDRESS_CHARACTERS or "@" not in text or not text.isprintable():
        return None
    return text


def message_id(value: object) -> str | None:
    """Return a Message-ID (RFC 5322) without its angle brackets, or None."""
    text = word(value).strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    return text if len(text) <= MAX_MESSAGE_ID_CHARACTERS and _MESSAGE_ID.fullmatch(text) else None


def row_id(value: object) -> uuid.UUID | None:
    """Return our own id of a message, or None where it is none."""
    text = word(value)
    return uuid.UUID(text) if _ROW_ID.fullmatch(text) else None


def status(value: object, *replies: object) -> str | None:
    """Return an enhanced status (RFC 3463): the value itself, or the first that a reply names behind its code."""
    if _STATUS.fullmatch(word(value).strip()):
        return word(value).strip()
    for reply in replies:
        if found := _STATUS_OF_REPLY.search(word(reply)[: 4 * MAX_TEXT_CHARACTERS]):
            return found[2]
    return None


def instant(value: object, otherwise: int) -> int:
    """Return an instant in milliseconds: from ISO 8601 text or seconds since the epoch, else the one handed in."""
    try:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            moment = datetime.fromisoformat(value.strip())
            found = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            found = float(value)
        else:
            return otherwise
        found_ms = round(found * 1000)
    except (ValueError, OverflowError):  # not a date, or too far away to be one
        return otherwise
    return found_ms if 0 <= found_ms <= _LAST_MS else otherwise


def own_id(value: object) -> str | None:
    """Return a provider's own id of an event, or None where it gives none that can be kept."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else word(value)
    return text if 1 <= len(text) <= MAX_EVENT_ID_CHARACTERS and text.isprintable() else None


def made_id(*parts: object) -> str:
    """Make the id of an event that has none of its own, out of what tells it from every other."""
    text = json.dumps([None if part is None else str(part) for part in parts])
    return hashlib.sha256(text.encode("ascii")).hexdigest()
