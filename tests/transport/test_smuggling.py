"""SMTP smuggling: no value, body or content makes two messages of one, whatever a server takes for the end of data."""

import asyncio
import itertools
import random
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gatepost.mail.compose import Composer
from gatepost.mail.templates import Templates
from gatepost.transport.dialogue import BLOCK_BYTES, TAIL_BYTES
from gatepost.transport.reply import Outcome
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from gatepost.transport.transport import Envelope
from gatepost.transport.wire import on_the_wire
from tests.support.sinks import Sink
from tests.transport.submitting import Line, opened
from tests.unit.mail.hostile import names
from tests.unit.mail.test_templates import write

SECOND = b"MAIL FROM:<evil@evil.example>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nSubject: second\r\n\r\nhi\r\n.\r\n"
ENDS = (
    *(b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r\n", b"\r\n.\r\r\n", b"\n\r.\n\r"),
    *(b"\r\n..\r\n", b"\r\r\n.\r\r\n", b"\n\n.\n\n", b"\r\n.", b".\r\n", b".", b"\r\n", b"\n", b"\r", b"\r\n. \r\n"),
)
NUL_ENDS = (b"\0", b"\r\n\0.\r\n", b"\n.\0\n", b"\r\n.\r\0\n")
HEAD = b"Message-ID: <1@example.org>\r\nSubject: one\r\n\r\n"
SEED = 20_261_123


@pytest.fixture(params=[(True, True), (True, False), (False, True)], ids=["lenient", "lenient in turn", "strict"])
async def sink(request: pytest.FixtureRequest) -> AsyncIterator[Sink]:
    lenient, pipelining = request.param
    async with Sink(lenient=lenient, pipelining=pipelining).serving() as sink:
        yield sink


@pytest.fixture
async def line(sink: Sink, client: Client) -> AsyncIterator[Line]:
    server = Server(host=sink.host, port=sink.port, tls="none")
    async with opened(server, client=client, messages_per_connection=1_000_000) as line:
        yield line


async def assert_one_message(line: Line, sink: Sink, content: bytes, arrives: bytes | None = None) -> None:
    """Submit it; the sink has one message more, its bytes as meant, and was told nothing but how to take it."""
    sink.messages.clear()
    sink.commands.clear()
    reply = await line.submit(Envelope("bounces@example.org", "ann@example.com", content))
    assert (Outcome.ACCEPTED, None) == (reply.outcome, sink.offence), content
    assert [arrives if arrives is not None else content] == sink.messages
    commands = [command for command in sink.commands if command not in (b"EHLO", b"RSET")]
    assert [b"MAIL", b"RCPT", b"DATA"] == commands


def one_kind_of_line_end(content: bytes) -> bytes:
    """What a message is on arrival: every line end, also half of one, is CRLF, and the last line has one."""
    lines = re.split(rb"\r\n|\r|\n", content)
    return b"\r\n".join(lines if lines[-1] == b"" else [*lines, b""])


# Given directly to the transport.


def contents() -> Iterator[bytes]:
    for end in ENDS:
        yield HEAD + b"before" + end + SECOND + b"after"
        yield HEAD + end + SECOND
        yield HEAD + b"before" + end
    yield b"."
    yield b".\r\n" + SECOND
    yield HEAD + SECOND + b"QUIT\r\n"


async def test_s62_no_content_is_two_messages(line: Line, sink: Sink) -> None:
    """Every end that some server takes, in the middle, at the start of the body and at the end of the message."""
    for content in contents():
        await assert_one_message(line, sink, content, one_kind_of_line_end(content))


def lines_of(size: int) -> bytes:
    """So many bytes, in lines."""
    whole, rest = divmod(size, 72)
    return (b"p" * 70 + b"\r\n") * (whole - 1) + b"p" * (70 + rest) + b"\r\n"


def parted(end: bytes, offset: int, border: int) -> bytes:
    """A content whose last TAIL_BYTES, or first BLOCK_BYTES, part `offset` bytes after the start of a false end."""
    before, behind = (300, border) if border == TAIL_BYTES else (border, 2 * TAIL_BYTES)
    for _ in range(2):  # the first is made to see how far off it is
        content = HEAD + lines_of(before) + b"before" + end + SECOND + lines_of(behind)
        wire = on_the_wire(content)
        start = wire.index(b"before") + len(b"before")
        if border == TAIL_BYTES:
            behind += (start + offset) - (len(wire) - border)
        else:
            before += border - (start + offset)
    assert wire[start - 6 : start] == b"before"
    assert start + offset in (len(wire) - border, border)
    return content


@pytest.mark.parametrize("border", [TAIL_BYTES, BLOCK_BYTES], ids=["tail", "block"])
async def test_no_border_between_writes_makes_an_end(line: Line, sink: Sink, border: int) -> None:
    """The pieces in which content is written may part anywhere in a false end, and it stays none."""
    for end, offset in itertools.product((b"\n.\n", b"\r\n.\r\n", b"\r\n..\r"), range(-1, 8)):
        content = parted(end, offset, border)
        await assert_one_message(line, sink, content, one_kind_of_line_end(content))


async def test_no_mixture_is_two_messages(line: Line, sink: Sink) -> None:
    """Seeded mixtures of everything an end is made of."""
    chance = random.Random(SEED)
    pieces = [b"\r", b"\n", b".", b"\r\n", b"a", b"..", SECOND, b"DATA\r\n", b"\xc3\xa9", b" "]
    for _ in range(300):
        content = HEAD + b"".join(chance.choices(pieces, k=chance.randint(1, 30)))
        await assert_one_message(line, sink, content, one_kind_of_line_end(content))


@pytest.mark.parametrize(
    "address", ["a@b.c>\r\nDATA\r\n", "a@b.c\n", "a@b.c>\rRCPT TO:<v@example.com", "a\0@b.c", "a@b.c> SIZE=1"]
)
async def test_no_address_is_two_commands(line: Line, sink: Sink, address: str) -> None:
    """What would end its command is refused before a byte of it is written, as sender and as recipient."""
    for envelope in (Envelope(address, "ann@example.com", HEAD), Envelope("b@example.org", address, HEAD)):
        reply = await line.submit(envelope)
        assert Outcome.PERMANENT == reply.outcome
    assert ([], []) == (sink.messages, sink.commands)


@pytest.mark.parametrize("end", NUL_ENDS)
async def test_s62_no_content_with_nul_is_sent(line: Line, sink: Sink, end: bytes) -> None:
    """Some servers leave NUL out, and read an end of data where there was none: no message may hold one."""
    reply = await line.submit(Envelope("bounces@example.org", "ann@example.com", HEAD + b"before" + end + SECOND))
    assert Outcome.PERMANENT == reply.outcome
    assert "NUL" in (reply.text or "")
    assert ([], []) == (sink.messages, sink.commands)


# Through the composer.


def composers(folder: Path) -> Iterator[tuple[Composer, str]]:
    """One for each false end in the text and the page of a template, as typed and as a constant that Jinja fills in."""
    for number, end in enumerate((*ENDS, *NUL_ENDS)):
        body = f"before{end.decode()}{SECOND.decode()}after"
        for name, said in (
            ("typed", body),
            ("constant", "{{ " + repr(body) + " }}"),
            ("value", "{{ name }}\n.\n{{ name }}"),
        ):
            place = folder / f"{name}{number}"
            place.mkdir()
            templates = Templates(
                write(place, subject_txt="{{ name }}", body_txt=said, body_html=f"<!-- preheader: . --><p>{said}</p>")
            )
            yield a_composer(templates), end.decode()


def a_composer(templates: Templates) -> Composer:
    return Composer(
        templates,
        sender="Acme <hello@acme.example>",
        product_name="Acme\n.\n",
        public_url="https://acme.example",
        reset_url="https://acme.example/reset",
    )


def composed(composer: Composer, template: str, name: str) -> bytes:
    return composer.compose(
        template=template,
        locale="en",
        recipient="ann@example.com",
        message_id="<1@acme.example>",
        values={"name": name, "when": name, "link": "https://acme.example/verify?token=x"},
        now_ms=0,
    ).content


async def test_no_template_is_two_messages(line: Line, sink: Sink, tmp_path: Path) -> None:
    """Whatever stands in a body, and a value with the same in it: one message, its bytes what was composed."""
    for composer, end in composers(tmp_path):
        content = composed(composer, "hello", f"Ada{end}{SECOND.decode()}")
        await assert_one_message(line, sink, content)


async def test_no_name_is_two_messages(line: Line, sink: Sink) -> None:
    """Every false end, and the start of the seeded corpus, as a name in a message of ours."""
    composer = a_composer(Templates())
    ends = [f"Ada{end.decode()}{SECOND.decode()}" for end in (*ENDS, *NUL_ENDS)]
    for name in (*ends, *names(150)):
        await assert_one_message(line, sink, composed(composer, "verification", name))


# The sinks themselves.


async def spoken(sink: Sink, data: bytes) -> None:
    """Say it to the sink, and wait until it has read it all."""
    reader, writer = await asyncio.open_connection(sink.host, sink.port)
    writer.write(data)
    writer.write_eof()
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r\n\0.\r\n"])
async def test_the_sinks_disagree_about_what_nobody_guarded(sink: Sink, end: bytes) -> None:
    """The lenient sink sees two messages, the strict one sees the offence or one message: a test here can fail."""
    await spoken(sink, b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nhi" + end + SECOND + b"\r\n.\r\n")
    if sink.lenient:
        assert [b"hi\r\n", b"Subject: second\r\n\r\nhi\r\n"] == sink.messages[:2]
    else:
        assert (sink.offence is None) == (end == b"\r\n\0.\r\n")
        assert len(sink.messages) <= 1
