"""One GET over verified TLS, with a bound on time and bytes and without following anything: for Amazon SNS alone."""

import asyncio
import http.client
import io
import socket
import ssl
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

from gatepost.errors import TryLater
from gatepost.version import VERSION

TIMEOUT_S = 5.0
MAX_BODY_BYTES = 65_536
_MAX_HEAD_BYTES = 16_384
_RETRY_AFTER_S = 60

Where = Callable[[str], tuple[str, int]]


class NotThere(Exception):
    """The server answered, and not with 200: `status` says how."""

    def __init__(self, status: int) -> None:
        super().__init__(f"it answered {status}")
        self.status = status


class Fetch:
    """Gets what lies at a URL.

    Args:
        context: for TLS, verifying chain and host name; None trusts the machine's authorities.
        where: the address and port at which a host is reached; None asks the DNS and takes 443.
        timeout_s: for the whole of it.
    """

    def __init__(
        self, *, context: ssl.SSLContext | None = None, where: Where | None = None, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._context = context or _context()
        self._where = where or (lambda host: (host, 443))
        self._timeout_s = timeout_s

    async def get(self, url: str) -> bytes:
        """Return the body.

        Args:
            url: https, already checked: whom it names is whom we connect to.

        Raises:
            NotThere: the answer is no 200; a redirect is not followed.
            TryLater: there was no whole answer of at most MAX_BODY_BYTES in time.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                raw = await self._exchange(url)
            return _body(raw)
        except (OSError, http.client.HTTPException) as error:  # a timeout is an OSError
            why = type(error).__name__
            raise TryLater(f"{urlsplit(url).hostname} gave no answer to use: {why}", _RETRY_AFTER_S) from None

    async def _exchange(self, url: str) -> bytes:
        parts = urlsplit(url)
        host = parts.hostname or ""
        address, port = self._where(host)
        reader, writer = await asyncio.open_connection(
            address, port, ssl=self._context, server_hostname=host, limit=MAX_BODY_BYTES
        )
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            writer.write(
                f"GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: gatepost/{VERSION}\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n".encode("ascii")
            )
            await writer.drain()
            return await _all(reader)
        finally:
            writer.transport.abort()


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _all(reader: asyncio.StreamReader) -> bytes:
    raw = bytearray()
    while chunk := await reader.read(MAX_BODY_BYTES):
        raw += chunk
        if len(raw) > MAX_BODY_BYTES + _MAX_HEAD_BYTES:
            raise http.client.HTTPException("too long")
    return bytes(raw)


def _body(raw: bytes) -> bytes:
    answer = http.client.HTTPResponse(cast(socket.socket, _Read(raw)), method="GET")
    answer.begin()
    if answer.status != 200:
        raise NotThere(answer.status)
    body = answer.read()
    if len(body) > MAX_BODY_BYTES:
        raise http.client.HTTPException("too long")
    return body


class _Read:
    """What was read, in the one way in which http.client looks at a socket."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, mode: str) -> io.BytesIO:
        """Return it as a file."""
        return io.BytesIO(self._raw)
