"""What the test server accepted, in the order of acceptance, for readers on any thread and any event loop."""

import asyncio
import contextlib
import email
import email.policy
import re
import threading
from dataclasses import dataclass

_MESSAGE_ID = re.compile(rb"^message-id:\s*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class AcceptedMessage:
    """One message the server took.

    Args:
        message_id: the Message-ID header field, "" when there is none.
        recipient: the forward-path of RCPT; with several, joined by commas.
        return_path: the reverse-path of MAIL.
        content: the message as sent, dots undone, without the final dot.
        accepted_at: `time.monotonic()` of this machine.
        connection: number of the connection, counted from 1.
    """

    message_id: str
    recipient: str
    return_path: str
    content: bytes
    accepted_at: float
    connection: int

    @property
    def subject(self) -> str:
        """The Subject header field, decoded."""
        return header_field(self.content, "Subject")


def header_field(content: bytes, name: str) -> str:
    """Return one header field of a message, decoded and on one line; "" when it has none."""
    head, _, _ = content.partition(b"\r\n\r\n")
    message = email.message_from_bytes(head + b"\r\n\r\n", policy=email.policy.default)
    return " ".join(str(message.get(name, "")).split())


def message_id_of(content: bytes) -> str:
    """Return the Message-ID header field, "" when there is none. Cheap: it is read for every message."""
    head = content[: max(content.find(b"\r\n\r\n"), 0)] or content
    found = _MESSAGE_ID.search(head)
    return found[1].decode("ascii", "replace").strip() if found else ""


class Inbox:
    """Messages that arrive on one thread and are waited for on others."""

    def __init__(self) -> None:
        self.messages: list[AcceptedMessage] = []
        self._arrived = threading.Condition()
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    def add(self, message: AcceptedMessage) -> None:
        """Take a message and wake whoever waits for as many as there are now."""
        with self._arrived:
            self.messages.append(message)
            self._arrived.notify_all()
            for entry in [entry for entry in self._waiting if entry[0] <= len(self.messages)]:
                self._waiting.remove(entry)
                _, loop, event = entry
                with contextlib.suppress(RuntimeError):  # whoever waited is gone, its loop with it
                    loop.call_soon_threadsafe(event.set)

    async def wait_for(self, count: int, deadline_s: float) -> list[AcceptedMessage]:
        """Wait until `count` messages were accepted since the start.

        Returns:
            all of them so far.

        Raises:
            TimeoutError: fewer were accepted within `deadline_s` seconds.
        """
        entry = (count, asyncio.get_running_loop(), asyncio.Event())
        with self._arrived:
            if len(self.messages) >= count:
                return list(self.messages)
            self._waiting.append(entry)
        try:
            async with asyncio.timeout(deadline_s):
                await entry[2].wait()
        except TimeoutError:
            raise TimeoutError(self._shortfall(count, deadline_s)) from None
        finally:
            with self._arrived, contextlib.suppress(ValueError):
                self._waiting.remove(entry)
        return list(self.messages)

    def wait_for_blocking(self, count: int, deadline_s: float) -> list[AcceptedMessage]:
        """`wait_for` for code without an event loop. Never call it on the server's own loop."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.messages) >= count, deadline_s):
                raise TimeoutError(self._shortfall(count, deadline_s))
            return list(self.messages)

    def _shortfall(self, count: int, deadline_s: float) -> str:
        return f"{len(self.messages)} of {count} messages were accepted within {deadline_s:g} s"
