"""Each step has a deadline of its own, long before the attempt's."""

import socket
from collections.abc import Iterator

import pytest

from gatepost.testing import Hang, Step, SubmissionServer
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.support.certificates import Authority
from tests.transport.submitting import LARGE_BYTES, an_envelope, opened, server_at

FAR_S = 3600.0  # the attempt's own deadline: whoever waits for it fails at `AT_ALL_S`
SHORT_S = 0.2


@pytest.mark.parametrize(
    ("step", "timeouts", "phase", "outcome"),
    [
        (Step.CONNECT, StepTimeouts(greeting_s=SHORT_S), Phase.GREETING, Outcome.UNREACHABLE),
        (Step.EHLO, StepTimeouts(greeting_s=SHORT_S), Phase.GREETING, Outcome.UNREACHABLE),
        (Step.AUTH, StepTimeouts(auth_s=SHORT_S), Phase.AUTH, Outcome.UNREACHABLE),
        (Step.MAIL, StepTimeouts(reply_s=SHORT_S), Phase.MAIL, Outcome.TRANSIENT),
        (Step.RCPT, StepTimeouts(reply_s=SHORT_S), Phase.RCPT, Outcome.TRANSIENT),
        (Step.DATA, StepTimeouts(reply_s=SHORT_S), Phase.DATA, Outcome.TRANSIENT),
        (Step.CONTENT, StepTimeouts(block_s=SHORT_S), Phase.CONTENT, Outcome.TRANSIENT),
    ],
)
async def test_a_step_that_hangs_ends_at_its_deadline(
    client: Client, step: Step, timeouts: StepTimeouts, phase: Phase, outcome: Outcome
) -> None:
    """The attempt ends with the step's name, as timed out, and the connection is gone."""
    async with SubmissionServer(credentials=("ann", "secret")) as server:
        server.at(step, Hang())
        login = server_at(server, username="ann", password="secret")
        async with opened(login, client=client, attempt_timeout_s=FAR_S, timeouts=timeouts) as line:
            reply = await line.submit(an_envelope(size=LARGE_BYTES))
            assert (reply.outcome, reply.phase, reply.timed_out) == (outcome, phase, True)
            assert (server.messages, line.transport.open_connections) == ([], 0)
        server.clear()


@pytest.mark.parametrize(("tls", "step"), [("implicit", Step.HANDSHAKE), ("starttls", Step.STARTTLS)])
async def test_a_handshake_that_hangs_ends_at_its_deadline(
    client: Client, authority: Authority, tls: str, step: Step
) -> None:
    """With STARTTLS the reply to the command is within it."""
    async with SubmissionServer(ssl_context=authority.serving("IP:127.0.0.1"), tls=tls) as server:
        server.at(step, Hang())
        options = {"ssl_context": authority.trusting(), "attempt_timeout_s": FAR_S}
        timeouts = StepTimeouts(tls_s=SHORT_S)
        async with opened(server_at(server, tls=tls), **options, client=client, timeouts=timeouts) as line:
            reply = await line.submit()
            assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNREACHABLE, Phase.TLS, True)


async def test_a_host_that_takes_no_connection_is_left(client: Client, silent_port: int) -> None:
    """A host whose packets vanish costs the connection's deadline, not the attempt's, and no mark."""
    server = Server("127.0.0.1", silent_port, tls="none")
    timeouts = StepTimeouts(connect_s=SHORT_S)
    async with opened(server, client=client, attempt_timeout_s=FAR_S, timeouts=timeouts) as line:
        reply = await line.submit()
        assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNREACHABLE, Phase.CONNECT, True)
        assert line.marking.calls == 0


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port whose queue of connections is full: Linux answers no further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()
