"""TLS: nothing of a message, and no password, before the server has proved who it is."""

import asyncio
import ssl
from pathlib import Path

import pytest

from gatepost.errors import SettingsError
from gatepost.testing import Hang, Say, Step, SubmissionServer
from gatepost.transport.aiosmtplib_line import AiosmtplibLine
from gatepost.transport.line import Line
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.support.certificates import Authority, self_signed
from tests.transport.submitting import QUICK, an_envelope, opened, server_at, until_usable

HERE = "IP:127.0.0.1"
ANN = ("ann", "secret")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_s65_a_proved_server_gets_password_and_message(client: Client, authority: Authority, tls: str) -> None:
    """With a certificate for the host from a known authority, AUTH and messages go over TLS."""
    async with (
        SubmissionServer(ssl_context=authority.serving(HERE), tls=tls, credentials=ANN) as server,
        opened(_login(server, tls), ssl_context=authority.trusting(), client=client) as line,
    ):
        replies = [await line.submit(an_envelope(number, size=200_000)) for number in range(3)]
    assert {reply.outcome for reply in replies} == {Outcome.ACCEPTED}
    assert [message.content for message in server.messages] == [an_envelope(n, size=200_000).content for n in range(3)]
    assert (server.connections_total, server.auth_commands) == (1, 1)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("certificate", ["another host", "self-signed", "expired", "unknown authority"])
async def test_s65_a_server_that_cannot_prove_itself_gets_nothing(
    client: Client, authority: Authority, tmp_path: Path, tls: str, certificate: str
) -> None:
    """A certificate that is not for this host, not signed, or not valid now: no AUTH, no MAIL, unreachable."""
    contexts = {
        "another host": lambda: authority.serving("DNS:elsewhere.example"),
        "self-signed": lambda: self_signed(tmp_path, HERE),
        "expired": lambda: authority.serving(HERE, expired=True),
        "unknown authority": lambda: authority.serving(HERE),
    }
    trusting = None if certificate == "unknown authority" else authority.trusting()
    async with (
        SubmissionServer(ssl_context=contexts[certificate](), tls=tls, credentials=ANN) as server,
        opened(_login(server, tls), ssl_context=trusting, client=client, intervals=QUICK) as line,
    ):
        reply = await line.submit(an_envelope(1))
        assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.TLS)
        assert reply.text.startswith("The server's certificate was refused")
        _nothing_was_sent(server)
        server.ssl_context = authority.serving(HERE)
        if trusting:
            await until_usable(line)
        proved = (await line.submit(an_envelope(2))).outcome is Outcome.ACCEPTED
        assert (proved, len(server.messages)) == ((True, 1) if trusting else (False, 0))


async def test_s65_a_server_without_starttls_gets_nothing(client: Client, authority: Authority) -> None:
    """STARTTLS taken out of the EHLO reply, AUTH left in: nothing is sent in the clear."""
    async with (
        SubmissionServer(credentials=ANN) as server,
        opened(_login(server, "starttls"), ssl_context=authority.trusting(), client=client) as line,
    ):
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.TLS)
    assert "STARTTLS" in reply.text
    _nothing_was_sent(server)


async def test_s65_starttls_refused_gets_nothing(client: Client, authority: Authority) -> None:
    """454 to STARTTLS ends it: no plain second try."""
    async with SubmissionServer(ssl_context=authority.serving(HERE), credentials=ANN) as server:
        server.at(Step.STARTTLS, Say(b"454 4.7.0 Not available\r\n"))
        async with opened(_login(server, "starttls"), ssl_context=authority.trusting(), client=client) as line:
            reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.UNREACHABLE, Phase.TLS, 454)
    _nothing_was_sent(server)


@pytest.mark.parametrize("goes_on", [False, True], ids=["and no handshake", "and the real handshake"])
async def test_s66_replies_injected_before_the_handshake_end_it(
    client: Client, authority: Authority, goes_on: bool
) -> None:
    """Bytes behind the 220 to STARTTLS came in the clear: they are never read as replies from inside TLS."""
    async with SubmissionServer(ssl_context=authority.serving(HERE), credentials=ANN) as server:
        server.at(Step.STARTTLS, Say(b"220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n", goes_on))
        async with opened(_login(server, "starttls"), ssl_context=authority.trusting(), client=client) as line:
            reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.TLS)
    _nothing_was_sent(server)


@pytest.mark.parametrize("kind", [Line, AiosmtplibLine])
async def test_s66_bytes_before_the_handshake_are_never_the_greeting(kind: type[Line]) -> None:
    """Where TLS comes first, plain bytes that arrive before it spoil the line instead of greeting it."""
    plain_first, tls_first = kind(Server("localhost", 587)), kind(Server("localhost", 465, tls="implicit"))
    for line in (plain_first, tls_first):
        line.connection_made(_Wire())
        line.data_received(b"220 hello\r\n")
    assert (plain_first.usable, tls_first.usable) == (True, False)


class _Wire(asyncio.Transport):
    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass


async def test_a_plain_server_is_not_greeted_under_implicit_tls(client: Client, authority: Authority) -> None:
    """A server that greets in the clear where TLS was expected gets no word."""
    async with SubmissionServer(ssl_context=authority.serving(HERE), credentials=ANN) as tls_server:
        tls_server.tls = "implicit"
        tls_server.at(Step.HANDSHAKE, Say(b"220 hello\r\n"))
        async with opened(_login(tls_server, "implicit"), ssl_context=authority.trusting(), client=client) as line:
            reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.TLS)
    _nothing_was_sent(tls_server)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_handshake_that_stalls_ends_at_the_deadline(client: Client, authority: Authority, tls: str) -> None:
    """A handshake nobody answers is left at the attempt's deadline."""
    async with SubmissionServer(ssl_context=authority.serving(HERE), tls=tls) as server:
        server.at(Step.HANDSHAKE, Hang())
        options = {"ssl_context": authority.trusting(), "attempt_timeout_s": 0.5}
        async with opened(server_at(server, tls=tls), **options, client=client) as line:
            reply = await line.submit()
            assert (reply.outcome, reply.phase, reply.timed_out) == (Outcome.UNREACHABLE, Phase.TLS, True)
            assert line.transport.open_connections == 0


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_s65_tls_older_than_1_2_is_refused(client: Client, authority: Authority) -> None:
    """A server that speaks TLS 1.1 at most is unreachable."""
    context = authority.serving(HERE)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with (
        SubmissionServer(ssl_context=context) as server,
        opened(server_at(server, tls="starttls"), ssl_context=authority.trusting(), client=client) as line,
    ):
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.TLS)


def test_a_context_that_does_not_verify_is_refused() -> None:
    """A context with checks turned off is refused when the transport is made, not when mail is sent."""
    careless = ssl.create_default_context()
    careless.check_hostname = False
    old = ssl.create_default_context()
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    for context in (careless, old):
        with pytest.raises(SettingsError, match="ssl_context"):
            asyncio.run(_made_with(context))


async def test_a_large_message_over_tls_breaks_before_the_final_dot(client: Client, authority: Authority) -> None:
    """Over TLS, too, a server that reads no further leaves the message in the content phase."""
    async with SubmissionServer(ssl_context=authority.serving(HERE)) as server:
        server.at(Step.CONTENT, Hang())
        options = {"ssl_context": authority.trusting(), "attempt_timeout_s": 1.0}
        async with opened(server_at(server, tls="starttls"), **options, client=client) as line:
            reply: Reply = await line.submit(an_envelope(size=16 * 1024 * 1024))
    assert (reply.outcome, reply.phase) == (Outcome.TRANSIENT, Phase.CONTENT)


def _login(server: SubmissionServer, tls: str) -> Server:
    return server_at(server, tls=tls, username=ANN[0], password=ANN[1])


async def _made_with(context: ssl.SSLContext) -> None:
    async with opened(server_at(SubmissionServer(port=25), tls="starttls"), ssl_context=context):
        pass


def _nothing_was_sent(server: SubmissionServer) -> None:
    assert (server.auth_commands, server.mail_commands, server.messages) == (0, [], [])
