"""The test server itself: it must be right where it is not told to be wrong."""

import asyncio
import base64
import signal
import smtplib
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gatepost.testing import Hang, Refuse, Split, Step, SubmissionServer
from tests.support.certificates import Authority
from tests.transport.submitting import until


async def test_commands_may_come_in_one_packet(server: SubmissionServer) -> None:
    """Pipelined commands, content and further commands in one write are answered one by one, in order."""
    async with _connected(server) as (reader, writer):
        writer.write(
            b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nMessage-ID: <1@x>\r\n\r\n..hi\r\n.\r\n"
            b"RSET\r\nNOOP\r\nQUIT\r\n"
        )
        replies = (await asyncio.wait_for(reader.read(), 5)).decode().splitlines()
    assert [line[:3] for line in replies if line[3] == " "] == [
        "220",
        "250",
        "250",
        "250",
        "354",
        "250",
        "250",
        "250",
        "221",
    ]
    assert [(message.message_id, message.content) for message in server.messages] == [
        ("<1@x>", b"Message-ID: <1@x>\r\n\r\n.hi\r\n")
    ]


async def test_bytes_may_come_one_by_one(server: SubmissionServer) -> None:
    """However the bytes are cut into packets, the message is the same."""
    async with _connected(server) as (reader, writer):
        for byte in b"HELO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhi\r\n.\r\n.\r\nQUIT\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        await asyncio.wait_for(reader.read(), 5)
    assert [message.content for message in server.messages] == [b"hi\r\n"]


async def test_commands_out_of_order_are_refused(server: SubmissionServer) -> None:
    """RCPT before MAIL, DATA before RCPT, MAIL twice and words it does not know get a 5yz."""
    async with _connected(server) as (reader, writer):
        writer.write(b"RCPT TO:<a@b.c>\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nWHAT\r\nQUIT\r\n")
        replies = (await asyncio.wait_for(reader.read(), 5)).decode().splitlines()
    assert [line[:3] for line in replies] == ["220", "503", "250", "503", "503", "500", "221"]


async def test_counts_connections_and_waits_for_messages(server: SubmissionServer) -> None:
    """`wait_for` ends with the messages, or says how many are missing."""
    async with _connected(server), _connected(server):
        await until(lambda: server.connections_now == 2)
    await until(lambda: server.connections_now == 0)
    assert (server.connections_max, server.connections_total) == (2, 2)
    with pytest.raises(TimeoutError, match="0 of 1"):
        await server.wait_for(1, 0.01)


def test_runs_on_a_thread_for_those_without_a_loop() -> None:
    """`in_thread` serves blocking clients, and everything can be told and asked from outside."""
    with SubmissionServer.in_thread() as server:
        server.at(Step.RCPT, Refuse("550 5.1.1 No"), recipient="gone@*")
        with smtplib.SMTP(server.host, server.port, timeout=5) as client:
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("a@b.c", "gone@e.f", b"Subject: no")
            client.sendmail("a@b.c", "d@e.f", b"Message-ID: <1@x>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhi")
        message = server.wait_for_blocking(1, 5)[0]
        server.at(Step.CONNECT, Hang())
    assert (message.recipient, message.subject, message.connection) == ("d@e.f", "Grüße", 1)


def test_a_taken_port_is_told() -> None:
    """A server on a thread that cannot start says so in the caller's thread."""
    with (
        SubmissionServer.in_thread() as first,
        pytest.raises(RuntimeError, match="did not start"),
        SubmissionServer.in_thread(port=first.port),
    ):
        pass


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_speaks_tls_and_auth_with_the_standard_library(authority: Authority, tls: str) -> None:
    """An independent client gets through STARTTLS, implicit TLS and AUTH."""
    context = authority.trusting()
    with SubmissionServer.in_thread(
        ssl_context=authority.serving("IP:127.0.0.1"), tls=tls, credentials=("ann", "secret")
    ) as server:
        if tls == "implicit":
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=5, context=context)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=5)
            client.starttls(context=context)
        with client:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("ann", "wrong")
            client.login("ann", "secret")
            client.sendmail("a@b.c", "d@e.f", b"Subject: x\r\n\r\nhi")
        assert len(server.wait_for_blocking(1, 5)) == 1


@pytest.mark.parametrize("extension", ["PIPELINING", "AUTH"])
def test_an_extension_can_be_taken_away(extension: str) -> None:
    """PIPELINING is offered unless told otherwise, AUTH where there are credentials."""
    with (
        SubmissionServer.in_thread(credentials=("ann", "secret")) as with_it,
        SubmissionServer.in_thread(pipelining=False) as without,
        smtplib.SMTP(with_it.host, with_it.port, timeout=5) as one,
        smtplib.SMTP(without.host, without.port, timeout=5) as other,
    ):
        one.ehlo()
        other.ehlo()
        assert (one.has_extn(extension), other.has_extn(extension)) == (True, False)


def test_a_token_is_taken_by_xoauth2_and_a_wrong_one_is_explained_first() -> None:
    """A good token is 235 at once; a bad one is a challenge that says why, and 535 after the empty answer to it."""
    with (
        SubmissionServer.in_thread(credentials=("ann", "token"), mechanisms="XOAUTH2") as server,
        smtplib.SMTP(server.host, server.port, timeout=5) as client,
    ):
        client.ehlo()
        challenge = client.docmd("AUTH", "XOAUTH2 " + _bearer("ann", "stale"))
        assert (challenge[0], b"401" in base64.b64decode(challenge[1])) == (334, True)
        assert client.docmd("")[0] == 535
        assert client.docmd("AUTH", "XOAUTH2")[0] == 334
        assert client.docmd(_bearer("ann", "token"))[0] == 235


async def test_a_careless_server_asks_for_content_without_a_recipient() -> None:
    """Told to take commands in any order, it refuses the content instead, and shows what it was given."""
    async with SubmissionServer(orderly=False) as server:
        server.at(Step.RCPT, Refuse("550 5.1.1 No"))
        async with _connected(server) as (reader, writer):
            writer.write(
                b"EHLO x\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhi\r\n.\r\nDATA\r\n.\r\nQUIT\r\n"
            )
            replies = (await asyncio.wait_for(reader.read(), 5)).decode().splitlines()
    codes = [line[:3] for line in replies if line[3] == " "]
    assert codes == ["220", "250", "250", "250", "550", "354", "554", "354", "554", "221"]
    assert (server.refused, server.messages) == ([b"hi\r\n", b""], [])


async def test_a_reply_may_be_split_into_bytes(server: SubmissionServer) -> None:
    """Split changes the packets of a reply, not its bytes."""
    server.at(Step.CONNECT, Split())
    async with _connected(server) as (reader, _):
        first = await asyncio.wait_for(reader.read(1000), 5)
        rest = await asyncio.wait_for(reader.readuntil(b"\r\n"), 5)
    assert len(first) < len(rest)
    assert first + rest == b"220 localhost ESMTP\r\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_a_line_for_each_message_and_stops_cleanly(number: signal.Signals) -> None:
    """`python -m gatepost.testing` prints where it listens, one line for each message, and ends with exit code 0."""
    command = [sys.executable, "-m", "gatepost.testing", "--port", "0", "--delay-s", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(",")[0].rpartition(":")[2])
        with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
            client.sendmail("a@b.c", "d@e.f", b"Message-ID: <1@x>\r\nSubject: Hi there\r\n\r\nhi")
        line = process.stdout.readline()
        process.send_signal(number)
        assert process.wait(10) == 0
    assert "recipient=d@e.f" in line
    assert "'Hi there'" in line
    assert "<1@x>" in line


def _bearer(user: str, token: str) -> str:
    return base64.b64encode(f"user={user}\1auth=Bearer {token}\1\1".encode()).decode()


@asynccontextmanager
async def _connected(server: SubmissionServer) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
