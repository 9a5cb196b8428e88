"""The development mailbox: each message becomes one `.eml` file, and `Mailbox` reads them back for the pages."""

import asyncio
import contextlib
import email
import email.policy
import itertools
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from gatepost.clock import Clock, SystemClock
from gatepost.events import Events
from gatepost.transport.breaker import Intervals
from gatepost.transport.reply import Fault, Outcome, Phase, Reply, one_line
from gatepost.transport.servers import Bounds, Servers
from gatepost.transport.transport import Committing, Envelope, Progress

MAX_SHOWN_BYTES = 4 * 1024 * 1024
_HEADER_BYTES = 32 * 1024
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9]{6}-[0-9a-f]{8}\.eml", re.ASCII)


# From so many at once on a folder that can be written again counts as well.
_AT_ONCE_AFTER_A_FAILURE = 4


class FolderTransport:
    """Writes each message into a folder only its owner can read.

    Args:
        folder: made with mode 0700 when the first message comes.
        clock: stamps the file names, which sort by time.
        intervals: how long nothing is tried after the folder could not be written; then one message tries it.
        events: told when it cannot be written, and when it can be again; None for nobody.
    """

    name = "folder"

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        intervals: Intervals | None = None,
        events: Events | None = None,
    ) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()
        self._numbers = itertools.count(1)
        bounds = Bounds(full=_AT_ONCE_AFTER_A_FAILURE, intervals=intervals or Intervals())
        self._servers = Servers([f"folder {folder}"], bounds, None, events)

    def room(self) -> int:
        """See `Transport.room`."""
        return self._servers.room()

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`."""
        self._servers.listen(more)

    def usable(self) -> Mapping[str, bool]:
        """See `Transport.usable`."""
        return self._servers.usable()

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        """Submit one message; see `Transport.submit`."""
        if not self._servers.candidates():
            return self._servers.none_can()
        visit, reply = self._servers.begin(0), None
        try:
            reply = await self._submit(envelope, progress, committing)
        finally:
            visit.end(reply)
        return reply

    async def _submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        progress.phase = Phase.DATA
        if not await committing():
            return Reply(Outcome.NOT_OURS, progress.phase, text="The claim was no longer ours.")
        name = self._new_name()
        progress.phase = Phase.CONTENT
        try:
            # fsync may take a while; and a file cannot be cut off in the middle, so cancelling leaves it to finish.
            await asyncio.to_thread(_write_durably, self._folder, name, envelope.content)
        except OSError as error:
            # The folder's fault (full, not writable), not the message's; without the rename there is no message.
            text = one_line(f"The mailbox folder {self._folder} cannot be written: {error.strerror or error}")
            return Reply(Outcome.UNREACHABLE, progress.phase, text=text, fault=Fault.CONNECTION)
        progress.phase = Phase.FINAL_REPLY
        return Reply(Outcome.ACCEPTED, progress.phase, text=f"Written to {name}")

    async def close(self) -> None:
        """Nothing is kept open; nothing is tried any more."""
        await self._servers.close()

    def _new_name(self) -> str:
        moment = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        stamp = moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"
        return f"{stamp}-{next(self._numbers) % 1_000_000:06d}-{secrets.token_hex(4)}.eml"


def _write_durably(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{name}.tmp"
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(folder / name)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
    # After the rename the message is there; a folder that cannot be synced only risks it at a power cut.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Entry:
    """One line of the mailbox's list: `name` for `read`, `date` as RFC 3339 text in UTC, `size` in bytes."""

    name: str
    subject: str
    recipient: str
    date: str
    size: int


@dataclass(frozen=True)
class Parsed:
    """One message for the page that shows it; `text` and `html` are None when it has no such part."""

    headers: tuple[tuple[str, str], ...]
    text: str | None = field(repr=False)
    html: str | None = field(repr=False)
    source: str = field(repr=False)


class Mailbox:
    """Reads what a FolderTransport wrote. Blocking: call it off the event loop.

    Args:
        folder: need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list(self, limit: int) -> tuple[Entry, ...]:
        """Return the newest `limit` messages, newest first."""
        newest = sorted(self._names(), reverse=True)[:limit]
        return tuple(entry for name in newest if (entry := self._entry(name)) is not None)

    def newest_name(self) -> str | None:
        """Return the newest message's name, None when there is none: it changes whenever a message comes."""
        return max(self._names(), default=None)

    def read(self, name: str) -> Parsed | None:
        """Return one message; None when there is none of that name, or the name is not one of ours."""
        content = self._content(name, MAX_SHOWN_BYTES)
        if content is None:
            return None
        message = email.message_from_bytes(content, policy=email.policy.default)
        return Parsed(
            headers=tuple((key, " ".join(str(value).split())) for key, value in message.items()),
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
        try:
            size = (self._folder / name).stat().st_size
        except OSError:  # deleted meanwhile
            return None
        return Entry(
            name=name,
            subject=" ".join(str(message.get("Subject", "")).split()),
            recipient=" ".join(str(message.get("To", "")).split()),
            date=f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}Z",
            size=size,
        )


def _part(message: EmailMessage, subtype: str) -> str | None:
    part = message.get_body(preferencelist=(subtype,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # a charset or an encoding nobody knows
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else None
