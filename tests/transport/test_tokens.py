"""AUTH XOAUTH2: an access token where a password would be, given or read from a file."""

import base64
from pathlib import Path

import pytest

from gatepost.testing import Drop, Refuse, Step, SubmissionServer
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.support.certificates import Authority
from tests.transport.submitting import QUICK, an_envelope, opened, server_at, until_usable

TOKEN = "ya29." + "T" * 3000 + "~-_/+="  # as long as Microsoft's
USER = "no-reply@acme.example"


def a_server(**options: object) -> SubmissionServer:
    """One that takes the token from the user, and nothing else."""
    return SubmissionServer(**{"credentials": (USER, TOKEN), "mechanisms": "PLAIN LOGIN XOAUTH2", **options})  # type: ignore[arg-type]


def with_token(server: SubmissionServer, token: str | None = TOKEN, **changes: object) -> Server:
    """How to reach it with a token."""
    return server_at(server, username=USER, password=token, mechanism="xoauth2", **changes)


async def test_a_token_authenticates(client: Client, authority: Authority) -> None:
    """Over STARTTLS, with a long token, though PLAIN is offered as well."""
    async with (
        a_server(ssl_context=authority.serving("IP:127.0.0.1")) as server,
        opened(with_token(server, tls="starttls"), ssl_context=authority.trusting(), client=client) as line,
    ):
        assert (await line.submit()).outcome is Outcome.ACCEPTED
        assert server.auth_commands == 1


async def test_a_token_file_is_read_for_each_connection(client: Client, tmp_path: Path) -> None:
    """A token that went stale is the server's matter; once the file holds a good one, mail goes out."""
    file = tmp_path / "token"
    file.write_text("stale\n")
    async with (
        a_server() as server,
        opened(
            with_token(server, None, token_file=file), messages_per_connection=1, client=client, intervals=QUICK
        ) as line,
    ):
        reply = await line.submit(an_envelope(1))
        assert (reply.outcome, reply.phase, reply.code) == (Outcome.UNREACHABLE, Phase.AUTH, 535)
        assert '"status":"401"' in reply.text
        assert line.marking.calls == 0
        file.write_text(TOKEN + "\n")
        await until_usable(line)
        assert [(await line.submit(an_envelope(number))).outcome for number in (2, 3)] == [Outcome.ACCEPTED] * 2
        assert server.connections_total == 3
        file.unlink()
        assert (await line.submit(an_envelope(4))).outcome is Outcome.UNREACHABLE


@pytest.mark.parametrize("held", [None, b"", b" \n", b"\xff\xfe"])
async def test_a_token_that_cannot_be_had_is_named_and_nothing_is_sent(
    client: Client, tmp_path: Path, held: bytes | None
) -> None:
    """A file that is missing, empty or no text: unreachable at AUTH, with its path, and no AUTH command."""
    file = tmp_path / "token"
    if held is not None:
        file.write_bytes(held)
    async with a_server() as server, opened(with_token(server, None, token_file=file), client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase, server.auth_commands) == (Outcome.UNREACHABLE, Phase.AUTH, 0)
    assert str(file) in reply.text


async def test_a_token_is_never_sent_as_a_password(client: Client) -> None:
    """Where XOAUTH2 is not offered, PLAIN is no way out."""
    async with a_server(mechanisms="PLAIN LOGIN") as server, opened(with_token(server), client=client) as line:
        reply = await line.submit()
    assert (reply.outcome, reply.phase, server.auth_commands) == (Outcome.UNREACHABLE, Phase.AUTH, 0)
    assert "XOAUTH2" in reply.text


async def test_a_password_is_never_sent_as_a_token(client: Client) -> None:
    """Where only XOAUTH2 is offered, a password stays here."""
    async with (
        a_server(mechanisms="XOAUTH2") as server,
        opened(server_at(server, username=USER, password=TOKEN), client=client) as line,
    ):
        reply = await line.submit()
    assert (reply.outcome, reply.phase, server.auth_commands) == (Outcome.UNREACHABLE, Phase.AUTH, 0)


async def test_a_refusal_that_repeats_the_token_is_cleaned(client: Client) -> None:
    """Neither the token nor the command that held it gets into a log."""
    command = base64.b64encode(f"user={USER}\1auth=Bearer short\1\1".encode()).decode()
    async with (
        a_server(credentials=(USER, "short")) as server,
        opened(with_token(server, "short"), client=client) as line,
    ):
        server.at(Step.AUTH, Refuse(f"535 5.7.8 no: {command} short"))
        reply = await line.submit()
    assert (reply.outcome, reply.text) == (Outcome.UNREACHABLE, "5.7.8 no: … …")


async def test_a_server_that_ends_after_its_challenge_has_refused(client: Client) -> None:
    """The challenge says what is wrong; without the 535 behind it the reason is still told."""
    async with a_server() as server, opened(with_token(server, "stale"), client=client) as line:
        server.at(Step.AUTH_REFUSED, Drop())
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.AUTH)
    assert '"status":"401"' in reply.text
