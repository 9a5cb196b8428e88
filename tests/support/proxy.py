"""A TCP proxy before PostgreSQL that cuts a line at a COMMIT: before it arrives, or before its answer does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

_CHUNK_BYTES = 64 * 1024
_COMMIT = b"COMMIT\0"  # the whole of a simple query, as it goes over the wire
Cut = Literal["before", "after"]


class CommitProxy:
    """Passes everything on until it is told to cut.

    Attributes:
        port: where it listens.
        cuts: how many lines it has cut.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.cuts = 0
        self._host, self._to = host, port
        self._next: Cut | None = None

    def cut_next(self, when: Cut) -> None:
        """Cut the next line that carries a COMMIT: "before" it arrives, or "after" it was done."""
        self._next = when

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["CommitProxy"]:
        """Listen on loopback, in the running event loop."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(self._host, self._to)
        line = _Line()
        passing = [
            asyncio.create_task(self._pass_questions(line, client, to_server)),
            asyncio.create_task(self._pass_answers(line, server, to_client)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()
            to_client.transport.abort()
            to_server.close()

    async def _pass_questions(self, line: "_Line", client: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await client.read(_CHUNK_BYTES):
                if self._next is not None and _COMMIT in data:
                    when, self._next = self._next, None
                    self.cuts += 1
                    if when == "before":
                        return
                    line.mute = True
                server.write(data)
                await server.drain()

    async def _pass_answers(self, line: "_Line", server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await server.read(_CHUNK_BYTES):
                if line.mute:
                    return
                client.write(data)
                await client.drain()


class _Line:
    mute = False
