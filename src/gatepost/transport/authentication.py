"""AUTH: PLAIN (RFC 4616), LOGIN, and XOAUTH2 as Google and Microsoft document it.

Called only over TLS that was verified, or on loopback.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from pathlib import Path

from gatepost.transport.line import Line, LineBroken, Response
from gatepost.transport.server import Server

MAX_TOKEN_BYTES = 64 * 1024


class NoMechanism(Exception):
    """The server offers no mechanism of ours, or the token cannot be had."""


async def authenticate(line: Line) -> Response:
    """Authenticate, and return the reply that decides: 235 or a refusal, in which no secret is repeated.

    Raises:
        NoMechanism: nothing was sent.
        LineBroken: the connection ended.
    """
    server = line.server
    offered = line.extensions.get("auth", "").lower().split()
    password = _password(server)
    mechanisms = _MECHANISMS[server.mechanism]
    for name, mechanism in mechanisms.items():
        if name in offered:
            response = await mechanism(line, server.username or "", password)
            return Response(response.code, _without(response.text, server.username or "", password))
    ours = " nor ".join(f"AUTH {name.upper()}" for name in mechanisms)
    either = "neither " if len(mechanisms) > 1 else "no "
    raise NoMechanism(f"The server offers {either}{ours} (offered: {' '.join(offered) or 'nothing'}).")


def _password(server: Server) -> str:
    if server.token_file is None:
        return server.password or ""
    try:
        with Path(server.token_file).open("rb") as file:
            token = file.read(MAX_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no ASCII"
        raise NoMechanism(f"The token file {server.token_file} cannot be read: {why}.") from error
    if not token:
        raise NoMechanism(f"The token file {server.token_file} is empty.")
    return token


async def _plain(line: Line, username: str, password: str) -> Response:
    return await line.command(b"AUTH PLAIN " + _base64(f"\0{username}\0{password}"))


async def _login(line: Line, username: str, password: str) -> Response:
    response = await line.command(b"AUTH LOGIN " + _base64(username))
    return await line.command(_base64(password)) if response.code == 334 else response


async def _xoauth2(line: Line, username: str, token: str) -> Response:
    response = await line.command(b"AUTH XOAUTH2 " + _base64(f"user={username}\1auth=Bearer {token}\1\1"))
    if response.code != 334:
        return response
    # The challenge says in JSON what is wrong with the token; the refusal comes after an empty answer.
    reason = _decoded(response.text)
    try:
        refusal = await line.command(b"")
    except LineBroken:
        return Response(535, reason)
    return Response(refusal.code, f"{refusal.text} {reason}")


_MECHANISMS: dict[str, dict[str, Callable[[Line, str, str], Awaitable[Response]]]] = {
    "password": {"plain": _plain, "login": _login},
    "xoauth2": {"xoauth2": _xoauth2},
}


def _decoded(challenge: str) -> str:
    try:
        return base64.b64decode(challenge, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return challenge


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())


def _without(text: str, username: str, password: str) -> str:
    """What a server repeats of a command must not bring the password into a log."""
    forms = (f"\0{username}\0{password}", f"user={username}\1auth=Bearer {password}\1\1", username, password)
    for secret in (*(_base64(form).decode() for form in forms), password):
        text = text.replace(secret, "…") if secret else text
    return text
