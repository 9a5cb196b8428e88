"""The mark before the content: when it starts, what waits for it, and what its answer means."""

import asyncio

import pytest

from gatepost.testing import Call, Drop, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.smtp import Client
from tests.transport.submitting import Line, Marking, an_envelope, opened, until, until_phase


async def test_no_byte_of_content_is_written_before_the_mark(server: SubmissionServer, line: Line) -> None:
    """The dialogue goes up to 354 while the mark is under way, and no further."""
    asked = asyncio.Event()
    server.at(Step.CONTENT, Call(asked.set))
    marking = Marking(gate=asyncio.Event())
    task = asyncio.create_task(line.submit(an_envelope(size=200_000), marking))
    async with asyncio.timeout(5):
        await asked.wait()
    for _ in range(100):
        await asyncio.sleep(0)  # every turn a write would need
    assert (line.progress.phase, line.progress.content_begun) == (Phase.DATA, False)
    assert marking.gate is not None
    marking.gate.set()
    assert (await task).outcome is Outcome.ACCEPTED


async def test_a_lost_claim_is_broken_off_after_354(server: SubmissionServer, line: Line) -> None:
    """Told too late for RSET, the connection is dropped without the final dot: nothing is accepted."""
    asked = asyncio.Event()
    server.at(Step.CONTENT, Call(asked.set))
    marking = Marking(answer=False, gate=asked)
    reply = await line.submit(marking=marking)
    assert (reply.outcome, reply.phase) == (Outcome.NOT_OURS, Phase.DATA)
    assert line.transport.open_connections == 0
    await until(lambda: server.connections_now == 0)
    assert server.messages == []


async def test_a_lost_claim_known_early_keeps_the_connection(client: Client) -> None:
    """Told before DATA where commands go one by one, the message is reset and the connection carries the next one."""
    async with SubmissionServer(pipelining=False) as server, opened(server, client=client) as line:
        reply = await line.submit(an_envelope(1), Marking(answer=False))
        assert (reply.outcome, reply.phase) == (Outcome.NOT_OURS, Phase.RCPT)
        assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
        assert [message.message_id for message in server.messages] == ["<2@example.org>"]
        assert server.connections_total == 1


@pytest.mark.parametrize("step", [Step.CONNECT, Step.EHLO])
async def test_a_server_that_is_not_reached_costs_no_mark(server: SubmissionServer, line: Line, step: Step) -> None:
    """Without a MAIL nothing is marked: the message stays certainly not handed over."""
    server.at(step, Drop())
    await line.submit()
    assert line.marking.calls == 0


@pytest.mark.parametrize("behaviour", [Drop(), Refuse("451 4.3.0 Later")])
async def test_the_end_waits_for_a_mark_under_way(
    server: SubmissionServer, line: Line, behaviour: Drop | Refuse
) -> None:
    """However the dialogue ended, the reply comes only when the mark has ended: its state is known then."""
    server.at(Step.RCPT, behaviour)
    marking = Marking(gate=asyncio.Event())
    task = asyncio.create_task(line.submit(marking=marking))
    await until(lambda: line.transport.open_connections == 0 or line.progress.phase is Phase.RCPT)
    await until(lambda: server.connections_now == 0 or len(server.mail_commands) == 1)
    for _ in range(100):
        await asyncio.sleep(0)
    assert (task.done(), marking.ended) == (False, 0)
    assert marking.gate is not None
    marking.gate.set()
    assert (await task).outcome is Outcome.TRANSIENT
    assert marking.ended == 1


async def test_the_end_waits_for_a_mark_beyond_the_deadline(client: Client, server: SubmissionServer) -> None:
    """A mark slower than the attempt is waited for; the connection is given up at the deadline."""
    async with opened(server, attempt_timeout_s=0.3, client=client) as line:
        marking = Marking(gate=asyncio.Event())
        task = asyncio.create_task(line.submit(marking=marking))
        await until(lambda: marking.calls == 1)
        await until(lambda: line.transport.open_connections == 0)
        assert not task.done()
        assert marking.gate is not None
        marking.gate.set()
        reply = await task
    assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.TRANSIENT, Phase.DATA, True)
    assert server.messages == []


async def test_progress_names_each_phase_of_a_large_message(client: Client, server: SubmissionServer) -> None:
    """CONTENT while content waits to be read, FINAL_REPLY once the final dot is out."""
    server.at(Step.CONTENT, Hang())
    server.at(Step.DOT, Hang())
    async with opened(server, client=client) as line:
        task = asyncio.create_task(line.submit(an_envelope(size=4 * 1024 * 1024)))
        await until_phase(line, Phase.CONTENT)
        assert line.progress.content_begun
        server.clear()
        server.at(Step.DOT, Hang())
        await until_phase(line, Phase.FINAL_REPLY)
        server.clear()
        assert (await task).outcome is Outcome.ACCEPTED


async def test_a_mark_that_fails_leaves_no_message(server: SubmissionServer, line: Line) -> None:
    """An error of the mark breaks the dialogue off, also when it comes at the 354."""
    asked = asyncio.Event()
    server.at(Step.CONTENT, Call(asked.set))
    with pytest.raises(RuntimeError, match="disk"):
        await line.submit(marking=Marking(error=RuntimeError("disk"), gate=asked))
    await until(lambda: server.connections_now == 0)
    assert server.messages == []
