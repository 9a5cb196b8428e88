"""The one GET there is: bounded in time and bytes, over verified TLS, and following nothing."""

import asyncio
import ssl

import pytest

from gatepost.errors import TryLater
from gatepost.feedback.providers.fetch import MAX_BODY_BYTES, Fetch, NotThere
from tests.feedback.posting import AMAZON, Amazon, answer
from tests.support.certificates import Authority

URL = f"https://{AMAZON}/x?y=1&z=2"


@pytest.fixture
def fetch(amazon: Amazon, authority: Authority) -> Fetch:
    return amazon.fetch(authority.trusting())


async def test_the_body_is_returned(fetch: Fetch, amazon: Amazon) -> None:
    """Path and query are asked for as they stand."""
    amazon.otherwise = answer(b"body")
    assert b"body" == await fetch.get(URL)
    assert ["/x?y=1&z=2"] == amazon.asked


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nbody",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    ],
)
async def test_every_form_of_a_body_is_read(fetch: Fetch, amazon: Amazon, raw: bytes) -> None:
    """In chunks, up to the end of the connection, and behind an interim answer."""
    amazon.otherwise = raw
    assert b"body" == await fetch.get(URL)


async def test_a_body_of_the_greatest_size_is_read(fetch: Fetch, amazon: Amazon) -> None:
    """MAX_BODY_BYTES are within the bound."""
    amazon.otherwise = answer(b"x" * MAX_BODY_BYTES)
    assert MAX_BODY_BYTES == len(await fetch.get(URL))


@pytest.mark.parametrize(
    "raw",
    [
        answer(b"x" * (MAX_BODY_BYTES + 1)),
        answer(b"x" * 1_000_000),
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: " + b"x" * 200_000,
        answer(b"body") + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbody",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
    ],
)
async def test_what_is_too_long_or_cut_off_or_no_answer_is_not_used(fetch: Fetch, amazon: Amazon, raw: bytes) -> None:
    """The caller may try again later."""
    amazon.otherwise = raw
    with pytest.raises(TryLater):
        await fetch.get(URL)


@pytest.mark.parametrize("status", [204, 301, 302, 307, 403, 404, 500, 503])
async def test_only_200_is_an_answer(fetch: Fetch, amazon: Amazon, status: int) -> None:
    """Nothing is followed."""
    amazon.otherwise = answer(b"", f"{status} x", f"Location: https://{AMAZON}/other\r\n")
    with pytest.raises(NotThere) as missing:
        await fetch.get(URL)
    assert status == missing.value.status
    assert 1 == len(amazon.asked)


async def test_a_host_that_says_nothing_is_given_up(authority: Authority) -> None:
    """The whole of it has one deadline."""
    let_go = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await let_go.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0, ssl=authority.serving(f"DNS:{AMAZON}"))
    port = server.sockets[0].getsockname()[1]
    fetch = Fetch(context=authority.trusting(), where=lambda host: ("127.0.0.1", port), timeout_s=0.05)
    with pytest.raises(TryLater, match="TimeoutError"):
        await fetch.get(URL)
    let_go.set()
    server.close()


async def test_a_host_that_is_not_there_is_told(authority: Authority) -> None:
    """A closed port is no answer."""
    closed = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    with pytest.raises(TryLater, match="ConnectionRefusedError"):
        await Fetch(context=authority.trusting(), where=lambda host: ("127.0.0.1", port)).get(URL)


async def test_a_new_fetch_trusts_the_machines_authorities_alone() -> None:
    """It verifies chain and name and refuses old TLS."""
    context = Fetch()._context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
