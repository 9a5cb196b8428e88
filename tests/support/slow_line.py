"""A line to a mail server that is slow, loses packets, or forgets its connections; on a thread of its own.

What is lost on a real line is sent again by TCP, after a pause that doubles: programs see pauses, never a gap.
"""

import asyncio
import contextlib
import random
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator

PACKET_BYTES = 1400
# What TCP waits before it sends again what was not acknowledged (RFC 6298; Linux begins with 200 ms).
RESEND_AFTER_S = 0.2
START_TIMEOUT_S = 10.0


class SlowLine:
    """Forwards connections to a port of this machine.

    Args:
        to_port: where.
        bytes_per_s: in each direction, for each connection; None: as fast as it goes.
        loss: what share of the packets is lost, and sent again a while later.
        seed: of what is lost.

    Attributes:
        port: where it listens.
        lost: how many packets were.
    """

    def __init__(self, to_port: int, *, bytes_per_s: float | None = None, loss: float = 0.0, seed: int = 0) -> None:
        self.port = 0
        self.lost = 0
        self._to_port = to_port
        self._bytes_per_s = bytes_per_s
        self._loss = loss
        self._chance = random.Random(seed)
        self._generation = 0
        self._forgotten = asyncio.Event()  # never set; one for all, or those who wait for it would be collected

    def forget_connections(self) -> None:
        """Forward nothing more on the connections there are, and say nothing, as a firewall does that forgot them."""
        self._generation += 1

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Forward one connection until it ends."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        generation = self._generation
        both = {
            asyncio.ensure_future(self._forward(reader, there_writer, generation)),
            asyncio.ensure_future(self._forward(there_reader, writer, generation)),
        }
        with contextlib.suppress(asyncio.CancelledError):  # the end of the line itself
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.cancel()
        for end in (writer, there_writer):
            end.transport.abort()

    async def _forward(self, source: StreamReader, sink: StreamWriter, generation: int) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(PACKET_BYTES):
                if generation != self._generation:
                    await self._forgotten.wait()  # for ever: until either side gives up
                await asyncio.sleep(self._pause_s(len(data)))
                sink.write(data)
                await sink.drain()

    def _pause_s(self, size: int) -> float:
        pause_s = size / self._bytes_per_s if self._bytes_per_s else 0.0
        resend_s = RESEND_AFTER_S
        while self._chance.random() < self._loss:
            self.lost += 1
            pause_s += resend_s
            resend_s *= 2
        return pause_s


@contextlib.contextmanager
def slow_line(line: SlowLine) -> Iterator[SlowLine]:
    """Let it run."""
    listening = threading.Event()
    leave = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        listener = await asyncio.start_server(line.serve, "127.0.0.1", 0)
        line.port = listener.sockets[0].getsockname()[1]
        loops.append(asyncio.get_running_loop())
        listening.set()
        await leave.wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="slow-line", daemon=True)
    thread.start()
    assert listening.wait(START_TIMEOUT_S)
    try:
        yield line
    finally:
        loops[0].call_soon_threadsafe(leave.set)
        thread.join()
