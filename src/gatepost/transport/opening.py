"""From nothing to a connection that may be used: TCP, TLS, greeting, EHLO, AUTH, in this order and no other.

A password is sent only over TLS that was verified, or on loopback. Nothing here knows of any message.
"""

import asyncio
import socket
import ssl

from aiosmtplib.auth import auth_login_encode, auth_plain_encode
from aiosmtplib.esmtp import parse_esmtp_extensions
from aiosmtplib.response import SMTPResponse

from gatepost.errors import SettingsError
from gatepost.transport.line import Line, LineBroken
from gatepost.transport.reply import Outcome, Phase, Reply, broken_off, judge
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


async def open_line(
    server: Server, progress: Progress, context: ssl.SSLContext | None, local_hostname: str | None
) -> Line:
    """Open a connection up to the point where MAIL may be sent.

    Args:
        server: where to.
        progress: told each phase as it begins.
        context: for TLS; None only when `server.tls` is "none".
        local_hostname: for EHLO; None says our address, as RFC 5321, 4.1.3 has it for a machine without a name.

    Raises:
        Unreachable: for everything the network or the server does.
        asyncio.CancelledError: with the connection dropped.
    """
    progress.phase, progress.server = Phase.CONNECT, server.name
    line = await _connect(server)
    try:
        await _greet(line, progress, context, local_hostname)
        await _authenticate(line, progress)
    except (LineBroken, OSError) as error:
        line.drop()
        said = getattr(error, "said", b"").decode("utf-8", "replace")
        text = f"{_describe(error)} {said}"
        raise Unreachable(broken_off(text, progress.phase, server.name)) from error
    except BaseException:
        line.drop()
        raise
    return line


async def _connect(server: Server) -> Line:
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
                _, line = await loop.create_connection(lambda: Line(server), address, server.port)
                return line
        except OSError as error:  # TimeoutError is one
            failure = error
    text = f"No connection to {server.name}: {_describe(failure)}"
    raise Unreachable(broken_off(text, Phase.CONNECT, server.name)) from failure


async def _greet(line: Line, progress: Progress, context: ssl.SSLContext | None, local_hostname: str | None) -> None:
    name = local_hostname or _address_literal(line)
    if line.server.tls == "implicit":
        progress.phase = Phase.TLS
        await _upgrade(line, context)
    progress.phase = Phase.GREETING
    _need(await line.greeting(), 220, line, Phase.GREETING)
    await _ehlo(line, name)
    if line.server.tls == "starttls":
        progress.phase = Phase.TLS
        if "starttls" not in line.extensions:
            text = "The server does not offer STARTTLS, so nothing was sent to it; smtps:// may be what it speaks."
            raise Unreachable(broken_off(text, Phase.TLS, line.server.name))
        _need(await line.command(b"STARTTLS"), 220, line, Phase.TLS)
        await _upgrade(line, context)
        progress.phase = Phase.GREETING
        await _ehlo(line, name)  # what was said in the clear is forgotten (RFC 3207, 4.2)


async def _upgrade(line: Line, context: ssl.SSLContext | None) -> None:
    if context is None:  # unreachable by construction; never go on in the clear
        raise Unreachable(broken_off("There is no TLS context.", Phase.TLS, line.server.name))
    await line.upgrade(context)


async def _ehlo(line: Line, name: str) -> None:
    # No HELO when EHLO is refused: a submission server must know EHLO (RFC 6409, 4), and without it there is no TLS.
    response = await line.command(b"EHLO", name.encode("ascii"))
    _need(response, 250, line, Phase.GREETING)
    line.extensions, line.auth_mechanisms = parse_esmtp_extensions(response.message)


async def _authenticate(line: Line, progress: Progress) -> None:
    server = line.server
    if server.username is None:
        return
    progress.phase = Phase.AUTH
    user, password = auth_login_encode(server.username, server.password or "")
    plain = auth_plain_encode(server.username, server.password or "")
    if "plain" in line.auth_mechanisms:
        response = await line.command(b"AUTH", b"PLAIN", plain)
    elif "login" in line.auth_mechanisms:
        response = await line.command(b"AUTH", b"LOGIN", user)
        if response.code == 334:
            response = await line.command(password)
    else:
        text = f"The server offers neither AUTH PLAIN nor AUTH LOGIN (offered: {' '.join(line.auth_mechanisms)})."
        raise Unreachable(broken_off(text, Phase.AUTH, server.name))
    # A server that repeats the command in its refusal must not bring the password into a log.
    text = response.message
    for secret in (plain, user, password, (server.password or "").encode()):
        text = text.replace(secret.decode(), "…") if secret else text
    _need(SMTPResponse(response.code, text), 235, line, Phase.AUTH)


def _need(response: SMTPResponse, code: int, line: Line, phase: Phase) -> None:
    if response.code != code:
        reply = judge(response.code, response.message, phase, line.server.name)
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
