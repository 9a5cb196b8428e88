"""The one protocol every way to submit follows."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gatepost.transport.reply import Phase, Reply

# Makes `committing` durable. True: go on and write the content. False: the claim is no longer ours, break off.
Committing = Callable[[], Awaitable[bool]]

# The room of a transport that never runs out of it.
UNBOUNDED = 1_000_000


@dataclass(frozen=True)
class Envelope:
    """One message to one recipient as it goes over the wire (RFC 5321, 2.3.1).

    Args:
        return_path: reverse-path in MAIL FROM, without angle brackets.
        recipient: forward-path in RCPT TO, without angle brackets.
        content: the complete RFC 5322 message with CRLF line ends, not dot-stuffed.
    """

    return_path: str
    recipient: str
    content: bytes = field(repr=False)  # the link is in it


class Progress:
    """How far a submission is, readable by others while it is under way and after it was cancelled."""

    def __init__(self) -> None:
        self.phase = Phase.CONNECT
        self.server: str | None = None

    @property
    def content_begun(self) -> bool:
        """True once a byte of content may have left: from then on the message may be taken."""
        return self.phase in (Phase.CONTENT, Phase.FINAL_REPLY)


class Transport(Protocol):
    """A way to submit one message."""

    name: str

    def room(self) -> int:
        """How many more messages may be begun now, beside those under way; 0 while no server can be used."""
        ...

    def listen(self, more: Callable[[], None]) -> None:
        """Call `more` in the event loop when there may be more room than `room` said last."""
        ...

    def usable(self) -> Mapping[str, bool]:
        """Each server's name, and whether messages may go there; empty when there is none that could fail."""
        ...

    async def submit(self, envelope: Envelope, progress: Progress, committing: Committing) -> Reply:
        """Submit one message; what the network does is the Reply, only bugs raise.

        `committing` is called at most once: not at all when no server could be reached or the message was refused
        before it was offered, and always before the first byte of content can be written. Once it was called, its end
        is waited for whatever the server says; an exception it raises passes through after the dialogue was broken off
        without content. Cancellation breaks the dialogue off at once (the connection is dropped, not reused), cancels a
        `committing` that is still under way, and leaves `progress` saying how far it got.
        """
        ...

    async def close(self) -> None:
        """Close what is kept open, without waiting for the other side longer than a second."""
        ...
