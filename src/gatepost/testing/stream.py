"""The bytes of one connection to the test server: lines and content in, whatever is wanted out."""

import asyncio
import contextlib
import socket
import ssl
import struct
from typing import cast

MAX_LINE_BYTES = 8192


class Gone(Exception):
    """The connection is over."""


class Stream(asyncio.Protocol):
    """Reads commands and content one after the other, however they are cut into packets."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._more = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._more.set()

    def eof_received(self) -> bool:
        self.over()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.over()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def over(self) -> None:
        """The other side is gone, or we are: whoever waits goes on and finds out. What was read stays readable."""
        self.gone.set()
        self._more.set()
        self._writable.set()

    def drop(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        self.over()

    def reset(self) -> None:
        """End the connection by a reset: what was not read on either side is lost, as in a crash."""
        if self._transport is not None and (connection := self._transport.get_extra_info("socket")) is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def pause_reading(self) -> None:
        """Read nothing more: the other side's writes run full."""
        cast(asyncio.Transport, self._transport).pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        cast(asyncio.Transport, self._transport).resume_reading()

    async def line(self) -> bytes:
        """Return the next line without its CRLF."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                raise Gone
            await self._read_more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    async def content(self, max_bytes: int) -> bytes:
        """Return everything up to the final dot, the doubled dots undone (RFC 5321, 4.5.2)."""
        searched = 0
        while not self._buffer.startswith(b".\r\n"):
            end = self._buffer.find(b"\r\n.\r\n", searched)
            if end >= 0:
                content = bytes(self._buffer[: end + 2])
                del self._buffer[: end + 5]
                return content.removeprefix(b".").replace(b"\r\n.", b"\r\n")
            searched = max(0, len(self._buffer) - 4)
            if len(self._buffer) > max_bytes:
                raise Gone
            await self._read_more()
        del self._buffer[:3]
        return b""

    async def read(self, count: int) -> None:
        """Read until there are so many bytes."""
        while len(self._buffer) < count:
            await self._read_more()

    async def _read_more(self) -> None:
        if self.gone.is_set():
            raise Gone
        self._more.clear()
        await self._more.wait()

    def write(self, data: bytes) -> None:
        """Write bytes; Gone when nobody is there."""
        if self.gone.is_set() or self._transport is None:
            raise Gone
        self._transport.write(data)

    async def written(self) -> None:
        """Wait until the other side has read enough to write on."""
        await self._writable.wait()
        await asyncio.sleep(0)

    async def pause(self, seconds: float) -> None:
        """Wait; Gone when the other side does not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.gone.wait()
        if self.gone.is_set():
            raise Gone

    def hang_up(self) -> None:
        """End the connection after what was written."""
        cast(asyncio.Transport, self._transport).close()
        raise Gone

    async def upgrade(self, context: ssl.SSLContext) -> None:
        """Go on in TLS; what came in the clear so far is forgotten (RFC 3207, 4.2)."""
        self._buffer.clear()
        plain = cast(asyncio.Transport, self._transport)
        secure = await self._loop.start_tls(plain, self, context, server_side=True, ssl_shutdown_timeout=1.0)
        if secure is None:
            raise Gone
        self._transport = secure
