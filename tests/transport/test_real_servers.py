"""Postfix and Exim as Debian ships them take a thousand messages each: none lost, none twice, bytes as composed."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import replace

import pytest

from gatepost.clock import SystemClock
from gatepost.database.connection import Database
from gatepost.events import MessageAccepted
from gatepost.mail.compose import Composer
from gatepost.mail.templates import Templates
from gatepost.transport.deadlines import StepTimeouts
from gatepost.transport.reply import Outcome, Phase, Reply
from gatepost.transport.server import Server, Tls
from gatepost.transport.smtp import Client, SmtpTransport
from gatepost.transport.transport import Envelope, Progress
from tests.support.certificates import Authority
from tests.support.delivery import Delivery
from tests.support.exim import PASSWORD, USERNAME, exim
from tests.support.mail_server import HOST, Certificate, MailServer
from tests.support.postfix import postfix
from tests.support.signing import KINDS, pair

MESSAGES = 1_000
CONNECTIONS = 16
ALL_DONE_S = 60.0
SEED = 20_261_123

SOFTWARE: dict[str, Callable[[Certificate], AbstractContextManager[MailServer]]] = {"Postfix": postfix, "Exim": exim}

# What they put above a message. The first two, in their spellings, say the envelope.
_ADDED = re.compile(
    rb"((?:Return-path|Envelope-to|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)", re.IGNORECASE
)
_ENVELOPE = re.compile(
    rb"^Return-path: <(?P<return_path>[^>]*)>$.*?^(?:Envelope-to|X-Original-To): (?P<recipient>.*?)$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)

# What a line may be to be taken for something else on its way.
_LINES = (
    *(b".", b"..", b". ", b".x", b"...", b"=2E", b"", b" ", b"\t", b"--", b"From nobody", b">From nobody", b"QUIT"),
    *(b"DATA", b"RSET", b"MAIL FROM:<evil@evil.example>", b"RCPT TO:<evil@evil.example>", b"x" * 998),
    *(b"Received: from evil.example", b"Return-Path: <evil@evil.example>", b"Bcc: evil@evil.example", b"." * 997),
)
_COMPOSER = Composer(
    Templates(),
    sender="Café <hello@gatepost.example>",
    product_name="Café",
    public_url="https://gatepost.example",
    reset_url="https://gatepost.example/forgotten",
)


@pytest.fixture(scope="module", params=SOFTWARE)
def running_server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[MailServer]:
    """Each software once for all tests here, with STARTTLS on offer."""
    with SOFTWARE[request.param](Certificate(*authority.files(f"IP:{HOST}"))) as server:
        yield server


@pytest.fixture
def server(running_server: MailServer) -> MailServer:
    """The same, with an empty mailbox."""
    running_server.delivered()
    running_server.empty()
    return running_server


@pytest.fixture(scope="module")
def own_exim(authority: Authority) -> Iterator[MailServer]:
    """An Exim for what Postfix cannot tell or be asked here."""
    with exim(Certificate(*authority.files(f"IP:{HOST}"))) as server:
        yield server


def composed(number: int) -> Envelope:
    """What goes out in real life: our templates, in both languages, for all sorts of names and addresses."""
    template = ("verification", "password_reset", "welcome", "account_exists")[number % 4]
    message = _COMPOSER.compose(
        template=template,
        locale=("en", "zh-CN")[number // 4 % 2],
        recipient=f"{('ada', 'jörg', '.'.join('o' * 9))[number % 3]}.{number}@example.com",
        message_id=f"<{number}@gatepost.example>",
        values={"name": ("Ada", "李小龙", "", "J. R. R. Tolkien" * 9)[number % 4], **_link(template, number)},
        now_ms=1_795_435_200_000 + number,
    )
    return Envelope(message.return_path, message.recipient, message.content)


def _link(template: str, number: int) -> dict[str, str]:
    return {"link": f"https://gatepost.example/verify?token={number:043}"} if template != "account_exists" else {}


def awkward(number: int) -> Envelope:
    """What no template makes: of all sizes up to 32 KB, of lines that look like an end of data or a command."""
    chance = random.Random(SEED + number)
    lines = [chance.choice(_LINES) for _ in range(chance.randrange(200))]
    head = f"Date: Mon, 23 Nov 2026 05:00:00 +0000\r\nFrom: <a@b.example>\r\nMessage-ID: <{number}@b.example>\r\n\r\n"
    body = b"".join(line + b"\r\n" for line in lines)
    return Envelope("", f"anybody-{number}@example.com", head.encode() + body)


def thousand() -> list[Envelope]:
    """Half of each, mixed."""
    return [(composed, awkward)[number % 2](number // 2 + number % 2 * MESSAGES) for number in range(MESSAGES)]


@asynccontextmanager
async def transport_to(
    server: MailServer, client: Client, authority: Authority | None = None, password: str | None = None
) -> AsyncIterator[SmtpTransport]:
    """As many connections as the worker has slots; over TLS when there is an authority to trust."""
    username = USERNAME if password else None
    tls: Tls = "starttls" if authority else "none"
    transport = SmtpTransport(
        [Server(HOST, server.port, username, password, tls)],
        connections=CONNECTIONS,
        attempt_timeout_s=ALL_DONE_S,
        final_reply_timeout_s=ALL_DONE_S,
        # On a busy machine a server may take seconds for a reply; a connection given up for that is not what is asked.
        timeouts=StepTimeouts(reused_reply_s=ALL_DONE_S, rest_s=ALL_DONE_S),
        ssl_context=authority.trusting() if authority else None,
        client=client,
    )
    try:
        yield transport
    finally:
        await transport.close()


async def submit_all(transport: SmtpTransport, envelopes: Sequence[Envelope]) -> list[Reply]:
    """All at once: the transport knows how many it takes."""

    async def committing() -> bool:
        return True

    return await asyncio.gather(*(transport.submit(one, Progress(), committing) for one in envelopes))


def as_kept(envelope: Envelope) -> tuple[str, str, bytes]:
    """A message as it lies in a maildir: who it was from and for, and its bytes, with the line ends of files."""
    return envelope.return_path, envelope.recipient, envelope.content.replace(b"\r\n", b"\n")


def as_read(file: bytes) -> tuple[str, str, bytes]:
    """The same from a file of the maildir, without the header fields that the server put on top."""
    end = 0
    while (added := _ADDED.match(file, end)) is not None:
        end = added.end()
    said = _ENVELOPE.search(file[:end])
    assert said is not None, file[:end]
    return said["return_path"].decode(), said["recipient"].decode(), file[end:]


def assert_the_same(envelopes: Sequence[Envelope], files: Sequence[bytes]) -> None:
    """None lost, none twice, none from elsewhere, and every byte as it was."""
    submitted, found = Counter(map(as_kept, envelopes)), Counter(map(as_read, files))
    assert [] == list((submitted - found).elements())[:3], "lost or changed"
    assert [] == list((found - submitted).elements())[:3], "twice or changed"


async def test_a_thousand_messages_arrive_once_as_they_were(server: MailServer, client: Client) -> None:
    """1,000 messages over 16 connections: each is in the mailbox once, envelope and bytes as they were submitted."""
    envelopes = thousand()
    async with transport_to(server, client) as transport:
        replies = await submit_all(transport, envelopes)
    assert [] == [reply for reply in replies if reply.outcome is not Outcome.ACCEPTED][:3]
    assert_the_same(envelopes, server.delivered())


async def test_messages_arrive_over_tls(server: MailServer, client: Client, authority: Authority) -> None:
    """After STARTTLS with the server's own library, OpenSSL or GnuTLS, messages arrive as they were."""
    envelopes = thousand()[:64]
    async with transport_to(server, client, authority) as transport:
        replies = await submit_all(transport, envelopes)
    assert {Outcome.ACCEPTED} == {reply.outcome for reply in replies}
    assert_the_same(envelopes, server.delivered())


@pytest.mark.parametrize("kind", KINDS)
async def test_signatures_survive_what_a_server_adds(server: MailServer, kind: str) -> None:
    """The referee finds each message good as it lies in the mailbox, with the server's own fields above it."""
    signer = pair(kind).signer
    envelopes = [composed(number) for number in range(24)]
    signed = [replace(one, content=signer.sign(one.content, SystemClock().now_ms())) for one in envelopes]
    async with transport_to(server, "gatepost") as transport:
        await submit_all(transport, signed)
    found = [file.replace(b"\n", b"\r\n") for file in server.delivered()]
    assert [True] * len(signed) == [pair(kind).passes(file) for file in found]
    assert all(file.lower().startswith(b"return-path: ") for file in found)


async def test_a_refused_recipient_costs_the_others_nothing(server: MailServer, client: Client) -> None:
    """Refusals are told apart, also among pipelined commands, and the same 16 connections carry all messages."""
    who = ("ann@example.com", "refused@example.com", "bob@example.com", "later@example.com")
    envelopes = [replace(awkward(number), recipient=who[number % 4]) for number in range(8 * CONNECTIONS)]
    before = server.connections(1)
    async with transport_to(server, client) as transport:
        replies = await submit_all(transport, envelopes)
    refused, later = (Outcome.PERMANENT, Phase.RCPT, 5), (Outcome.TRANSIENT, Phase.RCPT, 4)
    accepted = (Outcome.ACCEPTED, Phase.FINAL_REPLY, 2)
    found = [(reply.outcome, reply.phase, (reply.code or 0) // 100) for reply in replies]
    assert [accepted, refused, accepted, later] * (2 * CONNECTIONS) == found
    assert before + CONNECTIONS == server.connections(before + CONNECTIONS), server.log()[-9_000:]
    assert_the_same(envelopes[::2], server.delivered())


async def test_what_the_outbox_promised_arrives_once(server: MailServer, database: Database) -> None:
    """A worker's messages are `accepted` in the outbox, and each is in the mailbox once."""
    async with transport_to(server, "gatepost") as transport:
        delivery = Delivery(database, transport, SystemClock(), slots=CONNECTIONS)
        async with delivery.running():
            ids = await delivery.enqueue(100)
            await delivery.wait_for(MessageAccepted, len(ids))
        rows = [(await delivery.find(row_id)).message for row_id in ids]
    assert {"accepted"} == {row.state for row in rows}
    found = [re.findall(rb"^Message-ID: (.*)$", file, re.MULTILINE) for file in server.delivered()]
    assert sorted([row.message_id.encode()] for row in rows) == sorted(found)


@pytest.mark.parametrize(("chosen", "note"), [("gatepost", ""), ("aiosmtplib", "-")])
async def test_the_server_sees_whether_commands_come_together(own_exim: MailServer, chosen: Client, note: str) -> None:
    """Exim notes L for pipelined commands and L- for others: our client's are, the referee's are not."""
    envelopes = [awkward(number) for number in range(CONNECTIONS)]
    before = len(own_exim.log())
    async with transport_to(own_exim, chosen) as transport:
        await submit_all(transport, envelopes)
    own_exim.delivered()
    assert [note] * CONNECTIONS == re.findall(r" <= .* P=esmtp L\.?(-?) ", own_exim.log()[before:])


async def test_a_real_server_lets_in_who_knows_the_password(
    own_exim: MailServer, authority: Authority, client: Client
) -> None:
    """Exim takes the right password after STARTTLS; a wrong one is the server's matter and not the message's."""
    envelopes = thousand()[:3]
    before = len(own_exim.log())
    async with transport_to(own_exim, client, authority, PASSWORD) as transport:
        replies = await submit_all(transport, envelopes)
    assert {Outcome.ACCEPTED} == {reply.outcome for reply in replies}
    async with transport_to(own_exim, client, authority, "wrong") as transport:
        (reply,) = await submit_all(transport, envelopes[:1])
    assert (Outcome.UNREACHABLE, Phase.AUTH, 535) == (reply.outcome, reply.phase, reply.code)
    own_exim.delivered()
    assert [USERNAME] * len(envelopes) == re.findall(r" <= .* A=\w+:(\w+) ", own_exim.log()[before:])


async def test_a_server_that_takes_few_messages_on_a_connection_gets_all_of_them(client: Client) -> None:
    """Exim's 421 to the fourth MAIL says nothing about that message, which goes over a new connection at once."""
    envelopes = thousand()[: 4 * CONNECTIONS]
    with exim(messages_per_connection=3) as server:
        before = server.connections(1)
        async with transport_to(server, client) as transport:
            replies = await submit_all(transport, envelopes)
        assert [] == [reply for reply in replies if reply.outcome is not Outcome.ACCEPTED]
        assert_the_same(envelopes, server.delivered())
        assert before + CONNECTIONS < server.connections(before + CONNECTIONS + 1)
