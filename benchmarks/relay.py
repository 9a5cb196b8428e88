"""A line with a long round trip: carries bytes to a server and back, each way so much later, in order, at any speed.

`python -m benchmarks.relay PORT TO_PORT ROUND_TRIP_MS` relays 127.0.0.1:PORT to 127.0.0.1:TO_PORT.
"""

import asyncio
import contextlib
import signal
import sys
from collections import deque

BACKLOG = 1_024
MAX_UNDER_WAY_BYTES = 4 * 2**20  # of one connection and direction; beyond that its sender is not read


class _End(asyncio.Protocol):
    """One end of a relayed connection. What it reads goes to `other` after a while."""

    def __init__(self, one_way_s: float) -> None:
        self._one_way_s = one_way_s
        self._loop = asyncio.get_running_loop()
        self._under_way: deque[bytes] = deque()
        self._bytes = 0
        self.other: _End | None = None
        self.socket: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.socket = transport

    def data_received(self, data: bytes) -> None:
        self._send_on(data)
        if self._bytes > MAX_UNDER_WAY_BYTES and self.socket is not None:
            self.socket.pause_reading()

    def eof_received(self) -> bool:
        self._send_on(b"")
        return True  # the other direction may go on

    def connection_lost(self, error: Exception | None) -> None:
        self._loop.call_later(self._one_way_s, self._hang_up_the_other)

    def _send_on(self, data: bytes) -> None:
        # Each timer carries the oldest piece, not its own: so the order holds even where two are due at one instant.
        self._under_way.append(data)
        self._bytes += len(data)
        self._loop.call_later(self._one_way_s, self._deliver)

    def _deliver(self) -> None:
        data = self._under_way.popleft()
        before, self._bytes = self._bytes, self._bytes - len(data)
        if before > MAX_UNDER_WAY_BYTES >= self._bytes and self.socket is not None and not self.socket.is_closing():
            self.socket.resume_reading()
        there = self.other.socket if self.other is not None else None
        if there is None or there.is_closing():
            return
        if data:
            there.write(data)
        elif there.can_write_eof():
            with contextlib.suppress(OSError):
                there.write_eof()

    def _hang_up_the_other(self) -> None:
        if self.other is not None and self.other.socket is not None:
            self.other.socket.close()


class _Near(_End):
    """The end at the client. The server hears of it only once the handshake of such a line would be over."""

    def __init__(self, one_way_s: float, to_port: int) -> None:
        super().__init__(one_way_s)
        self._to_port = to_port
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The kernel took our side of the connection at once. SYN, SYN-ACK and ACK would have taken three ways.
        self.socket.pause_reading()  # type: ignore[union-attr]
        self._opening = self._loop.create_task(self._open(3 * self._one_way_s))

    async def _open(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        assert self.socket is not None
        try:
            _, far = await self._loop.create_connection(lambda: _End(self._one_way_s), "127.0.0.1", self._to_port)
        except OSError:
            self.socket.abort()
            return
        self.other, far.other = far, self
        if self.socket.is_closing():
            self._hang_up_the_other()
        else:
            self.socket.resume_reading()


async def relay(port: int, to_port: int, one_way_s: float) -> None:
    """Relay until SIGTERM."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: _Near(one_way_s, to_port), "127.0.0.1", port, backlog=BACKLOG)
    await over.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 2_000))
