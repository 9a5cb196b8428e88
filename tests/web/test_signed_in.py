"""`Depends(gatepost.current_account)` in a host's own routes, over the real flows: who passes, and what refuses."""

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from gatepost import Gatepost, Settings
from gatepost.accounts.account import Account
from gatepost.accounts.tables import accounts
from gatepost.events import Event, Events, MessageAccepted
from gatepost.transport.memory import MemoryTransport
from tests.support.clock import MovableClock
from tests.support.issued_secrets import ISSUED

ADA = {"email": "ada@example.com", "password": "a sentence only she would write"}
OURS = {"Origin": "http://127.0.0.1:8000"}


class Host:
    """A host application with two routes of its own, and one person who signed up and proved her address."""

    def __init__(self, folder: Path) -> None:
        self.clock = MovableClock()
        self._sent, self._mailed = MemoryTransport(), threading.Event()
        events = Events()
        events.subscribe(self._hear)
        settings = Settings(database_url=f"sqlite:///{folder / 'gatepost.db'}", argon2_memory_kib=8, argon2_time_cost=1)
        self.gatepost = Gatepost(settings, events=events, clock=self.clock, transport=self._sent)
        self.app = FastAPI()
        self.app.include_router(self.gatepost.router())
        self.orders: list[str] = []

        @self.app.get("/orders")
        async def get_orders(account: Annotated[Account, Depends(self.gatepost.current_account)]) -> list[str]:
            return [f"{account.email}: {order}" for order in self.orders]

        @self.app.post("/orders", status_code=201)
        async def post_order(account: Annotated[Account, Depends(self.gatepost.verified_account)]) -> None:
            self.orders.append("a tide table")

    def client(self) -> TestClient:
        return TestClient(self.app, base_url="http://127.0.0.1:8000")

    def _hear(self, event: Event) -> None:
        if isinstance(event, MessageAccepted) and event.template == "verification":
            self._mailed.set()

    def sign_up(self, client: TestClient) -> None:
        """Register and open the link."""
        ISSUED.note("password", ADA["password"])
        assert 202 == client.post("/auth/register", json=ADA).status_code
        assert self._mailed.wait(20)
        text = "".join(sent.content.decode().replace("=\r\n", "") for sent in self._sent.messages)
        found = re.search(r"token=(?:3D)?([\w-]{64})", text)
        assert found is not None
        assert 200 == client.post("/auth/verify", json={"token": found[1]}).status_code

    def token(self, client: TestClient) -> str:
        """Sign in as a program does; the client keeps no cookie."""
        answer = client.post("/auth/login", json=ADA)
        client.cookies.clear()
        token: str = answer.json()["token"]
        ISSUED.note("session", token)
        return token


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The host."""
    return Host(tmp_path)


@pytest.fixture
def client(host: Host) -> Iterator[TestClient]:
    """A browser or a program that talks to it, after the sign-up."""
    with host.client() as running:
        host.sign_up(running)
        yield running


def test_a_program_signs_in_and_uses_the_hosts_routes(host: Host, client: TestClient) -> None:
    """With the token alone, for reading and for writing."""
    bearer = {"Authorization": f"Bearer {host.token(client)}"}
    assert 201 == client.post("/orders", headers=bearer).status_code
    assert ["ada@example.com: a tide table"] == client.get("/orders", headers=bearer).json()


def test_a_browser_signs_in_and_uses_the_hosts_routes(host: Host, client: TestClient) -> None:
    """With the cookie that login set, and its Origin where something changes."""
    ISSUED.note("session", client.post("/auth/login", json=ADA, headers=OURS).json()["token"])
    assert 201 == client.post("/orders", headers=OURS).status_code
    assert ["ada@example.com: a tide table"] == client.get("/orders").json()


def test_nobody_is_401_in_the_hosts_own_words(host: Host, client: TestClient) -> None:
    """A plain HTTP error, as the host's application writes them, with WWW-Authenticate."""
    for headers in ({}, {"Authorization": "Bearer " + "x" * 43}, {"Authorization": "Bearer"}):
        for method in ("GET", "POST"):
            response = client.request(method, "/orders", headers=headers)
            assert (401, 'Bearer realm="gatepost"') == (response.status_code, response.headers["www-authenticate"])
            assert {"detail"} == set(response.json())
    assert [] == host.orders


@pytest.mark.parametrize("fields", [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_s87_another_site_changes_nothing_in_the_hosts_routes(
    host: Host, client: TestClient, fields: dict[str, str]
) -> None:
    """The browser sends the cookie along; the route does not run."""
    host.token(client)
    assert 200 == client.post("/auth/login", json=ADA, headers=OURS).status_code
    response = client.post("/orders", headers=fields)
    assert (403, []) == (response.status_code, host.orders)
    assert 200 == client.get("/orders", headers=fields).status_code  # reading tells another site nothing


def test_s49_a_token_is_401_after_logout(host: Host, client: TestClient) -> None:
    """In the host's routes as in ours."""
    bearer = {"Authorization": f"Bearer {host.token(client)}"}
    assert 204 == client.post("/auth/logout", headers=bearer).status_code
    assert [401, 401] == [client.get(path, headers=bearer).status_code for path in ("/orders", "/auth/me")]


def test_s50_a_token_is_401_when_it_was_idle(host: Host, client: TestClient) -> None:
    """By the server's clock."""
    bearer = {"Authorization": f"Bearer {host.token(client)}"}
    host.clock.set(host.gatepost.settings.session_idle_s + 1)
    assert 401 == client.get("/orders", headers=bearer).status_code


def test_s46_a_cookie_from_before_the_login_opens_nothing_after_it(host: Host, client: TestClient) -> None:
    """Somebody plants a cookie, the owner signs in: she has another one, and what was planted is still nobody's."""
    planted = "p" * 43
    client.cookies.set("gatepost", planted, domain="127.0.0.1")
    answer = client.post("/auth/login", json=ADA, headers=OURS)
    ISSUED.note("session", answer.json()["token"])
    assert planted != answer.cookies["gatepost"] == answer.json()["token"]
    client.cookies.clear()
    client.cookies.set("gatepost", planted)
    assert 401 == client.get("/orders").status_code


def test_an_unverified_account_is_403_where_a_verified_one_is_asked_for(host: Host, client: TestClient) -> None:
    """No flow makes such a session; a host that relies on it is right all the same."""
    bearer = {"Authorization": f"Bearer {host.token(client)}"}
    strip = update(accounts).values(verified_at=None, password_hash=None)
    client.portal.call(host.gatepost.write, lambda tx: tx.execute(strip).rowcount)
    assert [200, 403] == [client.request(method, "/orders", headers=bearer).status_code for method in ("GET", "POST")]


def test_a_host_that_does_not_run_answers_503(host: Host) -> None:
    """The lifespan never ran: that is no reason to say that somebody is not signed in."""
    response = host.client().get("/orders", headers={"Authorization": "Bearer " + "x" * 43})
    assert (503, "5") == (response.status_code, response.headers["retry-after"])


def test_the_api_description_names_both_ways_to_sign_in(host: Host) -> None:
    """For the host's routes and for ours: either scheme is enough."""
    document = host.app.openapi()
    schemes = document["components"]["securitySchemes"]
    assert ("http", "bearer") == (schemes["session_token"]["type"], schemes["session_token"]["scheme"])
    assert ("apiKey", "cookie", "gatepost") == tuple(schemes["session_cookie"][name] for name in ("type", "in", "name"))
    for path, method in (("/orders", "get"), ("/orders", "post"), ("/auth/me", "get"), ("/auth/sessions", "get")):
        assert [{"session_token": []}, {"session_cookie": []}] == document["paths"][path][method]["security"]
    assert "security" not in document["paths"]["/auth/login"]["post"]


def test_a_hosts_tests_may_override_who_is_signed_in(host: Host) -> None:
    """With FastAPI's own means, and one override is enough for both."""
    somebody = Account(uuid.UUID(int=1), "test@example.com", None, "en", 1, 1)
    host.app.dependency_overrides[host.gatepost.current_account] = lambda: somebody
    client = host.client()
    assert 201 == client.post("/orders").status_code
    assert ["test@example.com: a tide table"] == client.get("/orders").json()
