"""A line between Gatepost and PostgreSQL that breaks on command, in the test's own event loop."""

import asyncio
import contextlib
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

_COMMIT = b"COMMIT\x00"  # as it stands in the message Query


class _Cut(Exception):
    """Either side ended the connection, or the test did."""


class Proxy:
    """Forwards TCP connections to a server, which may stay without TLS.

    Attributes:
        url: the server's, with the proxy in its place.
    """

    def __init__(self, server_url: str, tls: ssl.SSLContext | None) -> None:
        self.url = ""
        self._tls = tls
        self._server = urlsplit(server_url)
        self._open = asyncio.Event()
        self._open.set()
        self._generation = 0
        self._cut_before = self._cut_behind = False

    def drop_traffic(self) -> None:
        """Forward nothing more and say nothing, as a firewall does that forgot its connections."""
        self._open.clear()

    def restore_traffic(self) -> None:
        """Forward again, what was held back first."""
        self._open.set()

    def forget_connections(self) -> None:
        """Forward nothing more on the connections there are; new ones work."""
        self._generation += 1

    def cut_before_commit(self) -> None:
        """Break the connection that sends the next COMMIT; the server never sees it."""
        self._cut_before = True

    def cut_behind_commit(self) -> None:
        """Break the connection that sends the next COMMIT once the server has answered; nobody sees the answer."""
        self._cut_behind = True

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Forward one connection until it ends."""
        if self._tls is not None:
            await reader.readexactly(8)  # SSLRequest
            writer.write(b"S")
            try:
                await writer.start_tls(self._tls)
            except (OSError, ssl.SSLError):
                return  # the client did not like our certificate
        server_reader, server_writer = await asyncio.open_connection(self._server.hostname, self._server.port)
        committed = asyncio.Event()
        generation = self._generation
        with contextlib.suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as both:
                both.create_task(self._to_server(reader, server_writer, committed, generation))
                both.create_task(self._to_client(server_reader, writer, committed, generation))
        for end in (writer, server_writer):
            end.transport.abort()

    async def _to_server(
        self, source: StreamReader, server: StreamWriter, committed: asyncio.Event, generation: int
    ) -> None:
        while data := await source.read(65_536):
            await self._open.wait()
            if generation != self._generation:
                continue
            if _COMMIT in data and self._cut_before:
                self._cut_before = False
                raise _Cut
            if _COMMIT in data and self._cut_behind:
                self._cut_behind = False
                committed.set()
            server.write(data)
            await server.drain()
        raise _Cut

    async def _to_client(
        self, source: StreamReader, client: StreamWriter, committed: asyncio.Event, generation: int
    ) -> None:
        while data := await source.read(65_536):
            await self._open.wait()
            if generation != self._generation:
                continue
            if committed.is_set():
                raise _Cut
            client.write(data)
            await client.drain()
        raise _Cut


@contextlib.asynccontextmanager
async def proxy(server_url: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """A proxy before the server of `server_url`; with a context, every client must speak TLS."""
    running = Proxy(server_url, tls)
    listener = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    parts = urlsplit(server_url)
    login = parts.netloc.rpartition("@")[0]
    running.url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
    try:
        yield running
    finally:
        running.restore_traffic()
        listener.close()
