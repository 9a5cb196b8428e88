"""How long each step of a dialogue may take. RFC 5321, 4.5.3.2, allows minutes; a person waits for this mail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from gatepost.transport.line import LineBroken


@dataclass(frozen=True)
class StepTimeouts:
    """Seconds, each within the attempt's own deadline.

    Args:
        connect_s: from looking up the host's name to a connection, over all of its addresses.
        tls_s: for the handshake, the STARTTLS command before it included.
        greeting_s: until the banner, and again for each EHLO; tar pits hold banners back for half a minute.
        auth_s: for all of AUTH.
        reply_s: for the replies to MAIL, RCPT and DATA together.
        reused_reply_s: until a kept connection answers at all. Then a new one is opened: the other end may be gone.
        rest_s: for the replies that are still due after a refusal, before the connection is given up instead.
        block_s: until the server has taken one block of the content.
    """

    connect_s: float = 15.0
    tls_s: float = 15.0
    greeting_s: float = 40.0
    auth_s: float = 20.0
    reply_s: float = 40.0
    reused_reply_s: float = 5.0
    rest_s: float = 5.0
    block_s: float = 30.0


@contextlib.asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Break off after so many seconds.

    Raises:
        LineBroken: with `timed_out`; `what` says what was waited for.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise LineBroken(f"{what} took longer than {seconds:g} s.", timed_out=True) from error
