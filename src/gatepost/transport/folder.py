"""The development mail server: each message it takes becomes one `.eml` file, which `Mailbox` reads for the pages.

It takes every message, unless its switch says otherwise: then it answers as a real server would.
"""

import asyncio
import contextlib
import itertools
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from gatepost.clock import Clock, SystemClock
from gatepost.events import Events
from gatepost.transport.breaker import Intervals
from gatepost.transport.mailbox import Mailbox
from gatepost.transport.reply import Fault, Outcome, Phase, Reply, broken_off, judge, one_line
from gatepost.transport.servers import Bounds, Servers
from gatepost.transport.switch import Behaviour, Switch
from gatepost.transport.transport import Committing, Envelope, Progress

__all__ = ["FolderTransport", "Mailbox"]

# How long a slow one waits before it answers.
SLOW_S = 10.0
# From so many at once on a folder that can be written again counts as well.
_AT_ONCE_AFTER_A_FAILURE = 4
_REFUSALS = {
    Behaviour.REFUSE: (550, "5.1.1 No such mailbox (chosen on /dev/mailbox)"),
    Behaviour.LATER: (451, "4.7.1 Come back later (chosen on /dev/mailbox)"),
}


class FolderTransport:
    """Writes each message into a folder only its owner can read.

    Args:
        folder: made with mode 0700 when the first message comes.
        clock: stamps the file names, which sort by time.
        intervals: how long nothing is tried after the folder could not be written; then one message tries it. Also
            between the probes of a server that was switched to be away.
        events: told when it cannot be written or is away, and when it is back; None for nobody.
        switch: how it behaves; always accepting when None.
        slow_s: seconds a slow one waits.

    Attributes:
        folder: as given.
        switch: as given.
    """

    name = "folder"

    def __init__(
        self,
        folder: Path,
        clock: Clock | None = None,
        *,
        intervals: Intervals | None = None,
        events: Events | None = None,
        switch: Switch | None = None,
        slow_s: float = SLOW_S,
    ) -> None:
        self.folder = folder
        self.switch = switch or Switch()
        self._clock = clock or SystemClock()
        self._slow_s = slow_s
        self._numbers = itertools.count(1)
        bounds = Bounds(full=_AT_ONCE_AFTER_A_FAILURE, intervals=intervals or Intervals())
        name = f"folder {folder}"
        # Two, because one of them can be probed: whether a folder can be written only a message shows.
        self._line = Servers([name], bounds, self._probe, events)
        self._disk = Servers([name], bounds, None, events)

    def room(self) -> int:
        """See `Transport.room`."""
        return min(self._line.room(), self._disk.room())

    def listen(self, more: Callable[[], None]) -> None:
        """See `Transport.listen`."""
        self._line.listen(more)
        self._disk.listen(more)

    def usable(self) -> Mapping[str, bool]:
        """See `Transport.usable`."""
        disk = self._disk.usable()
        return {name: usable and disk[name] for name, usable in self._line.usable().items()}

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        """Submit one message; see `Transport.submit`."""
        for servers in (self._line, self._disk):
            if not servers.candidates():
                return servers.none_can()
        line, disk, reply = self._line.begin(0), self._disk.begin(0), None
        try:
            reply = await self._submit(envelope, progress, committing)
        finally:
            of_the_disk = reply is not None and reply.phase is Phase.CONTENT
            line.end(None if of_the_disk else reply)
            disk.end(reply if of_the_disk or (reply is not None and reply.outcome is Outcome.ACCEPTED) else None)
        return reply

    async def _submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        behaviour = self.switch.behaviour
        if behaviour is Behaviour.AWAY:
            return _away()
        progress.phase = Phase.RCPT
        if (refusal := _REFUSALS.get(behaviour)) is not None:
            return judge(*refusal, progress.phase, None)
        if behaviour is Behaviour.SLOW:
            await asyncio.sleep(self._slow_s)
        progress.phase = Phase.DATA
        if not await committing():
            return Reply(Outcome.NOT_OURS, progress.phase, text="The claim was no longer ours.")
        reply = await self._take(envelope, progress)
        if behaviour is Behaviour.BREAK_OFF and reply.outcome is Outcome.ACCEPTED:
            return broken_off(
                "The line broke before the reply to the content (chosen on /dev/mailbox).", progress.phase, None
            )
        return reply

    async def _take(self, envelope: Envelope, progress: Progress) -> Reply:
        name = self._new_name()
        progress.phase = Phase.CONTENT
        try:
            # fsync may take a while; and a file cannot be cut off in the middle, so cancelling leaves it to finish.
            await asyncio.to_thread(_write_durably, self.folder, name, envelope.content)
        except OSError as error:
            # The folder's fault (full, not writable), not the message's; without the rename there is no message.
            text = one_line(f"The mailbox folder {self.folder} cannot be written: {error.strerror or error}")
            return Reply(Outcome.UNREACHABLE, progress.phase, text=text, fault=Fault.CONNECTION)
        progress.phase = Phase.FINAL_REPLY
        return Reply(Outcome.ACCEPTED, progress.phase, text=f"Written to {name}")

    async def _probe(self, _number: int, _fault: Fault | None) -> Reply | None:
        return _away() if self.switch.behaviour is Behaviour.AWAY else None

    async def close(self) -> None:
        """Nothing is kept open; nothing is tried any more. The next life begins with a server that accepts."""
        self.switch.behaviour = Behaviour.ACCEPT
        await self._line.close()
        await self._disk.close()

    def _new_name(self) -> str:
        moment = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        stamp = moment.strftime("%Y%m%dT%H%M%S.") + f"{moment.microsecond // 1000:03d}Z"
        return f"{stamp}-{next(self._numbers) % 1_000_000:06d}-{secrets.token_hex(4)}.eml"


def _away() -> Reply:
    return broken_off("Nobody answers (chosen on /dev/mailbox).", Phase.CONNECT, None)


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
