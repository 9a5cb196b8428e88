"""The development mailbox's pages: who may see them, what they show, how new mail appears."""

import asyncio
import re
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient

from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.transport import Envelope, Progress
from gatepost.web.mailbox import changes, mailbox_router
from tests.web.site import PRODUCTION, SECURITY_HEADERS, Site

MAIL = b"""From: Gate <gate@example.com>\r
To: ada@example.com\r
Subject: Hello <script>alert(1)</script>\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary=x\r
\r
--x\r
Content-Type: text/plain; charset=utf-8\r
\r
Open https://gate.example.com/verify?token=abc <now>\r
--x\r
Content-Type: text/html; charset=utf-8\r
\r
<html><head><title>Hello</title></head><body><a href="https://gate.example.com/verify">Open</a></body></html>\r
--x--\r
"""


async def _yes() -> bool:
    return True


def deliver(folder: Path) -> None:
    """Put one message into the mailbox the way the worker does."""
    envelope = Envelope("bounce@example.com", "ada@example.com", MAIL)
    asyncio.run(FolderTransport(folder).submit(envelope, Progress(), _yes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deliver(tmp_path / "mailbox")
    return tmp_path / "mailbox"


def site_with(folder: Path, **parts: object) -> tuple[Site, APIRouter]:
    site = Site(mailbox=Mailbox(folder), **parts)
    return site, mailbox_router(site.context)


def browser(folder: Path, **options: object) -> TestClient:
    site, router = site_with(folder)
    return site.client(router, **{"client": ("127.0.0.1", 5000), **options})


def name_in(client: TestClient) -> str:
    found = re.search(r'href="(/dev/mailbox/messages/[^"]+)"', client.get("/dev/mailbox").text)
    assert found is not None
    return found[1]


def test_the_list_shows_what_was_sent(folder):
    """Subject, recipient and time of each message, escaped."""
    page = browser(folder).get("/dev/mailbox").text
    assert "Hello &lt;script&gt;" in page
    assert "ada@example.com" in page
    assert "<script>alert" not in page


def test_a_message_is_shown_as_html_text_and_source(folder):
    """Three views of one message; the text's links work and its markup is escaped."""
    client = browser(folder)
    name = name_in(client)
    assert f'src="{name}/html"' in client.get(name).text
    text = client.get(name, params={"view": "text"}).text
    assert '<a href="https://gate.example.com/verify?token=abc"' in text
    assert "&lt;now&gt;" in text
    assert "Content-Type: multipart/alternative" in client.get(name, params={"view": "source"}).text


def test_the_mails_own_html_is_locked_in(folder):
    """Its frame runs no script, sends no form, loads nothing; its links replace the whole page."""
    client = browser(folder)
    answer = client.get(name_in(client) + "/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_top">' in answer.text
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []


@pytest.mark.parametrize(
    "disguise",
    [
        {"client": ("192.0.2.7", 5000)},
        {"base_url": "http://gate.example.com"},
        {"base_url": "http://localhost.evil.example"},
        {"headers": {"forwarded": "for=127.0.0.1"}},
        {"headers": {"x-forwarded-for": "127.0.0.1"}},
        {"headers": {"x-forwarded-host": "localhost"}},
        {"headers": {"x-real-ip": "127.0.0.1"}},
        {"headers": {"host": ""}},
    ],
)
@pytest.mark.parametrize("path", ["/dev/mailbox", "/dev/mailbox/changes", "/dev/mailbox/messages/x", "MESSAGE"])
def test_nobody_but_this_machine_finds_it(folder, disguise, path):
    """Another peer, another Host or any sign of a proxy is 404, whatever else is right."""
    path = name_in(browser(folder)) + "/html" if path == "MESSAGE" else path
    answer = browser(folder, **disguise).get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("base", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine_finds_it_under_all_its_names(folder, base, peer):
    """localhost, 127.0.0.1 and [::1], through IPv4 and IPv6 sockets."""
    assert browser(folder, base_url=base, client=(peer, 5000)).get("/dev/mailbox").status_code == 200


@pytest.mark.parametrize("name", ["x", "..%2f..%2fsecret.key", ".eml"])
def test_only_messages_are_found(folder, name):
    """No name leads to a file that is no message."""
    assert browser(folder).get(f"/dev/mailbox/messages/{name}").status_code == 404


def test_there_is_none_in_production(folder):
    """The router refuses to be made."""
    site = Site(PRODUCTION, mailbox=Mailbox(folder))
    with pytest.raises(ValueError, match="development only"):
        mailbox_router(site.context)


async def test_new_mail_is_told_once(tmp_path):
    """The stream says `changed` for what the page has not seen, and names the newest message."""
    folder = tmp_path / "mailbox"
    box = Mailbox(folder)
    stream = changes(box, asyncio.Event(), seen="")
    assert await anext(stream) == b"retry: 1000\n\n"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.to_thread(deliver, folder)
    told = await asyncio.wait_for(waiting, 10)
    assert told == f"event: changed\ndata: {box.newest_name()}\n\n".encode()
    await stream.aclose()


async def test_the_stream_ends_at_once_when_the_process_stops(folder):
    """It does not wait for its next look into the mailbox, which here would come in an hour."""
    stopping = asyncio.Event()
    box = Mailbox(folder)
    stream = changes(box, stopping, seen=box.newest_name() or "", poll_s=3600)
    assert await anext(stream) == b"retry: 1000\n\n"
    ending = asyncio.ensure_future(anext(stream, None))
    await asyncio.to_thread(box.newest_name)  # by now the stream has looked, too, and waits
    stopping.set()
    assert await asyncio.wait_for(ending, 10) is None


def test_the_stream_is_an_event_stream(folder):
    """Its media type and header fields are those of an answer of ours."""
    stopping = asyncio.Event()
    stopping.set()
    site, router = site_with(folder, stopping=stopping)
    answer = site.client(router, client=("127.0.0.1", 1)).get("/dev/mailbox/changes")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
