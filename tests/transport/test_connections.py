"""The kept connections: how many, how long, and what happens to dead ones."""

import asyncio

import pytest

from gatepost.errors import SettingsError
from gatepost.testing import Drop, Hang, Refuse, Step, SubmissionServer
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.line import CLOSE_TIMEOUT_S
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client, SmtpTransport
from tests.transport.submitting import Line, an_envelope, opened, server_at, until


async def test_a_hundred_submissions_share_the_allowed_connections(client: Client, server: SubmissionServer) -> None:
    """The server never sees more connections at once than allowed, and each message goes out once."""
    async with opened(server, connections=3, messages_per_connection=7, client=client) as line:
        replies = await asyncio.gather(*(line.submit(an_envelope(number)) for number in range(100)))
    assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}
    assert len({message.message_id for message in server.messages}) == len(server.messages) == 100
    assert server.connections_max == 3
    assert max(_messages_per_connection(server)) == 7


async def test_one_connection_carries_one_message_after_the_other(server: SubmissionServer, line: Line) -> None:
    """Messages that follow each other go over the same connection."""
    for number in range(5):
        await line.submit(an_envelope(number))
    assert (server.connections_total, line.transport.open_connections) == (1, 1)


async def test_an_idle_connection_is_ended(client: Client, server: SubmissionServer) -> None:
    """After its idle time a kept connection is gone on both sides; the next message opens another."""
    async with opened(server, idle_timeout_s=0.05, client=client) as line:
        await line.submit()
        await until(lambda: server.connections_now == 0)
        assert line.transport.open_connections == 0
        assert (await line.submit()).outcome is Outcome.ACCEPTED


async def test_a_connection_closed_while_idle_is_replaced(server: SubmissionServer, line: Line) -> None:
    """A server that restarted meanwhile costs no attempt."""
    await line.submit(an_envelope(1))
    await server.stop()
    await server.start()
    reply = await line.submit(an_envelope(2))
    assert (reply.outcome, line.marking.calls, server.connections_total) == (Outcome.ACCEPTED, 1, 2)


@pytest.mark.parametrize("behaviour", [Drop(), Refuse("421 4.3.2 Enough for now")])
async def test_a_connection_that_dies_at_mail_is_replaced(
    server: SubmissionServer, line: Line, behaviour: Drop | Refuse
) -> None:
    """A kept connection that ends at its next MAIL is replaced within the same submission, marked once."""
    await line.submit(an_envelope(1))
    server.at(Step.MAIL, behaviour, times=1)
    reply = await line.submit(an_envelope(2))
    assert (reply.outcome, line.marking.calls, server.connections_total) == (Outcome.ACCEPTED, 1, 2)


@pytest.mark.parametrize("said", ["421 4.4.2 Idle for too long", "250 2.0.0 By the way"])
async def test_a_connection_that_speaks_while_idle_is_replaced(server: SubmissionServer, line: Line, said: str) -> None:
    """A farewell costs the next message nothing, and neither do words that would pass for its first reply."""
    await line.submit(an_envelope(1))
    await server.interject(said)
    for _ in range(10):
        await asyncio.sleep(0)  # every turn it takes to arrive
    reply = await line.submit(an_envelope(2))
    assert (reply.outcome, line.marking.calls, server.connections_total) == (Outcome.ACCEPTED, 1, 2)


async def test_a_farewell_while_idle_does_not_delay_the_end(server: SubmissionServer, client: Client) -> None:
    """`close` does not wait for a server that has said goodbye already."""
    async with opened(server, client=client) as line:
        await line.submit(an_envelope(1))
        await server.interject("421 4.4.2 Idle for too long")
        for _ in range(10):
            await asyncio.sleep(0)
        started = asyncio.get_running_loop().time()
        await line.transport.close()
        assert asyncio.get_running_loop().time() - started < CLOSE_TIMEOUT_S


async def test_a_connection_that_dies_at_rset_is_replaced(server: SubmissionServer, line: Line) -> None:
    """The same after a refused message, when RSET is what finds the connection dead."""
    server.at(Step.RCPT, Refuse("550 5.1.1 No such user"), times=1)
    server.at(Step.RSET, Drop(), times=1)
    await line.submit(an_envelope(1))
    assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED


async def test_a_connection_that_went_silent_is_replaced(client: Client, server: SubmissionServer) -> None:
    """A kept connection whose other end vanished without a word costs a moment, not the whole attempt."""
    async with opened(server, timeouts=StepTimeouts(reused_reply_s=0.1), client=client) as line:
        await line.submit(an_envelope(1))
        server.at(Step.MAIL, Hang(), times=1)
        reply = await line.submit(an_envelope(2))
        assert (reply.outcome, line.marking.calls, server.connections_total) == (Outcome.ACCEPTED, 1, 2)


async def test_a_new_connection_that_dies_at_mail_is_not_replaced(server: SubmissionServer, line: Line) -> None:
    """Only a kept connection gets a second chance: a server that always drops is not asked in a loop."""
    server.at(Step.MAIL, Drop())
    assert (await line.submit()).outcome is Outcome.TRANSIENT
    assert server.connections_total == 1


async def test_waiting_for_a_connection_counts(client: Client, server: SubmissionServer) -> None:
    """A submission that gets no connection in time ends as unreachable, with no server named."""
    server.at(Step.DOT, Hang())
    async with opened(server, connections=1, attempt_timeout_s=0.5, final_reply_timeout_s=60, client=client) as line:
        first = asyncio.create_task(line.submit(an_envelope(1)))
        await until(lambda: line.progress.phase is Phase.FINAL_REPLY)
        reply = await line.submit(an_envelope(2))
        assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNREACHABLE, Phase.CONNECT, True)
        assert (reply.server, line.marking.calls) == (None, 0)
        server.clear()
        assert (await first).outcome is Outcome.ACCEPTED


async def test_closing_ends_every_connection(client: Client, server: SubmissionServer) -> None:
    """After `close` nothing is open, and a further submission says so."""
    async with opened(server, client=client) as line:
        await asyncio.gather(*(line.submit(an_envelope(number)) for number in range(8)))
        await line.transport.close()
        assert line.transport.open_connections == 0
        await until(lambda: server.connections_now == 0)
        assert (await line.submit()).outcome is Outcome.UNREACHABLE


async def test_closing_does_not_wait_for_a_silent_server(client: Client, server: SubmissionServer) -> None:
    """`close` with a submission hanging in the middle breaks it off."""
    server.at(Step.RCPT, Hang())
    async with opened(server, attempt_timeout_s=60, client=client) as line:
        task = asyncio.create_task(line.submit())
        await until(lambda: line.progress.phase is Phase.RCPT)
        async with asyncio.timeout(3):
            await line.transport.close()
            assert (await task).outcome is Outcome.TRANSIENT


async def test_the_next_server_is_asked_when_the_first_cannot_be_reached(
    client: Client, server: SubmissionServer
) -> None:
    """Servers are tried in order: refused, silent and unwelcoming ones are passed over."""
    async with SubmissionServer() as gone:
        pass
    async with SubmissionServer() as silent, SubmissionServer() as unwelcoming:
        silent.at(Step.CONNECT, Hang())
        unwelcoming.at(Step.CONNECT, Refuse("554 5.3.2 Not today"))
        async with opened(gone, silent, unwelcoming, server, attempt_timeout_s=2, client=client) as line:
            reply = await line.submit()
        assert (reply.outcome, reply.server) == (Outcome.ACCEPTED, f"127.0.0.1:{server.port}")


async def test_the_next_server_is_not_asked_once_a_dialogue_began(client: Client, server: SubmissionServer) -> None:
    """A refusal of the message is the answer: no other server is asked."""
    async with SubmissionServer() as second, opened(server, second, client=client) as line:
        server.at(Step.RCPT, Refuse("451 4.3.0 Later"))
        assert (await line.submit()).outcome is Outcome.TRANSIENT
        server.clear()
        server.at(Step.DATA, Drop())
        assert (await line.submit()).outcome is Outcome.TRANSIENT
        assert second.connections_total == 0


async def test_a_server_that_could_not_be_reached_is_asked_last_for_a_while(
    client: Client, server: SubmissionServer
) -> None:
    """Not every new connection waits for a dead first server again."""
    async with SubmissionServer() as first, opened(first, server, messages_per_connection=1, client=client) as line:
        first.at(Step.CONNECT, Refuse("421 4.3.2 Busy"))
        for number in range(5):
            assert (await line.submit(an_envelope(number))).outcome is Outcome.ACCEPTED
        assert (first.connections_total, server.connections_total) == (1, 5)


def test_bounds_and_servers_are_checked() -> None:
    """No server, a bound of nothing, and a password in the clear to another machine are refused at once."""
    bounds = {"connections": 1, "attempt_timeout_s": 1.0, "final_reply_timeout_s": 1.0}
    with pytest.raises(SettingsError, match="no server"):
        SmtpTransport([], **bounds)
    with pytest.raises(SettingsError, match="greater than 0"):
        SmtpTransport([Server("localhost", 25, tls="none")], **{**bounds, "connections": 0})
    with pytest.raises(SettingsError, match="unencrypted"):
        Server("mail.example.com", 25, "ann", "secret", tls="none")
    assert "secret" not in repr(Server("mail.example.com", 25, "ann", "secret"))
    assert server_at(SubmissionServer(port=25, host="::1")).name == "[::1]:25"


def _messages_per_connection(server: SubmissionServer) -> list[int]:
    numbers = [message.connection for message in server.messages]
    return [numbers.count(number) for number in set(numbers)]
