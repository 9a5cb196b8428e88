"""Reading replies: our parser beside aiosmtplib's, on any bytes, in packets of any size; and what they may cost."""

import asyncio
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.testing import Endless, Step, SubmissionServer
from gatepost.transport.aiosmtplib_line import AiosmtplibLine
from gatepost.transport.line import UNPARSABLE, Line, LineBroken, Response
from gatepost.transport.reply import Outcome, Phase, Reply, judge
from gatepost.transport.server import Server
from gatepost.transport.smtp import Client
from tests.transport.submitting import opened

KIB = 1024
# What an attempt over a line may allocate at a time, the test server's own buffers included.
MAX_PEAK_BYTES = 2 * 1024 * 1024

_LINES = st.tuples(
    st.sampled_from(["250", "250", "250", "354", "421", "550", "000", "999", "25", "2x0", ""]),
    st.sampled_from([" ", " ", "-", "-", "", "x", "\t"]),
    st.text(st.sampled_from("ab 5.1-\0é"), max_size=6),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", ""]),
)
_SAID = st.lists(_LINES, min_size=1, max_size=5).map(lambda lines: "".join(map("".join, lines)).encode())
_SIZES = st.lists(st.integers(1, 12), max_size=8)


@settings(max_examples=2000, derandomize=True, deadline=None)
@given(_SAID, _SIZES)
def test_our_parser_believes_nothing_that_the_referee_does_not(said: bytes, sizes: list[int]) -> None:
    """Where ours reads a reply, aiosmtplib reads the same one; where ours reads none, nothing is concluded from it."""
    ours, theirs = asyncio.run(_read_by_both(_packets(said, sizes)))
    if ours is None or ours.code == UNPARSABLE:
        return
    # aiosmtplib holds back a reply while the bytes behind it look like the start of another; ours has no use for those.
    assert theirs is None or _judged(theirs) == _judged(ours)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.lists(st.text("abc 5.é", max_size=20), min_size=1, max_size=4), st.sampled_from([250, 354, 421, 550]), _SIZES)
def test_a_right_reply_is_read_by_both(texts: list[str], code: int, sizes: list[int]) -> None:
    """However it is cut into packets, every reply of RFC 5321, 4.2.1, comes out whole, and leaves a usable line."""
    lines = [f"{code}-{text}\r\n" for text in texts[:-1]] + [f"{code} {texts[-1]}\r\n"]
    packets = _packets("".join(lines).encode(), sizes)
    expected = judge(code, "\n".join(text.strip() for text in texts), Phase.MAIL, None)
    assert [_judged(response) for response in asyncio.run(_read_by_both(packets))] == [expected] * 2


@pytest.mark.parametrize("kind", [Line, AiosmtplibLine])
@pytest.mark.parametrize(
    "said",
    [
        b"250 " + b"x" * 8 * KIB + b"\r\n",
        b"x" * (32 * KIB + 1),
        (b"250-" + b"x" * 1000 + b"\r\n") * 33 + b"250 end\r\n",
    ],
)
async def test_a_reply_over_its_bounds_is_none(kind: type[Line], said: bytes) -> None:
    """A line over 8 KiB and a reply over 32 KiB are no replies, and the line is not used again."""
    line = _line(kind)
    reading = asyncio.create_task(line.reply())
    await asyncio.sleep(0)
    for packet in _packets(said, [1000] * 40):
        line.data_received(packet)
    assert judge(*(await reading), Phase.MAIL, None).code is None
    line.data_received(b"250 late\r\n")
    assert not line.usable


@pytest.mark.parametrize("step", [Step.CONNECT, Step.EHLO, Step.MAIL, Step.DATA, Step.DOT])
@pytest.mark.parametrize("chunk", [b"250-" + b"x" * 996 + b"\r\n", b"250-\r\n" * 200, b"x" * 1000])
async def test_a_reply_without_end_costs_little_memory(client: Client, step: Step, chunk: bytes) -> None:
    """Whatever a server pours out, an attempt holds a bounded part of it."""
    async with SubmissionServer() as server, opened(server, client=client) as line:
        assert (await line.submit()).outcome is Outcome.ACCEPTED
        await line.transport.close()
        server.at(step, Endless(chunk))
    async with server, opened(server, client=client) as line:
        tracemalloc.start()
        try:
            reply = await line.submit()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert reply.outcome in (Outcome.UNREACHABLE, Outcome.TRANSIENT)
    assert peak < MAX_PEAK_BYTES


async def _read_by_both(packets: list[bytes]) -> list[Response | None]:
    return [await _read(kind, packets) for kind in (Line, AiosmtplibLine)]


async def _read(kind: type[Line], packets: list[bytes]) -> Response | None:
    """What a line makes of a reply that is due; None when the connection ended first."""
    line = _line(kind)
    reading = asyncio.create_task(line.reply())
    await asyncio.sleep(0)
    for packet in packets:
        line.data_received(packet)
    line.connection_lost(None)
    try:
        return await reading
    except LineBroken:
        return None


def _line(kind: type[Line]) -> Line:
    line = kind(Server("localhost", 25, tls="none"))
    line.connection_made(_Wire())
    return line


def _packets(said: bytes, sizes: list[int]) -> list[bytes]:
    packets = []
    for size in sizes:
        packets.append(said[:size])
        said = said[size:]
    return [packet for packet in (*packets, said) if packet]


def _judged(response: Response | None) -> Reply | None:
    return None if response is None else judge(response.code, response.text, Phase.MAIL, None)


class _Wire(asyncio.Transport):
    """What is under a line, without anything under it."""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass
