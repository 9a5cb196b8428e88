"""What the test server can be told to do instead of the right thing, and at which step of the dialogue."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gatepost.testing.policies import Policy


class Step(StrEnum):
    """Where in the dialogue a behaviour applies; each is the moment at which the server would reply."""

    CONNECT = "connect"  # instead of the greeting
    EHLO = "ehlo"
    STARTTLS = "starttls"  # instead of the reply to STARTTLS
    HANDSHAKE = "handshake"  # after that reply, or on connecting with implicit TLS: instead of the handshake
    AUTH = "auth"
    AUTH_REFUSED = "auth_refused"  # instead of the 535 to credentials that are wrong
    MAIL = "mail"
    RCPT = "rcpt"
    RSET = "rset"
    DATA = "data"  # instead of 354
    CONTENT = "content"  # after 354, before any content is read
    DOT = "dot"  # the final dot was read; the message is not taken yet
    TAKEN = "taken"  # the message is taken; only the reply is missing


@dataclass(frozen=True)
class Refuse:
    """Reply with this line instead, e.g. Refuse("550 5.1.1 No such user"). A 421 also ends the connection."""

    line: str


@dataclass(frozen=True)
class Say:
    """Write these bytes instead of a reply, whatever they are; `goes_on` does then what the usual reply would mean."""

    data: bytes
    goes_on: bool = False


@dataclass(frozen=True)
class Extra:
    """Reply as usual, and write these bytes right behind the reply."""

    data: bytes


@dataclass(frozen=True)
class Split:
    """Reply as usual, but one byte every so many seconds."""

    interval_s: float = 0.001


@dataclass(frozen=True)
class Delay:
    """Wait this many seconds, then go on as usual."""

    seconds: float


@dataclass(frozen=True)
class Hang:
    """Say and read nothing more, until the other side goes away or `clear()` is called (then go on as usual)."""


@dataclass(frozen=True)
class Drop:
    """End the connection without a word.

    Args:
        reset: by a reset (RST), as a firewall or a crash does it, instead of an orderly end.
        after_bytes: read so many bytes first; of use at `Step.CONTENT`, where it breaks off in the middle of a message.
    """

    reset: bool = False
    after_bytes: int = 0


@dataclass(frozen=True)
class Drip:
    """Write this line again and again, one every so many seconds, and go on as usual after `times` of them, if ever."""

    line: bytes = b"220-wait\r\n"
    interval_s: float = 0.05
    times: int | None = None


@dataclass(frozen=True)
class Endless:
    """Write this again and again, as fast as it is read."""

    chunk: bytes = b"250-" + b"x" * 996 + b"\r\n"


@dataclass(frozen=True)
class Call:
    """Call this on the server's thread, e.g. to kill the client right now, then go on as usual."""

    function: Callable[[], object]


Behaviour = Call | Refuse | Say | Extra | Split | Delay | Hang | Drop | Drip | Endless | Policy
