"""From nothing to a connection that may be used: TCP, TLS, greeting, EHLO, AUTH, in this order and no other.

A password is sent only over TLS that was verified, or on loopback. Nothing here knows of any message.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, field

from gatepost.errors import SettingsError
from gatepost.transport.authentication import NoMechanism, authenticate
from gatepost.transport.deadlines import StepTimeouts, within
from gatepost.transport.line import Line, LineBroken, Response
from gatepost.transport.reply import CLOSING, Outcome, Phase, Reply, broken_off, judge
from gatepost.transport.reply_table import LACKING
from gatepost.transport.server import Server
from gatepost.transport.transport import Progress

# How long one address of a host may take while there is another. asyncio's own "happy eyeballs" would be quicker, but
# on Python 3.11 a cancelled race leaves its connected socket open until the next garbage collection.
ADDRESS_TIMEOUT_S = 5.0


class Unreachable(Exception):
    """The server could not be brought to listen; `reply` says at which step and why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def tls_context(given: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return a context that verifies chain and host name and speaks TLS 1.2 or later.

    Raises:
        SettingsError: the given one does not.
    """
    if given is None:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context
    strict = given.verify_mode is ssl.CERT_REQUIRED and given.check_hostname
    if not strict or given.minimum_version < ssl.TLSVersion.TLSv1_2:
        raise SettingsError(
            "ssl_context: it must verify the certificate and the host name and refuse TLS below 1.2; "
            "start from ssl.create_default_context() and add your own authority with load_verify_locations()"
        )
    return given


@dataclass(frozen=True)
class Manner:
    """How connections are opened.

    Args:
        line: the class of a connection.
        context: for TLS; None only where no server speaks it.
        local_hostname: for EHLO; None says our address, as RFC 5321, 4.1.3 has it for a machine without a name.
        timeouts: of each step.
    """

    line: type[Line] = Line
    context: ssl.SSLContext | None = None
    local_hostname: str | None = None
    timeouts: StepTimeouts = field(default_factory=StepTimeouts)


async def open_line(server: Server, progress: Progress, manner: Manner) -> Line:
    """Open a connection up to the point where MAIL may be sent; `progress` is told each phase as it begins.

    Raises:
        Unreachable: for everything the network or the server does.
        asyncio.CancelledError: with the connection dropped.
    """
    progress.phase, progress.server = Phase.CONNECT, server.name
    try:
        async with within(manner.timeouts.connect_s, f"Connecting to {server.name}"):
            line = await _connect(server, manner.line)
    except LineBroken as error:
        raise Unreachable(broken_off(str(error), Phase.CONNECT, server.name, timed_out=True)) from error
    try:
        await _greet(line, progress, manner)
        await _authenticate(line, progress, manner.timeouts)
        line.must_be_usable()
    except LineBroken as error:
        line.drop()
        said = error.said.decode("utf-8", "replace")
        if said.startswith(str(CLOSING)):
            raise Unreachable(judge(CLOSING, said[4:], progress.phase, server.name)) from error
        reply = broken_off(f"{error} {said}", progress.phase, server.name, timed_out=error.timed_out)
        raise Unreachable(reply) from error
    except OSError as error:
        line.drop()
        raise Unreachable(broken_off(_describe(error), progress.phase, server.name)) from error
    except BaseException:
        line.drop()
        raise
    return line


async def _connect(server: Server, kind: type[Line]) -> Line:
    loop = asyncio.get_running_loop()
    failure: Exception = OSError("the name has no address")
    try:
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name no resolver takes
        found, failure = [], error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        try:
            async with asyncio.timeout(None if address == addresses[-1] else ADDRESS_TIMEOUT_S):
                _, line = await loop.create_connection(lambda: kind(server), address, server.port)
                return line
        except OSError as error:  # TimeoutError is one
            failure = error
    text = f"No connection to {server.name}: {_describe(failure)}"
    raise Unreachable(broken_off(text, Phase.CONNECT, server.name)) from failure


async def _greet(line: Line, progress: Progress, manner: Manner) -> None:
    name = manner.local_hostname or _address_literal(line)
    if line.server.tls == "implicit":
        progress.phase = Phase.TLS
        async with within(manner.timeouts.tls_s, "The TLS handshake"):
            await _upgrade(line, manner.context)
    progress.phase = Phase.GREETING
    async with within(manner.timeouts.greeting_s, "The greeting"):
        _need(await line.reply(), 220, line, Phase.GREETING)
        await _ehlo(line, name)
    if line.server.tls == "starttls":
        progress.phase = Phase.TLS
        if "starttls" not in line.extensions:
            text = "The server does not offer STARTTLS, so nothing was sent to it; smtps:// may be what it speaks."
            raise Unreachable(broken_off(text, Phase.TLS, line.server.name))
        async with within(manner.timeouts.tls_s, "STARTTLS"):
            _need(await line.command(b"STARTTLS"), 220, line, Phase.TLS)
            await _upgrade(line, manner.context)
        progress.phase = Phase.GREETING
        async with within(manner.timeouts.greeting_s, "EHLO"):
            await _ehlo(line, name)  # what was said in the clear is forgotten (RFC 3207, 4.2)


async def _upgrade(line: Line, context: ssl.SSLContext | None) -> None:
    if context is None:  # unreachable by construction; never go on in the clear
        raise Unreachable(broken_off("There is no TLS context.", Phase.TLS, line.server.name))
    await line.upgrade(context)


async def _ehlo(line: Line, name: str) -> None:
    # No HELO when EHLO is refused: a submission server must know EHLO (RFC 6409, 4), and without it there is no TLS.
    response = await line.command(b"EHLO " + name.encode("ascii"))
    _need(response, 250, line, Phase.GREETING)
    line.extensions = extensions(response.text)


def extensions(text: str) -> dict[str, str]:
    """Read the reply to EHLO (RFC 5321, 4.1.1.1): each keyword in small letters, and its parameters.

    "AUTH=LOGIN" is how some old servers write "AUTH LOGIN"; both may stand there.
    """
    found: dict[str, str] = {}
    for line in text.split("\n")[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        keyword, old, first = keyword.lower().partition("=")
        if old and keyword == "auth":
            parameters = f"{first} {parameters}"
        if keyword == "auth":
            parameters = f"{found.get(keyword, '')} {parameters}"
        if keyword:
            found[keyword] = parameters.strip()
    return found


async def _authenticate(line: Line, progress: Progress, timeouts: StepTimeouts) -> None:
    if line.server.username is None:
        return
    progress.phase = Phase.AUTH
    try:
        async with within(timeouts.auth_s, "AUTH"):
            response = await authenticate(line)
    except NoMechanism as error:
        line.drop()
        raise Unreachable(broken_off(str(error), Phase.AUTH, line.server.name, said=LACKING)) from error
    _need(response, 235, line, Phase.AUTH)


def _need(response: Response, code: int, line: Line, phase: Phase) -> None:
    if response.code != code:
        reply = judge(response.code, response.text, phase, line.server.name)
        assert reply.outcome is Outcome.UNREACHABLE  # noqa: S101  every phase before MAIL
        line.drop()
        raise Unreachable(reply)


def _address_literal(line: Line) -> str:
    name = line.transport.get_extra_info("sockname") if line.transport else None
    if not name:
        return "[127.0.0.1]"
    host = str(name[0]).split("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"


def _describe(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The server's certificate was refused: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or error}"
    return str(error) or type(error).__name__
