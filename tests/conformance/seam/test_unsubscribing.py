"""One click from a product's message to the next one that does not come: mail, HTTP and database, all real."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import httpx2
import pytest

from gatepost import Draft, Gatepost
from gatepost.app import create_app
from gatepost.events import Event, MessageAccepted, MessageSuppressed
from gatepost.transport.memory import MemoryTransport

SITE = "http://127.0.0.1:8000"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
DEADLINE_S = 20.0
FROM_A_MAIL_PROGRAM = {"origin": "https://mail.example", "sec-fetch-site": "cross-site"}


class Heard:
    """What happened so far, and a way to wait for more of it."""

    def __init__(self, gatepost: Gatepost) -> None:
        self.events: list[Event] = []
        self._rang = asyncio.Event()
        gatepost.events.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        self._rang.set()

    def of(self, kind: type[Event]) -> list[Event]:
        """Those of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for what must come."""
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                self._rang.clear()
                await self._rang.wait()


@pytest.fixture
def events(gatepost: Gatepost) -> Heard:
    """What this product's Gatepost tells."""
    return Heard(gatepost)


def read(content: bytes) -> EmailMessage:
    return message_from_bytes(content, _class=EmailMessage, policy=policy.default)


def link_of(message: EmailMessage) -> str:
    """The link in its header, without the angle brackets."""
    found = re.fullmatch(rf"<({SITE}/mail/unsubscribe/[A-Za-z0-9_-]{{64}})>", str(message["List-Unsubscribe"]))
    assert found is not None
    return found[1]


@pytest.fixture
async def client(started: Gatepost) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody's mail program, which has no cookie of ours."""
    transport = httpx2.ASGITransport(create_app(started))
    async with httpx2.AsyncClient(transport=transport, base_url=SITE, headers=FROM_A_MAIL_PROGRAM) as opened:
        yield opened


async def promise(gatepost: Gatepost, draft: Draft, events: Heard, kind: type[Event]) -> None:
    """Promise a message, and wait for what becomes of it."""
    before = len(events.of(kind))
    await gatepost.write(lambda tx: gatepost.mail.enqueue_in(tx, draft))
    await events.until(lambda: len(events.of(kind)) == before + 1)


async def test_t3_one_click_stops_the_next_message_and_opening_the_page_does_not(
    started: Gatepost, note: Draft, transport: MemoryTransport, events: Heard, client: httpx2.AsyncClient
) -> None:
    """GET and HEAD twenty times change nothing; one POST does, and what keeps the account safe still comes."""
    await promise(started, note, events, MessageAccepted)
    link = link_of(read(transport.messages[0].content))
    for _ in range(10):
        for method in ("GET", "HEAD"):
            answer = await client.request(method, link)
            assert (200, None) == (answer.status_code, answer.headers.get("set-cookie"))
    await promise(started, note, events, MessageAccepted)
    for _ in range(2):  # the second is as good as the first
        answer = await client.post(link, data=ONE_CLICK)
        assert (200, None, []) == (answer.status_code, answer.headers.get("set-cookie"), answer.history)
    await promise(started, note, events, MessageSuppressed)
    (stopped,) = events.of(MessageSuppressed)
    assert isinstance(stopped, MessageSuppressed)
    assert "unsubscribed" == stopped.reason
    await promise(started, replace(note, security=True), events, MessageAccepted)
    assert 3 == len(transport.messages)


async def test_t1_who_may_unsubscribe_is_said_by_the_draft(
    started: Gatepost, note: Draft, transport: MemoryTransport, events: Heard
) -> None:
    """A product's message has both fields and its link in the foot, unless its draft keeps an account safe."""
    await promise(started, note, events, MessageAccepted)
    await promise(started, replace(note, security=True), events, MessageAccepted)
    usual, safe = (read(one.content) for one in transport.messages)
    assert ["List-Unsubscribe=One-Click"] == usual.get_all("List-Unsubscribe-Post")
    link = link_of(usual)
    for part in usual.iter_parts():
        assert link in part.get_content()
    assert set() == {"List-Unsubscribe", "List-Unsubscribe-Post"} & set(safe.keys())
    for part in safe.iter_parts():
        assert "unsubscribe" not in part.get_content().lower()


async def test_every_mail_of_a_registration_but_the_welcome_is_about_safety(
    started: Gatepost, transport: MemoryTransport, events: Heard, client: httpx2.AsyncClient
) -> None:
    """The welcome can be unsubscribed from; whoever does can still verify the address and reset the password."""
    body = {"email": "ada@example.com", "password": "7 blue whales sing"}
    own = {"origin": SITE, "sec-fetch-site": "same-origin"}
    assert 202 == (await client.post("/auth/register", json=body, headers=own)).status_code
    await events.until(lambda: len(events.of(MessageAccepted)) == 2)
    sent = [read(one.content) for one in transport.messages]
    by_subject = {str(message["Subject"]).split()[0]: message for message in sent}
    assert by_subject["Verify"]["List-Unsubscribe"] is None
    assert 200 == (await client.post(link_of(by_subject["Welcome"]), data=ONE_CLICK)).status_code
    wish = {"email": body["email"]}
    assert 202 == (await client.post("/auth/password/reset/request", json=wish, headers=own)).status_code
    await events.until(lambda: len(events.of(MessageAccepted)) == 3)
    assert [] == events.of(MessageSuppressed)
