"""What operators and owners do to an account over HTTP ends its sessions at once, on every database."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport
from tests.support.clock import MovableClock
from tests.support.issued_secrets import ISSUED

ADMIN = {"authorization": f"Bearer {'a' * 40}"}
SECRET = "0123456789abcdefghijklmnopqrstuv"
ADDRESS, PASSWORD = "ada@example.com", "correct horse battery"


@pytest.fixture
def transport() -> MemoryTransport:
    """Keeps what was mailed."""
    return MemoryTransport()


@pytest.fixture
def client(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    transport: MemoryTransport,
    clock: MovableClock,
) -> Iterator[TestClient]:
    """A service on this test's database."""
    monkeypatch.chdir(tmp_path)
    ISSUED.note_keys([SECRET])
    settings = Settings(
        database_url=database_url,
        secret_keys=SECRET,
        admin_token="a" * 40,
        argon2_memory_kib=8,
        argon2_time_cost=1,
        deleted_kept_days=0,
    )
    app = create_app(Gatepost(settings, transport=transport, clock=clock))
    with TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1)) as running:
        yield running


def _until(holds: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up_at


def _account(client: TestClient, of: str = ADDRESS) -> Any:
    return client.get(f"/accounts?email={of}", headers=ADMIN).json()["account"]


@pytest.fixture
def signed_in(client: TestClient, transport: MemoryTransport) -> dict[str, str]:
    """The header field of somebody who registered, verified and signed in."""
    body = {"email": ADDRESS, "password": PASSWORD, "name": "Ada"}
    assert 202 == client.post("/auth/register", json=body).status_code
    link = re.compile(rb"token=(?:3D)?([\w-]{64})")

    def mailed() -> list[str]:
        contents = [one.content.replace(b"=\r\n", b"") for one in transport.messages]
        return [found[1].decode() for content in contents if (found := link.search(content))]

    _until(mailed)
    ISSUED.note("verification", mailed()[0])
    assert 200 == client.post("/auth/verify", json={"token": mailed()[0]}).status_code
    answer = client.post("/auth/login", json=body)
    assert 200 == answer.status_code, answer.text
    token = answer.json()["token"]
    ISSUED.note("session", token)
    client.cookies.clear()
    return {"authorization": f"Bearer {token}"}


def test_s49_a_disabled_account_is_401_at_once(client: TestClient, signed_in: dict[str, str]) -> None:
    """The same token, sent again; and after the account is enabled too, because its session is gone."""
    assert 200 == client.get("/auth/me", headers=signed_in).status_code
    account = _account(client)
    for action in ("disable", "enable"):
        answer = client.post(f"/accounts/{account['id']}/{action}", json={"reason": "reported"}, headers=ADMIN)
        assert 202 == answer.status_code
        assert (action == "disable") == (answer.json()["account"]["disabled_at"] is not None)
        assert 401 == client.get("/auth/me", headers=signed_in).status_code


def test_s52_an_operator_ends_all_sessions(client: TestClient, signed_in: dict[str, str]) -> None:
    """They are listed, and gone from the next request on."""
    path = f"/accounts/{_account(client)['id']}/sessions"
    (session,) = client.get(path, headers=ADMIN).json()["sessions"]
    assert 202 == client.post(f"{path}/end", json={"session": session["id"]}, headers=ADMIN).status_code
    assert 401 == client.get("/auth/me", headers=signed_in).status_code
    assert [] == client.get(path, headers=ADMIN).json()["sessions"]


def test_s49_a_deleted_account_is_401_at_once_and_erased_when_it_is_time(
    client: TestClient, signed_in: dict[str, str], transport: MemoryTransport, clock: MovableClock
) -> None:
    """Where nothing is kept, the mail that says so goes out first; then there is no such account."""
    answer = client.post("/auth/me/delete", json={"current_password": PASSWORD}, headers=signed_in)
    assert 204 == answer.status_code, answer.text
    assert 401 == client.get("/auth/me", headers=signed_in).status_code
    _until(lambda: any(b"deleted" in one.content for one in transport.messages))
    clock.move(601)
    _until(lambda: _account(client) is None)
    messages = client.get(f"/mail/messages?recipient={ADDRESS}", headers=ADMIN).json()["messages"]
    assert [] == messages


def _act(client: TestClient, action: str, of: str = ADDRESS, **body: str) -> Any:
    return client.post(f"/accounts/{_account(client, of)['id']}/{action}", json=body, headers=ADMIN)


def test_a_mistyped_address_is_corrected_and_written_to(client: TestClient, transport: MemoryTransport) -> None:
    """The right address gets the mail at once; once it is verified nobody corrects it."""
    body = {"email": "ada@exmaple.com", "password": PASSWORD}
    assert 202 == client.post("/auth/register", json=body).status_code
    answer = _act(client, "correct-address", "ada@exmaple.com", email=ADDRESS, reason="told on the phone")
    assert 202 == answer.status_code, answer.text
    assert (ADDRESS, None) == (answer.json()["account"]["email"], answer.json()["withheld"])
    shown = f"/mail/messages/{answer.json()['message']}"
    _until(lambda: client.get(shown, headers=ADMIN).json()["message"]["state"] == "accepted")
    assert any(ADDRESS == one.recipient for one in transport.messages)
    assert 422 == _act(client, "correct-address", email=ADDRESS).status_code


def test_s107_a_reset_is_started_for_its_owner(client: TestClient, signed_in: dict[str, str]) -> None:
    """The answer holds no link, and who is signed in stays so: nothing has changed until the owner follows it."""
    answer = _act(client, "start-reset", reason="cannot get in")
    assert 202 == answer.status_code, answer.text
    assert {"account", "message", "withheld"} == answer.json().keys()
    assert 200 == client.get("/auth/me", headers=signed_in).status_code
    refused = _act(client, "correct-address", email="somebody@example.org")
    assert (409, "action_refused") == (refused.status_code, refused.json()["code"])
