"""What an earlier reply on another connection, or in another packet, must not decide."""

import asyncio

import pytest

from gatepost.testing import Delay, Hang, Refuse, Say, Step, SubmissionServer
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.smtp import Client
from tests.transport.submitting import Line, Marking, an_envelope, opened, until

FLOOD_BYTES = 32 * 1024 * 1024  # twice what the buffers of two sockets may grow to


async def test_a_farewell_on_a_kept_connection_does_not_outlive_it(server: SubmissionServer, client: Client) -> None:
    """After 421 to the next MAIL a new connection carries the message; what happens there is the outcome."""
    async with opened(server, client=client, final_reply_timeout_s=0.3) as line:
        await line.submit(an_envelope(1))
        server.at(Step.MAIL, Refuse("421 4.7.0 Enough for one session"), times=1)
        server.at(Step.TAKEN, Hang())
        reply = await line.submit(an_envelope(2))
    assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNKNOWN, Phase.FINAL_REPLY, True)
    assert len(server.messages) == 2


async def test_a_kept_connection_that_answered_may_take_its_time(server: SubmissionServer, client: Client) -> None:
    """The short wait of a kept connection ends with its first reply, also when two replies come in one packet."""
    async with opened(server, client=client, timeouts=StepTimeouts(reused_reply_s=0.2)) as line:
        await line.submit(an_envelope(1))
        server.at(Step.DATA, Delay(0.5))
        reply = await line.submit(an_envelope(2))
    assert (reply.outcome, server.connections_total) == (Outcome.ACCEPTED, 1)


async def test_a_size_of_thousands_of_digits_is_no_limit(server: SubmissionServer, line: Line) -> None:
    """A number longer than Python converts is as good as none."""
    server.at(Step.EHLO, Say(b"250-hello\r\n250 SIZE " + b"9" * 5000 + b"\r\n"))
    assert (await line.submit()).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("kept", [False, True])
async def test_a_server_that_talks_without_end_is_not_listened_to(client: Client, kept: bool) -> None:
    """While a mark is under way, and while a connection idles, a flood is dropped after a bounded number of bytes."""
    flood = _Flood(kept)
    listener = await asyncio.get_running_loop().create_server(lambda: flood, "127.0.0.1", 0)
    server = SubmissionServer(port=listener.sockets[0].getsockname()[1])
    async with opened(server, client=client) as line:
        marking = Marking(gate=asyncio.Event())
        task = asyncio.create_task(line.submit(marking=marking))
        assert marking.gate is not None
        if kept:
            marking.gate.set()
        await until(lambda: flood.stuck or flood.written > 10 * FLOOD_BYTES)
        marking.gate.set()
        reply = await task
    listener.close()
    assert reply.outcome is (Outcome.ACCEPTED if kept else Outcome.TRANSIENT)
    assert flood.written < FLOOD_BYTES


class _Flood(asyncio.Protocol):
    """Answers a dialogue, and then never stops: after the 354, or after the final reply."""

    def __init__(self, after_the_end: bool) -> None:
        self.after_the_end = after_the_end
        self.written = 0
        self.stuck = False
        self._room = True
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 hello\r\n")

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        for line in data.split(b"\r\n"):
            if line == b"DATA":
                self._transport.write(b"354 go\r\n")
                if not self.after_the_end:
                    loop.call_later(0.05, self._pour)
            elif line == b".":
                self._transport.write(b"250 ok\r\n")
                loop.call_later(0.05, self._pour)
            elif line[:4] in (b"EHLO", b"MAIL", b"RCPT"):
                self._transport.write(b"250 ok\r\n")

    def _pour(self) -> None:
        assert self._transport is not None
        if self._room and not self._transport.is_closing():
            self._transport.write(b"250 and another thing\r\n" * 3000)
            self.written += 69_000
            asyncio.get_running_loop().call_soon(self._pour)

    def pause_writing(self) -> None:
        self._room = False
        asyncio.get_running_loop().call_later(0.3, self._look)  # a reader that reads on has made room by then

    def resume_writing(self) -> None:
        self._room = True
        asyncio.get_running_loop().call_soon(self._pour)

    def _look(self) -> None:
        self.stuck = not self._room

    def connection_lost(self, exc: Exception | None) -> None:
        self._room, self.stuck = False, True
