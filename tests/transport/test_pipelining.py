"""MAIL, RCPT and DATA in one write where the server offers it (RFC 2920), and what happens to the rest of it then."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gatepost.testing import Delay, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.transport.submitting import Line, Marking, an_envelope, opened, until

MAIL, RCPT, DATA = b"MAIL FROM:<bounces-1@example.org>\r\n", b"RCPT TO:<ann@example.com>\r\n", b"DATA\r\n"


@pytest.mark.parametrize(
    ("client", "offered", "writes"),
    [
        ("gatepost", True, [MAIL + RCPT + DATA]),
        ("gatepost", False, [MAIL, RCPT, DATA]),
        ("aiosmtplib", True, [MAIL, RCPT, DATA]),
    ],
)
async def test_commands_are_sent_ahead_only_where_that_is_offered(
    client: Client, offered: bool, writes: list[bytes]
) -> None:
    """One write with PIPELINING, three without; the content is never part of it."""
    async with _recording(offered) as recorder, opened(recorder.server, client=client) as line:
        reply = await line.submit()
    assert reply.outcome is Outcome.ACCEPTED
    assert recorder.writes == [*writes, an_envelope().content + b".\r\n"]


async def test_no_byte_of_content_is_sent_ahead() -> None:
    """Between DATA and its 354, and between that and the durable mark, nothing is written."""
    async with _recording(True, patience=True) as recorder, opened(recorder.server) as line:
        marking = Marking(gate=asyncio.Event())
        task = asyncio.create_task(line.submit(marking=marking))
        await until(lambda: recorder.writes == [MAIL + RCPT + DATA])
        assert (marking.calls, line.progress.phase) == (1, Phase.MAIL)
        recorder.answer(b"250 ok\r\n250 ok\r\n354 go\r\n")
        await until(lambda: line.progress.phase is Phase.DATA)
        for _ in range(100):
            await asyncio.sleep(0)
        assert (len(recorder.writes), line.progress.content_begun) == (1, False)
        assert marking.gate is not None
        marking.gate.set()
        await until(lambda: len(recorder.writes) == 2)
        recorder.answer(b"250 ok\r\n")
        assert (await task).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("said", ["450 4.2.0 Later", "550 5.1.1 No such user"])
async def test_a_354_after_a_refused_recipient_gets_a_lone_dot(said: str) -> None:
    """The message that nobody is to get is empty, the refusal is the outcome, and the connection serves on."""
    async with SubmissionServer(orderly=False) as server, opened(server) as line:
        server.at(Step.RCPT, Refuse(said), times=1)
        reply = await line.submit(an_envelope(1))
        assert (reply.phase, reply.code) == (Phase.RCPT, int(said[:3]))
        assert (server.refused, server.messages) == ([b""], [])
        assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
        assert server.connections_total == 1


async def test_an_accepted_recipient_never_gets_a_lone_dot() -> None:
    """MAIL refused, but RCPT and DATA taken: a dot would hand over an empty message, so the connection is dropped."""
    async with SubmissionServer(orderly=False) as server, opened(server) as line:
        server.at(Step.MAIL, Refuse("451 4.3.0 Later"), times=1)
        reply = await line.submit(an_envelope(1))
        assert (reply.outcome, reply.phase, reply.code) == (Outcome.TRANSIENT, Phase.MAIL, 451)
        assert line.transport.open_connections == 0
        await until(lambda: server.connections_now == 0)
        assert (server.refused, server.messages) == ([], [])


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA])
async def test_the_first_refusal_counts_and_the_rest_is_read(server: SubmissionServer, line: Line, step: Step) -> None:
    """Each reply is matched with its command; the refusals that follow from the first one are read, and ignored."""
    server.at(step, Refuse("451 4.3.0 Later"), times=1)
    server.at(Step.DATA, Delay(0.05))
    reply = await line.submit(an_envelope(1))
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.TRANSIENT, Phase(step.value), 451)
    assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
    assert (server.connections_total, len(server.messages)) == (1, 1)


async def test_a_refusal_stands_when_the_attempt_ends_over_the_rest(server: SubmissionServer, client: Client) -> None:
    """A server that refuses and then falls silent has refused, also when the attempt's deadline is what ends it."""
    server.at(Step.RCPT, Refuse("550 5.1.1 No such user"))
    server.orderly = False
    server.at(Step.DATA, Hang())
    async with opened(server, client=client, attempt_timeout_s=0.3, timeouts=StepTimeouts(rest_s=60)) as line:
        reply = await line.submit()
        assert (reply.outcome, reply.code, reply.timed_out) == (Outcome.PERMANENT, 550, False)


class _Recorder(asyncio.Protocol):
    """Keeps every packet that comes after EHLO, and says yes to each, or waits for `answer`."""

    def __init__(self, pipelining: bool, patience: bool) -> None:
        self.writes: list[bytes] = []
        self.server = Server("127.0.0.1", 0, tls="none")
        self._hello = b"250-hello\r\n250 PIPELINING\r\n" if pipelining else b"250 hello\r\n"
        self._patience = patience
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.answer(b"220 hello\r\n")

    def answer(self, said: bytes) -> None:
        assert self._transport is not None
        self._transport.write(said)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"EHLO"):
            self.answer(self._hello)
        elif data == b"QUIT\r\n":
            assert self._transport is not None
            self._transport.close()
        else:
            self.writes.append(data)
            if not self._patience:
                commands = data.count(b"MAIL") + data.count(b"RCPT")
                self.answer(b"250 ok\r\n" * commands + b"354 go\r\n" * data.count(DATA))
                if data.endswith(b"\r\n.\r\n"):
                    self.answer(b"250 ok\r\n")


@asynccontextmanager
async def _recording(pipelining: bool, *, patience: bool = False) -> AsyncIterator[_Recorder]:
    recorder = _Recorder(pipelining, patience)
    listener = await asyncio.get_running_loop().create_server(lambda: recorder, "127.0.0.1", 0)
    recorder.server = Server("127.0.0.1", listener.sockets[0].getsockname()[1], tls="none")
    try:
        yield recorder
    finally:
        listener.close()
