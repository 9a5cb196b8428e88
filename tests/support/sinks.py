"""Two mail servers that disagree about where a message ends, as real ones do (SMTP smuggling: CVE-2023-51764).

The lenient one takes every kind of line end, also half of one, and drops NUL; the strict one takes CRLF only and says
so. Between them lies every server we may meet: what both read as one message is one.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

_EXTENSIONS = (b"SIZE 100000000", b"8BITMIME", b"SMTPUTF8")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


class Sink:
    """What a server took: its messages, dots undone, and every command it was given.

    Args:
        lenient: which of the two it is.
        pipelining: whether it offers PIPELINING.
    """

    def __init__(self, *, lenient: bool, pipelining: bool = True) -> None:
        self.lenient = lenient
        self.messages: list[bytes] = []
        self.commands: list[bytes] = []
        self.offence: bytes | None = None
        self.host, self.port = "127.0.0.1", 0
        self.extensions = (*_EXTENSIONS, *((b"PIPELINING",) if pipelining else ()))
        self._sessions: set[_Session] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen on loopback, and be gone afterwards."""
        server = await asyncio.get_running_loop().create_server(lambda: _Session(self, self._sessions), self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for session in tuple(self._sessions):
                session.abort()
            await server.wait_closed()


class _Session(asyncio.Protocol):
    """One connection. Everything is done as soon as its bytes are there."""

    def __init__(self, sink: Sink, sessions: "set[_Session]") -> None:
        self._sink = sink
        self._sessions = sessions
        self._buffer = b""
        self._data: list[bytes] | None = None
        self._after_cr = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sessions.add(self)
        transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        self._sessions.discard(self)

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        lines = self._lenient_lines(data) if self._sink.lenient else self._strict_lines(data)
        for line in lines:
            self._take(line)

    def _lenient_lines(self, data: bytes) -> list[bytes]:
        """Take CR, LF and CRLF for a line end, without waiting for the LF behind a CR, and overlook every NUL."""
        seen = data.replace(b"\0", b"")
        if self._after_cr and seen:
            seen = seen.removeprefix(b"\n")
        self._after_cr = seen.endswith(b"\r") or (self._after_cr and not seen)
        *lines, self._buffer = _LINE_END.split(self._buffer + seen)
        return lines

    def _strict_lines(self, data: bytes) -> list[bytes]:
        """Take CRLF for a line end; at half of one, complain and hang up."""
        seen = self._buffer + data
        if (bare := _BARE.search(seen.removesuffix(b"\r"))) is not None:
            self._sink.offence = seen[max(0, bare.start() - 40) : bare.end() + 40]
            self._transport.write(b"500 5.5.2 A bare CR or LF\r\n")
            self._transport.close()
            return []
        *lines, self._buffer = seen.split(b"\r\n")
        return lines

    def _take(self, line: bytes) -> None:
        if self._data is None:
            self._command(line)
        elif line == b".":
            self._sink.messages.append(b"".join(one + b"\r\n" for one in self._data))
            self._data = None
            self._transport.write(b"250 2.0.0 Ok\r\n")
        else:
            self._data.append(line.removeprefix(b"."))

    def _command(self, line: bytes) -> None:
        verb = line.split(b" ")[0].upper()
        self._sink.commands.append(verb)
        match verb:
            case b"EHLO":
                lines = (b"sink", *self._sink.extensions)
                self._transport.write(b"".join(b"250-" + one + b"\r\n" for one in lines[:-1]))
                self._transport.write(b"250 " + lines[-1] + b"\r\n")
            case b"DATA":
                self._data = []
                self._transport.write(b"354 Go ahead\r\n")
            case b"QUIT":
                self._transport.write(b"221 2.0.0 Bye\r\n")
                self._transport.close()
            case b"MAIL" | b"RCPT" | b"RSET" | b"NOOP":
                self._transport.write(b"250 2.0.0 Ok\r\n")
            case _:
                self._transport.write(b"500 5.5.2 What?\r\n")
