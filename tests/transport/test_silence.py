"""A server that stops in the middle: it hangs, or the line ends, at each step of the dialogue."""

import asyncio

import pytest

from gatepost.testing import Call, Delay, Drip, Drop, Hang, Step, SubmissionServer
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.transport.submitting import LARGE_BYTES, Line, Marking, an_envelope, opened, server_at, until

SOON_S = 0.5

BEFORE_THE_DOT = [
    (Step.CONNECT, Phase.GREETING, Outcome.UNREACHABLE),
    (Step.EHLO, Phase.GREETING, Outcome.UNREACHABLE),
    (Step.MAIL, Phase.MAIL, Outcome.TRANSIENT),
    (Step.RCPT, Phase.RCPT, Outcome.TRANSIENT),
    (Step.DATA, Phase.DATA, Outcome.TRANSIENT),
    (Step.CONTENT, Phase.CONTENT, Outcome.TRANSIENT),
]


@pytest.mark.parametrize(("step", "phase", "outcome"), BEFORE_THE_DOT)
async def test_a_silent_server_is_left_at_the_deadline(
    client: Client, server: SubmissionServer, step: Step, phase: Phase, outcome: Outcome
) -> None:
    """Whatever step hangs, the attempt ends at its deadline, says where, and nothing was accepted."""
    server.at(step, Hang())
    async with opened(server, attempt_timeout_s=SOON_S, final_reply_timeout_s=60, client=client) as line:
        reply = await line.submit(an_envelope(size=LARGE_BYTES))
        assert (reply.outcome, reply.phase, reply.timed_out) == (outcome, phase, True)
        assert (server.messages, line.transport.open_connections) == ([], 0)
    server.clear()


@pytest.mark.parametrize(("step", "phase", "outcome"), BEFORE_THE_DOT)
async def test_a_line_that_ends_before_the_final_dot_handed_nothing_over(
    server: SubmissionServer, line: Line, step: Step, phase: Phase, outcome: Outcome
) -> None:
    """A drop before the final dot is certain: never unknown."""
    server.at(step, Drop())
    reply = await line.submit(an_envelope(size=LARGE_BYTES))
    assert (reply.outcome, reply.phase, reply.timed_out) == (outcome, phase, False)
    assert (server.messages, line.transport.open_connections) == ([], 0)


@pytest.mark.parametrize(("step", "taken"), [(Step.DOT, 0), (Step.TAKEN, 1)])
async def test_a_line_that_ends_after_the_final_dot_is_unknown(
    server: SubmissionServer, line: Line, step: Step, taken: int
) -> None:
    """After the final dot nobody can say, whether the server took it or not."""
    server.at(step, Drop())
    reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNKNOWN, Phase.FINAL_REPLY, False)
    assert len(server.messages) == taken


async def test_the_final_reply_has_a_deadline_of_its_own(client: Client, server: SubmissionServer) -> None:
    """Silence after the final dot ends at that deadline, as unknown and timed out."""
    server.at(Step.TAKEN, Hang())
    async with opened(server, attempt_timeout_s=60, final_reply_timeout_s=SOON_S, client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNKNOWN, Phase.FINAL_REPLY, True)


async def test_a_slow_final_reply_is_waited_for_beyond_the_attempts_deadline(
    client: Client, server: SubmissionServer
) -> None:
    """The attempt's deadline ends with the content: a slow final reply does not fall under it."""
    server.at(Step.DOT, Delay(1.5))
    async with opened(server, attempt_timeout_s=1.0, final_reply_timeout_s=30, client=client) as line:
        assert (await line.submit()).outcome is Outcome.ACCEPTED


async def test_lines_that_drip_do_not_move_the_deadline(client: Client, server: SubmissionServer) -> None:
    """A greeting that never ends, one line at a time, is left at the deadline."""
    server.at(Step.CONNECT, Drip(b"220-wait\r\n", 0.01))
    async with opened(server, attempt_timeout_s=SOON_S, client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.GREETING)


async def test_nobody_listens(client: Client) -> None:
    """A refused connection is unreachable at once, and says which server."""
    async with SubmissionServer() as gone:
        pass
    async with opened(server_at(gone), client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.server) == (Outcome.UNREACHABLE, Phase.CONNECT, f"127.0.0.1:{gone.port}")
    assert line.marking.calls == 0


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 64 + ".invalid"])
async def test_a_host_name_nobody_knows(client: Client, host: str) -> None:
    """A name that cannot be resolved is unreachable, not an error that travels."""
    async with opened(Server(host, 25, tls="none"), client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.CONNECT)


@pytest.mark.parametrize("step", [Step.CONNECT, Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA, Step.DOT])
async def test_cancelling_drops_the_connection_at_once(server: SubmissionServer, line: Line, step: Step) -> None:
    """A cancelled submission is gone from the server's side too, and leaves the pool able to serve on."""
    reached = asyncio.Event()
    server.at(step, Call(reached.set))
    server.at(step, Hang())
    task = asyncio.create_task(line.submit())
    async with asyncio.timeout(5):
        await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert line.transport.open_connections == 0
    assert line.progress.content_begun is (step is Step.DOT)
    await until(lambda: server.connections_now == 0)
    server.clear()
    replies = await asyncio.gather(*(line.transport.submit(an_envelope(), line.progress, Marking()) for _ in range(4)))
    assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}


async def test_cancelling_leaves_no_more_than_what_was_accepted(client: Client, server: SubmissionServer) -> None:
    """A hundred submissions cancelled at any moment leave every connection's place free again."""
    async with opened(server, connections=4, client=client) as line:
        for _ in range(3):
            tasks = [asyncio.create_task(line.submit(an_envelope(number))) for number in range(100)]
            before = len(server.messages)
            await until(lambda before=before: len(server.messages) > before + 10)  # type: ignore[misc]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        replies = await asyncio.gather(*(line.submit(an_envelope(number)) for number in range(8)))
        assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}
        assert line.transport.open_connections <= 4
