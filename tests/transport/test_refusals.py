"""A server that says no, at each step of the dialogue."""

import pytest

from gatepost.testing import Refuse, Step, SubmissionServer
from gatepost.transport.reply import Outcome, Phase
from gatepost.transport.smtp import Client
from tests.transport.submitting import Line, Marking, an_envelope, opened, server_at

MESSAGE_STEPS = [
    (Step.MAIL, Phase.MAIL),
    (Step.RCPT, Phase.RCPT),
    (Step.DATA, Phase.DATA),
    (Step.DOT, Phase.FINAL_REPLY),
]


@pytest.mark.parametrize(("step", "phase"), MESSAGE_STEPS)
@pytest.mark.parametrize(
    ("said", "outcome", "code", "status"),
    [
        ("451 4.7.1 Greylisted", Outcome.TRANSIENT, 451, "4.7.1"),
        ("452 Too many", Outcome.TRANSIENT, 452, None),
        ("550 5.1.1 No such user", Outcome.PERMANENT, 550, "5.1.1"),
        ("554 5.7.1 Spam", Outcome.PERMANENT, 554, "5.7.1"),
    ],
)
async def test_a_refusal_is_told_with_its_step(
    server: SubmissionServer, line: Line, step: Step, phase: Phase, said: str, outcome: Outcome, code: int, status: str
) -> None:
    """4yz is transient and 5yz permanent, whichever command of the message it answers; nothing is accepted."""
    server.at(step, Refuse(said))
    reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.code, reply.enhanced_status) == (outcome, phase, code, status)
    assert reply.text == said[4:]
    assert server.messages == []
    assert line.marking.calls == line.marking.ended == 1


@pytest.mark.parametrize("step", [Step.MAIL, Step.RCPT, Step.DATA, Step.DOT])
async def test_the_connection_serves_on_after_a_refusal(server: SubmissionServer, line: Line, step: Step) -> None:
    """A refused message costs no connection: the next one goes over the same."""
    server.at(step, Refuse("550 5.1.1 No such user"), times=1)
    await line.submit(an_envelope(1))
    reply = await line.submit(an_envelope(2))
    assert (reply.outcome, server.connections_total) == (Outcome.ACCEPTED, 1)
    assert [message.message_id for message in server.messages] == ["<2@example.org>"]


@pytest.mark.parametrize(
    ("step", "phase"), [(Step.CONNECT, Phase.GREETING), (Step.EHLO, Phase.GREETING), *MESSAGE_STEPS[:3]]
)
async def test_421_says_nothing_about_the_message(
    server: SubmissionServer, line: Line, step: Step, phase: Phase
) -> None:
    """421 anywhere before the final dot means the server, not the message."""
    server.at(step, Refuse("421 4.3.2 Closing"))
    reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.UNREACHABLE, phase, 421)
    assert line.transport.open_connections == 0


async def test_421_after_the_final_dot_means_try_again(server: SubmissionServer, line: Line) -> None:
    """As the final reply, 421 says that the message was not taken."""
    server.at(Step.DOT, Refuse("421 4.3.2 Closing"))
    assert (await line.submit()).outcome is Outcome.TRANSIENT


@pytest.mark.parametrize("said", ["535 5.7.8 Wrong credentials", "530 5.7.0 Authentication required"])
async def test_credentials_asked_for_at_mail_are_the_servers_matter(
    server: SubmissionServer, line: Line, said: str
) -> None:
    """530 and 535 never fail a message, also when they come late."""
    server.at(Step.MAIL, Refuse(said))
    assert (await line.submit()).outcome is Outcome.UNREACHABLE


async def test_a_recipient_is_refused_alone(server: SubmissionServer, line: Line) -> None:
    """One recipient's refusal says nothing about another's message."""
    server.at(Step.RCPT, Refuse("550 5.1.1 No such user"), recipient="*@gone.example")
    gone = await line.submit(an_envelope(1, recipient="ann@gone.example"))
    here = await line.submit(an_envelope(2, recipient="ann@here.example"))
    assert (gone.outcome, here.outcome) == (Outcome.PERMANENT, Outcome.ACCEPTED)


async def test_the_mark_is_waited_for_also_when_the_recipient_is_refused(server: SubmissionServer, line: Line) -> None:
    """A refusal is returned only after `committing` has ended, so that the caller knows the message's state."""
    server.at(Step.RCPT, Refuse("550 5.1.1 No such user"))
    marking = Marking(answer=False)
    reply = await line.submit(marking=marking)
    assert (reply.outcome, marking.ended) == (Outcome.PERMANENT, 1)


async def test_wrong_credentials_are_the_servers_matter(client: Client) -> None:
    """AUTH refused: unreachable at AUTH, nothing of the message said, the password nowhere in the text."""
    async with SubmissionServer(credentials=("ann", "right")) as server:
        server.at(Step.AUTH, Refuse("535 5.7.8 no: AGFubgByaWdodA== right"))
        async with opened(server_at(server, username="ann", password="right"), client=client) as line:
            reply = await line.submit()
    assert (reply.outcome, reply.phase, reply.code) == (Outcome.UNREACHABLE, Phase.AUTH, 535)
    assert reply.text == "5.7.8 no: … …"
    assert (server.mail_commands, line.marking.calls) == ([], 0)


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
async def test_both_mechanisms_authenticate(client: Client, mechanisms: str) -> None:
    """PLAIN is preferred, LOGIN works where it is all there is."""
    async with (
        SubmissionServer(credentials=("ann", "pass word é"), mechanisms=mechanisms) as server,
        opened(server_at(server, username="ann", password="pass word é"), client=client) as line,
    ):
        reply = await line.submit()
    assert reply.outcome is Outcome.ACCEPTED


async def test_no_common_mechanism_is_named(client: Client) -> None:
    """A server that offers no mechanism of ours is unreachable, and the text says which it offers."""
    async with (
        SubmissionServer(credentials=("ann", "x"), mechanisms="GSSAPI") as server,
        opened(server_at(server, username="ann", password="x"), client=client) as line,
    ):
        reply = await line.submit()
    assert (reply.outcome, reply.phase) == (Outcome.UNREACHABLE, Phase.AUTH)
    assert "gssapi" in reply.text


async def test_a_message_too_large_is_not_offered(client: Client) -> None:
    """A server whose SIZE is smaller than the message is never sent DATA, and the message is not marked."""
    async with SubmissionServer(max_bytes=1000) as server, opened(server, client=client) as line:
        reply = await line.submit(an_envelope(size=2000))
        assert (reply.outcome, reply.phase, line.marking.calls) == (Outcome.PERMANENT, Phase.MAIL, 0)
        assert "SIZE" in reply.text
        assert server.mail_commands == []
        assert (await line.submit()).outcome is Outcome.ACCEPTED
        assert server.connections_total == 1


async def test_an_address_only_smtputf8_can_carry_is_refused_where_it_is_missing(client: Client) -> None:
    """Without SMTPUTF8 an address with non-ASCII characters before the @ fails with a reason, and does not crash."""
    async with SubmissionServer(extensions=(b"8BITMIME",)) as server, opened(server, client=client) as line:
        reply = await line.submit(an_envelope(recipient="jürgen@example.com"))
    assert (reply.outcome, server.mail_commands) == (Outcome.PERMANENT, [])
    assert "SMTPUTF8" in reply.text


async def test_an_address_of_smtputf8_is_announced(server: SubmissionServer, line: Line) -> None:
    """With SMTPUTF8 the address goes out as it is."""
    reply = await line.submit(an_envelope(recipient="jürgen@example.com"))
    assert (reply.outcome, server.messages[0].recipient) == (Outcome.ACCEPTED, "jürgen@example.com")
    assert server.mail_commands[0].split(b" ", 1)[1].endswith(b"BODY=8BITMIME SMTPUTF8")


@pytest.mark.parametrize("recipient", ["", "a@b> SIZE=0", "a@b\r\nDATA", "a b@c", "<a@b>", "a@b\0"])
async def test_an_address_that_would_end_its_command_is_never_written(
    server: SubmissionServer, line: Line, recipient: str
) -> None:
    """An address with a space, a bracket or a control character fails before anything is written."""
    reply = await line.submit(an_envelope(recipient=recipient))
    assert (reply.outcome, line.marking.calls, server.connections_total) == (Outcome.PERMANENT, 0, 0)
