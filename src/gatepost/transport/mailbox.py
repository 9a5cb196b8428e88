"""The development mailbox as its pages read it: the `.eml` files of a folder."""

import contextlib
import email
import email.policy
import os
import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path

from gatepost.transport.switch import Switch

MAX_SHOWN_BYTES = 4 * 1024 * 1024
_HEADER_BYTES = 32 * 1024
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9]{6}-[0-9a-f]{8}\.eml", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One line of the mailbox's list: `name` for `read`, `date` as RFC 3339 text in UTC, `size` in bytes.

    `message_id` is the RFC 5322 Message-ID with its angle brackets; copies of one message have the same.
    """

    name: str
    subject: str
    recipient: str
    date: str
    size: int
    message_id: str


@dataclass(frozen=True)
class Parsed:
    """One message for the page that shows it; `text` and `html` are None when it has no such part. `size` in bytes."""

    headers: tuple[tuple[str, str], ...]
    size: int
    text: str | None = field(repr=False)
    html: str | None = field(repr=False)
    source: str = field(repr=False)


class Mailbox:
    """Reads what a FolderTransport wrote. Blocking: call it off the event loop.

    Args:
        folder: need not exist yet.
        switch: of the server whose folder this is; None where it cannot be reached from here.
    """

    def __init__(self, folder: Path, switch: Switch | None = None) -> None:
        self.switch = switch
        self._folder = folder
        self._known: dict[str, Entry] = {}  # a message never changes, and the list is asked for again and again

    def list(self, limit: int) -> tuple[Entry, ...]:
        """Return the newest `limit` messages, newest first."""
        names = self._names()
        known = self._known
        newest = [(name, known.get(name) or self._entry(name)) for name in sorted(names, reverse=True)[:limit]]
        found = {name: entry for name, entry in newest if entry is not None}
        self._known = {name: entry for name, entry in known.items() if name in names} | found
        return tuple(found.values())

    def newest_name(self) -> str | None:
        """Return the newest message's name, None when there is none: it changes whenever a message comes."""
        return max(self._names(), default=None)

    def stamp(self) -> str:
        """Return a short text that changes whenever a message comes or goes."""
        names = self._names()
        return f"{len(names)} {max(names, default='')}"

    def delete_all(self) -> None:
        """Delete every message there is now."""
        for name in self._names():
            with contextlib.suppress(OSError):  # somebody else was first; or it stays, and the list shows it
                (self._folder / name).unlink()

    def read(self, name: str) -> Parsed | None:
        """Return one message; None when there is none of that name, or the name is not one of ours."""
        content = self._content(name, MAX_SHOWN_BYTES)
        if content is None:
            return None
        message = email.message_from_bytes(content, policy=email.policy.default)
        return Parsed(
            headers=tuple((key, " ".join(str(value).split())) for key, value in message.items()),
            size=self._size(name) or len(content),
            text=_part(message, "plain"),
            html=_part(message, "html"),
            source=content.decode("utf-8", "replace"),
        )

    def _names(self) -> set[str]:
        try:
            return {name for name in os.listdir(self._folder) if _NAME.fullmatch(name)}
        except FileNotFoundError:
            return set()

    def _content(self, name: str, limit: int) -> bytes | None:
        if not _NAME.fullmatch(name):  # nothing but our own names is ever opened, so no name leads out of the folder
            return None
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(limit)

    def _entry(self, name: str) -> Entry | None:
        content = self._content(name, _HEADER_BYTES)
        if content is None:
            return None
        head = content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        message = email.message_from_bytes(head, policy=email.policy.default)
        day, time = name[:8], name[9:19]
        if (size := self._size(name)) is None:
            return None
        return Entry(
            name=name,
            subject=" ".join(str(message.get("Subject", "")).split()),
            recipient=" ".join(str(message.get("To", "")).split()),
            date=f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z",
            size=size,
            message_id=str(message.get("Message-ID", "")).strip(),
        )

    def _size(self, name: str) -> int | None:
        try:
            return (self._folder / name).stat().st_size
        except OSError:  # deleted meanwhile
            return None


def _part(message: EmailMessage, subtype: str) -> str | None:
    part = message.get_body(preferencelist=(subtype,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset or an encoding nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else None
