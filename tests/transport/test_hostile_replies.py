"""A server that says what no server should: garbage, too much, or the same thing twice."""

import pytest

from gatepost.testing import Delay, Drip, Endless, Extra, Say, Step, SubmissionServer
from gatepost.transport.reply import Outcome, Phase
from tests.transport.submitting import LARGE_BYTES, Line, an_envelope


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"999 what\r\n",
        b"25\r\n",
        b"\xff\xfe\x00\x01\r\n",
        b"\r\n",
        b"2 0 ok\r\n",
        b"-10 ok\r\n",
    ],
)
@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Step.CONNECT, Outcome.UNREACHABLE),
        (Step.EHLO, Outcome.UNREACHABLE),
        (Step.MAIL, Outcome.TRANSIENT),
        (Step.RCPT, Outcome.TRANSIENT),
        (Step.DATA, Outcome.TRANSIENT),
        (Step.DOT, Outcome.TRANSIENT),
    ],
)
async def test_an_unparsable_reply_counts_as_451(
    server: SubmissionServer, line: Line, step: Step, outcome: Outcome, said: bytes
) -> None:
    """Garbage never accepts and never fails a message, has no code, and costs the connection."""
    server.at(step, Say(said))
    reply = await line.submit()
    assert (reply.outcome, reply.code) == (outcome, None)
    assert (server.messages, line.transport.open_connections) == ([], 0)


@pytest.mark.parametrize("step", [Step.CONNECT, Step.EHLO, Step.MAIL, Step.DATA, Step.DOT])
@pytest.mark.parametrize("chunk", [b"250-" + b"x" * 996 + b"\r\n", b"x" * 1000])
async def test_a_reply_without_end_is_cut_off(server: SubmissionServer, line: Line, step: Step, chunk: bytes) -> None:
    """Endless continuation lines and an endless line end the attempt, with a short text."""
    server.at(step, Endless(chunk))
    reply = await line.submit()
    assert reply.outcome in (Outcome.UNREACHABLE, Outcome.TRANSIENT)
    assert not reply.timed_out
    assert len(reply.text) <= 500
    assert line.transport.open_connections == 0


async def test_a_long_text_is_clipped_and_cleaned(server: SubmissionServer, line: Line) -> None:
    """Escape sequences, text that runs backwards and undecodable bytes do not reach a log."""
    server.at(Step.RCPT, Say(b"550 5.1.1 \x1b[31m\x07gone\xe2\x80\xae\xff " + b"y" * 2000 + b"\r\n"))
    reply = await line.submit()
    assert (reply.code, reply.enhanced_status, len(reply.text)) == (550, "5.1.1", 500)
    assert reply.text.startswith("5.1.1 [31m gone yyy")


@pytest.mark.parametrize("step", [Step.EHLO, Step.MAIL, Step.RCPT, Step.DATA])
async def test_a_second_reply_never_stands_for_the_next_command(
    server: SubmissionServer, line: Line, step: Step
) -> None:
    """A server that says 250 in advance and refuses in the end is not believed: the connection is dropped."""
    server.at(step, Extra(b"354 go\r\n250 accepted\r\n250 accepted\r\n"))
    server.at(Step.DOT, Say(b"554 5.7.1 refused\r\n"))
    reply = await line.submit()
    assert reply.outcome in (Outcome.TRANSIENT, Outcome.UNREACHABLE)
    # Sent ahead, the extra 354 stands where the reply to RCPT belongs: no such reply, and no way back either.
    assert "nobody asked for" in reply.text or reply.code == 354
    assert (server.messages, line.transport.open_connections) == ([], 0)


async def test_two_final_replies_are_unknown(server: SubmissionServer, line: Line) -> None:
    """Accepted and refused in one breath: nobody can say which it is."""
    server.at(Step.TAKEN, Extra(b"554 5.7.1 refused\r\n"))
    reply = await line.submit()
    assert (reply.outcome, line.transport.open_connections) == (Outcome.UNKNOWN, 0)


async def test_a_farewell_behind_the_acceptance_is_no_doubt(server: SubmissionServer, line: Line) -> None:
    """250 followed by 421 is an acceptance by a server that ends the session; the next message takes another one."""
    server.at(Step.TAKEN, Extra(b"421 4.3.2 Enough for now\r\n"), times=1)
    assert (await line.submit(an_envelope(1))).outcome is Outcome.ACCEPTED
    assert (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
    assert server.connections_total == 2


async def test_a_reply_in_the_middle_of_the_content_ends_the_attempt(server: SubmissionServer, line: Line) -> None:
    """A server that refuses before the final dot, and reads no further, is not written to until the deadline."""
    server.at(Step.CONTENT, Delay(0.1))
    server.at(Step.CONTENT, Drip(b"552 5.3.4 Too big\r\n", 0.05))
    reply = await line.submit(an_envelope(size=LARGE_BYTES))
    assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.TRANSIENT, Phase.CONTENT, False)
    assert "552 5.3.4 Too big" in reply.text


async def test_a_421_out_of_turn_is_the_servers_matter(server: SubmissionServer, line: Line) -> None:
    """421 in the middle of the content says that the server closes, nothing about the message."""
    server.at(Step.CONTENT, Say(b"421 4.3.2 Shutting down\r\n"))
    reply = await line.submit(an_envelope(size=LARGE_BYTES))
    assert (reply.outcome, reply.code) == (Outcome.UNREACHABLE, 421)
