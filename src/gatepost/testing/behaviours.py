"""What the test server can be told to do instead of the right thing, and at which step of the dialogue."""

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


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
    """End the connection without a word."""


@dataclass(frozen=True)
class Drip:
    """Write this line again and again, one every so many seconds, for as long as anybody reads."""

    line: bytes = b"220-wait\r\n"
    interval_s: float = 0.05


@dataclass(frozen=True)
class Endless:
    """Write this again and again, as fast as it is read."""

    chunk: bytes = b"250-" + b"x" * 996 + b"\r\n"


@dataclass(frozen=True)
class Call:
    """Call this on the server's thread, e.g. to kill the client right now, then go on as usual."""

    function: Callable[[], object]


Behaviour = Call | Refuse | Say | Extra | Split | Delay | Hang | Drop | Drip | Endless


@dataclass
class Rule:
    """One behaviour: where, for whom and how often still (None: always)."""

    step: Step
    behaviour: Behaviour
    recipient: str | None = None
    times: int | None = None

    def applies(self, step: Step, recipient: str) -> bool:
        """Say whether it applies now; each yes uses up one of `times`."""
        if step is not self.step or self.times == 0:
            return False
        if self.recipient is not None and not fnmatch.fnmatchcase(recipient.lower(), self.recipient.lower()):
            return False
        if self.times is not None:
            self.times -= 1
        return True
