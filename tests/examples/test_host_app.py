"""The example host application: as a process under uvicorn, and in-process as a test suite would use it."""

import asyncio
import http.client
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from examples.host_app.main import TIDES, make_app
from gatepost.app import Gatepost
from gatepost.errors import NotStarted
from gatepost.events import Event, MessageAccepted
from gatepost.settings import Settings
from gatepost.transport.folder import Mailbox
from tests.examples.host import DEADLINE_S, Host

ADA = {"email": "ada@example.com", "password": "a sentence only she would write", "name": "Ada"}
# uvicorn ends with the signal it was sent, after everything is closed.
CLEAN_EXITS = {0, -signal.SIGTERM}


def token_in(mailbox: Mailbox) -> str:
    """The token of the newest verification mail in the folder."""
    for entry in mailbox.list(10):
        message = mailbox.read(entry.name)
        found = re.search(r"/verify\?token=([\w-]+)", (message.text if message else None) or "")
        if found:
            return found[1]
    raise AssertionError("there is no verification mail in the folder")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """The example under uvicorn."""
    with Host(tmp_path) as running:
        yield running


def test_a_sign_up_in_a_host_application(host):
    """Register, find the mail in the folder, verify with its token; the host's own routes go on working."""
    registered = httpx2.post(f"{host.url}/auth/register", json=ADA)
    assert (registered.status_code, registered.json()) == (202, {"status": "check_your_inbox"})
    host.wait_for_event("message_accepted", template="verification", request_id=registered.headers["x-request-id"])
    verified = httpx2.post(f"{host.url}/auth/verify", json={"token": token_in(host.mailbox)})
    assert (verified.status_code, verified.json()["email"], verified.json()["name"]) == (200, ADA["email"], "Ada")
    assert httpx2.get(f"{host.url}/verified").json() == {"count": 1}
    assert httpx2.get(f"{host.url}/berth").status_code == 401
    entered = httpx2.post(f"{host.url}/auth/login", json={"email": ADA["email"], "password": ADA["password"]}).json()
    berth = httpx2.get(f"{host.url}/berth", headers={"Authorization": f"Bearer {entered['token']}"})
    assert berth.json() == {"kept for": "Ada"}
    assert httpx2.get(f"{host.url}/tides").json() == TIDES
    assert httpx2.get(f"{host.url}/readyz").json() == {"status": "ready"}


def test_sigterm_ends_the_host(host):
    """The worker stops, everything is closed, and nothing is left in the log but the words of a stop."""
    assert host.terminate() in CLEAN_EXITS
    assert '"event": "service_stopped"' in "".join(host.heard)
    assert [line for line in host.heard if "Traceback" in line or "Exception" in line] == []


def test_sigterm_ends_the_host_also_with_an_open_stream(host):
    """uvicorn waits for open answers; the mailbox page's stream ends by itself, so it does not wait for ever."""
    browser = http.client.HTTPConnection("127.0.0.1", host.port, timeout=DEADLINE_S)
    browser.request("GET", "/dev/mailbox/changes?seen=")
    stream = browser.getresponse()
    assert stream.readline() == b"retry: 1000\n"
    assert host.terminate() in CLEAN_EXITS
    assert stream.read() == b"\n"  # and then its proper end, or reading it would raise
    assert '"event": "service_stopped"' in "".join(host.heard)


def settings_in(folder: Path, **more: object) -> Settings:
    """Settings for one test, with the cheapest hashes development allows."""
    return Settings(database_url=f"sqlite:///{folder / 'gatepost.db'}", argon2_memory_kib=8, argon2_time_cost=1, **more)


def test_in_process_with_a_test_client(tmp_path):
    """A test of the host's own needs no server: `with TestClient(app)` runs the worker too."""
    app = make_app(settings_in(tmp_path))
    arrived = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, MessageAccepted) and event.template == "verification":
            arrived.set()

    app.state.gatepost.events.subscribe(listen)
    with TestClient(app) as client:
        assert client.post("/auth/register", json=ADA).status_code == 202
        assert arrived.wait(DEADLINE_S)
        verified = client.post("/auth/verify", json={"token": token_in(Mailbox(tmp_path / "mailbox"))})
        assert (verified.status_code, client.get("/verified").json()) == (200, {"count": 1})


def test_one_app_serves_one_test_after_the_other(tmp_path):
    """Hosts keep their app in a module and open a TestClient in each test: every run mails anew."""
    app = make_app(settings_in(tmp_path))
    accepted = []
    arrived = threading.Semaphore(0)

    def listen(event: Event) -> None:
        if isinstance(event, MessageAccepted):
            accepted.append(event.template)
            arrived.release()

    app.state.gatepost.events.subscribe(listen)
    for name in ("ada", "lin"):
        with TestClient(app) as client:
            assert client.get("/readyz").status_code == 200
            assert client.post("/auth/register", json=ADA | {"email": f"{name}@example.com"}).status_code == 202
            for _ in range(2):
                assert arrived.acquire(timeout=DEADLINE_S)
    assert sorted(accepted) == ["verification", "verification", "welcome", "welcome"]


def test_a_row_and_a_mail_of_the_products_own_are_one_transaction(tmp_path):
    """Whoever asks twice is mailed once; who is no address, or no harbour, leaves nothing."""
    app = make_app(settings_in(tmp_path))
    arrived = threading.Semaphore(0)
    app.state.gatepost.events.subscribe(lambda event: isinstance(event, MessageAccepted) and arrived.release())
    with TestClient(app) as client:

        def ask(harbour: str, email: str) -> tuple[int, object]:
            answer = client.post(f"/tides/{harbour}/reminders", json={"email": email})
            return answer.status_code, answer.json().get("promised")

        assert ask("Dover", "ada@example.com") == (202, True)
        assert arrived.acquire(timeout=DEADLINE_S)
        assert ask("Dover", "ADA@example.com") == (202, False)
        assert (ask("Dover", "nobody")[0], ask("Atlantis", "ada@example.com")[0]) == (422, 404)
        assert ask("Leith", "ada@example.com") == (202, True)
        assert arrived.acquire(timeout=DEADLINE_S)
    mailbox = Mailbox(tmp_path / "mailbox")
    assert sorted(entry.subject for entry in mailbox.list(10)) == [
        "High water at Dover: 06:47",
        "High water at Leith: 09:03",
    ]


def test_without_with_the_answer_says_what_is_missing(tmp_path):
    """A TestClient without `with` never runs the lifespan: the answer is 503 and names the way out."""
    app = make_app(settings_in(tmp_path))
    answer = TestClient(app).post("/auth/register", json=ADA)
    assert (answer.status_code, answer.json()["code"]) == (503, "not_started")
    assert "a TestClient needs `with`" in answer.json()["detail"]
    with pytest.raises(NotStarted, match="a TestClient needs `with TestClient"):
        asyncio.run(app.state.gatepost.write(lambda tx: None))


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[TestClient]:
    """A host that does nothing but include the router."""
    app = FastAPI()
    app.include_router(Gatepost(settings_in(tmp_path)).router(prefix="/auth"))
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code", "fields"),
    [
        (b'{"email": "no address", "password": "short"}', "application/json", 422, "invalid_input", "email,password"),
        (b'{"password": "long enough for anybody"}', "application/json", 422, "invalid_input", "email"),
        (b"{", "application/json", 422, "invalid_input", "body"),
        (b"a" * 65_537, "application/json", 413, "body_too_large", ""),
        (b"email=ada%40example.com", "application/x-www-form-urlencoded", 415, "unsupported_media_type", ""),
    ],
)
def test_the_contract_comes_with_the_router(bare, body, content_type, status, code, fields):
    """Problems that name the fields, the body limit, the header fields and a request id hold without a middleware."""
    answer = bare.post("/auth/register", content=body, headers={"Content-Type": content_type})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ",".join(sorted(one["field"] for one in problem.get("errors", []))) == fields
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_another_site_cannot_post(bare):
    """The Origin check comes with the router too, and nothing is stored."""
    answer = bare.post("/auth/register", json=ADA, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
