"""A mailbox with one message, an outbox with rows of choice, and a browser on this machine that looks at both."""

import asyncio
import re
import uuid
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.testclient import TestClient
from sqlalchemy import insert

from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import attempts, messages
from gatepost.transport.folder import FolderTransport, Mailbox
from gatepost.transport.switch import Switch
from gatepost.transport.transport import Envelope, Progress
from gatepost.web.workshop.mailbox import mailbox_router
from tests.web.site import Site, TablesInMemory

NOW_MS = 1_790_000_000_000
MAIL = b"""From: Gate <gate@example.com>\r
To: ada@example.com\r
Subject: Hello <script>alert(1)</script>\r
Message-ID: <1@gate.example.com>\r
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


def deliver(folder: Path, mail: bytes = MAIL) -> None:
    """Put one message into the mailbox the way the worker does."""
    envelope = Envelope("bounce@example.com", "ada@example.com", mail)
    asyncio.run(FolderTransport(folder).submit(envelope, Progress(), _yes))


def site_with(folder: Path, **parts: Any) -> tuple[Site, APIRouter]:
    site = Site(**{"mailbox": Mailbox(folder, Switch()), **parts})
    return site, mailbox_router(site.context)


def message(number: int, state: State, reason: str | None = None, **changes: Any) -> dict[str, Any]:
    """A row of the outbox."""
    return {
        "id": uuid.UUID(int=number),
        "state": state,
        "reason": reason,
        "template": "verification",
        "locale": "en",
        "recipient": f"person{number}@example.com",
        "recipient_key": f"person{number}@example.com",
        "template_values": "{}",
        "message_id": f"<{number}@gate.example.com>",
        "priority": 0,
        "if_unknown": "again",
        "created_at": NOW_MS,
        "expires_at": NOW_MS + 1,
        "due_at": NOW_MS if state in ("queued", "deferred") else None,
        "claim_number": 2,
        "attempts": 1,
        "unknowns": 0,
        **changes,
    }


def tried(number: int, claim_number: int = 1, **changes: Any) -> dict[str, Any]:
    """A try of such a message."""
    what = {"outcome": "permanent", "phase": "rcpt", "reply_code": 550, "enhanced_status": "5.1.1", "reply_text": "No"}
    return {
        "message": uuid.UUID(int=number),
        "claim_number": claim_number,
        "number": claim_number,
        "started_at": NOW_MS,
        **what,
        **changes,
    }


def with_rows(messages_there: list[dict[str, Any]], tries: list[dict[str, Any]]) -> TablesInMemory:
    tables = TablesInMemory()
    with tables.engine.begin() as connection:
        connection.execute(insert(messages), messages_there)
        if tries:
            connection.execute(insert(attempts), tries)
    return tables


def post(client: TestClient, path: str, **fields: str) -> Any:
    """Send a form of the list page as a browser does."""
    found = re.search(r'name="form_key" value="(\w+)"', client.get("/dev/mailbox").text)
    assert found is not None
    return client.post(path, data={"form_key": found[1], **fields}, headers={"accept": "text/html"})


def browser(folder: Path, **options: object) -> TestClient:
    site, router = site_with(folder)
    return site.client(router, **{"client": ("127.0.0.1", 5000), **options})


def name_in(client: TestClient) -> str:
    found = re.search(r'href="(/dev/mailbox/messages/[^"]+)"', client.get("/dev/mailbox").text)
    assert found is not None
    return found[1]


def browser_of(folder: Path, **parts: Any) -> TestClient:
    site, router = site_with(folder, **parts)
    return site.client(router, client=("127.0.0.1", 5000))
