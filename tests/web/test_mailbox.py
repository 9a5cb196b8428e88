"""The development mailbox's list: who may see it, what it shows, how news appear in it, what its forms do."""

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages
from gatepost.transport.folder import Mailbox
from gatepost.transport.switch import Behaviour
from gatepost.web.workshop.mailbox import changes, mailbox_router
from tests.web.mailroom import MAIL, browser, deliver, message, name_in, post, site_with, with_rows
from tests.web.site import PRODUCTION, Site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deliver(tmp_path / "mailbox")
    return tmp_path / "mailbox"


def test_the_list_shows_what_was_sent(folder):
    """Subject, recipient and time of each message, escaped."""
    page = browser(folder).get("/dev/mailbox").text
    assert "Hello &lt;script&gt;" in page
    assert "ada@example.com" in page
    assert "<script>alert" not in page


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


def test_there_is_none_in_production(folder):
    """The router refuses to be made."""
    site = Site(PRODUCTION, mailbox=Mailbox(folder))
    with pytest.raises(ValueError, match="development only"):
        mailbox_router(site.context)


@pytest.mark.parametrize("named", [True, False])
async def test_news_are_told_once(tmp_path, named):
    """The stream says `changed` for what the page has not seen, with an id for a browser that comes back."""
    box, looked = Mailbox(tmp_path / "mailbox"), asyncio.Event()

    async def look() -> str:
        now = await asyncio.to_thread(box.stamp)
        looked.set()
        return now

    stream = changes(look, asyncio.Event(), seen=box.stamp() if named else "")
    assert await anext(stream) == b"retry: 1000\n\n"
    waiting = asyncio.ensure_future(anext(stream))
    await looked.wait()
    await asyncio.to_thread(deliver, tmp_path / "mailbox")
    told = await asyncio.wait_for(waiting, 10)
    assert told == f"id: {box.stamp()}\nevent: changed\ndata: {box.stamp()}\n\n".encode()
    await stream.aclose()


async def test_the_stream_ends_at_once_when_the_process_stops():
    """It does not wait for its next look, which here would come in an hour."""
    stopping, looked = asyncio.Event(), asyncio.Event()

    async def look() -> str:
        looked.set()
        return "seen"

    stream = changes(look, stopping, seen="seen", poll_s=3600)
    assert await anext(stream) == b"retry: 1000\n\n"
    ending = asyncio.ensure_future(anext(stream, None))
    await looked.wait()
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


def _stamp(client: TestClient) -> str:
    found = re.search(r'data-seen="(\w+)"', client.get("/dev/mailbox").text)
    assert found is not None
    return found[1]


def test_everything_the_page_shows_counts_as_news(folder):
    """New mail, mail that was deleted, a message that moved on and the switch each change what the stream compares."""
    tables = with_rows([message(1, State.QUEUED)], [])
    site, router = site_with(folder, database=tables)
    client = site.client(router, client=("127.0.0.1", 5000))
    stamps = [_stamp(client), _stamp(client)]
    deliver(folder)
    stamps.append(_stamp(client))
    with tables.engine.begin() as connection:
        connection.execute(messages.update().values(state="cancelled", reason="superseded", due_at=None))
    stamps.append(_stamp(client))
    post(client, "/dev/mailbox/server", behaviour="refuse")
    stamps.append(_stamp(client))
    post(client, "/dev/mailbox/delete")
    stamps.append(_stamp(client))
    assert [False, True, True, True, True] == [one != other for one, other in pairwise(stamps)]


def test_the_search_looks_into_recipient_and_subject(folder):
    """Every word must be there, whatever its case; the rest is not shown, and a link shows all again."""
    deliver(folder, MAIL.replace(b"ada@example.com", b"Bob@example.com").replace(b"Hello", b"Goodbye"))
    client = browser(folder)

    def found(q: str) -> list[str]:
        return re.findall(r"to (\w+@example.com)</span>", client.get("/dev/mailbox", params={"q": q}).text)

    assert [["Bob@example.com", "ada@example.com"], ["Bob@example.com"], ["ada@example.com"], []] == [
        found(""),
        found("bob GOODBYE"),
        found("hello"),
        found("bob hello"),
    ]
    nothing = client.get("/dev/mailbox", params={"q": '"><b>'}).text
    assert "No mail to or about “&#34;&gt;&lt;b&gt;”" in nothing
    assert '<a href="/dev/mailbox">Show every mail</a>' in nothing


def test_deleting_leaves_nothing_but_what_is_not_ours(folder):
    """Every message goes, and the page says what to do; a file that is no message stays."""
    (folder / "notes.txt").write_text("mine")
    client = browser(folder)
    answer = post(client, "/dev/mailbox/delete")
    assert (303, "/dev/mailbox") == (answer.status_code, answer.headers["location"])
    assert ["notes.txt"] == [path.name for path in folder.iterdir()]
    assert "No mail yet." in client.get("/dev/mailbox").text


@pytest.mark.parametrize("path", ["/dev/mailbox/delete", "/dev/mailbox/server"])
def test_a_form_of_another_page_changes_nothing(folder, path):
    """Without this browser's form key nothing is deleted or switched, and the list says so."""
    site, router = site_with(folder)
    client = site.client(router, client=("127.0.0.1", 5000))
    answer = client.post(path, data={"behaviour": "refuse"}, headers={"accept": "text/html"})
    assert 403 == answer.status_code
    assert "Hello &lt;script&gt;" in answer.text
    assert Behaviour.ACCEPT is site.context.mailbox.switch.behaviour


@pytest.mark.parametrize("path", ["/dev/mailbox/delete", "/dev/mailbox/server"])
def test_nobody_but_this_machine_sends_its_forms(folder, path):
    """A form from elsewhere is 404, as every page of it."""
    answer = browser(folder, client=("192.0.2.7", 5000)).post(path, data={"behaviour": "refuse"})
    assert 404 == answer.status_code
