"""/accounts over HTTP: only with the admin token, and nothing secret in its answers."""

import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.account import AccountRow
from gatepost.accounts.operators import AccountAction
from gatepost.accounts.sessions import Session
from gatepost.audit.trail import Signature
from gatepost.errors import NoSuchAccount, NoSuchSession
from gatepost.web.account_operators import account_operators_router
from tests.web.site import PRODUCTION, Site

ID = uuid.UUID(int=7 << 64)
ADMIN = {"authorization": f"Bearer {PRODUCTION['admin_token']}"}
AT = 1_700_000_000_000
ACCOUNT = AccountRow(
    id=ID,
    email="ada@example.com",
    name="Ada",
    locale="en",
    verified_at=AT,
    created_at=AT,
    address_key="ada@example.com",
    disabled_at=AT,
    deleted_at=None,
)
SHOWN = {
    "id": str(ID),
    "email": "ada@example.com",
    "name": "Ada",
    "locale": "en",
    "verified_at": "2023-11-14T22:13:20.000Z",
    "created_at": "2023-11-14T22:13:20.000Z",
    "disabled_at": "2023-11-14T22:13:20.000Z",
    "deleted_at": None,
}
REQUESTS = [
    ("GET", "/accounts?email=ada@example.com"),
    ("GET", f"/accounts/{ID}/sessions"),
    ("POST", f"/accounts/{ID}/disable"),
    ("POST", f"/accounts/{ID}/enable"),
    ("POST", f"/accounts/{ID}/sessions/end"),
]


@pytest.fixture
def site() -> Site:
    """A site with an admin token, whose flows know one account."""
    site = Site(PRODUCTION)
    site.others["find_account"].answer = ACCOUNT
    site.others["act_on_account"].answer = ACCOUNT
    site.others["sessions_of"].answer = [Session(ID, AT, AT, AT, "203.0.113.0/24", "a browser")]
    return site


@pytest.fixture
def client(site: Site) -> TestClient:
    """Asks only /accounts."""
    return site.client(account_operators_router(site.context))


def _asked(site: Site, flow: str) -> list[dict[str, Any]]:
    return site.others[flow].asked


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("token", [None, "x" * 40], ids=["none", "wrong"])
def test_only_the_admin_token_opens_accounts(
    site: Site, client: TestClient, method: str, path: str, token: str | None
) -> None:
    """Nothing is looked up for anybody else."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    answer = client.request(method, path, headers=headers)
    assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    assert [] == [asked for flow in site.others.values() for asked in flow.asked]


def test_an_account_is_shown_without_anything_secret(client: TestClient) -> None:
    """What support needs, and nothing of the password."""
    answer = client.get("/accounts?email=ada@example.com", headers=ADMIN)
    assert (200, {"account": SHOWN}) == (answer.status_code, answer.json())


def test_an_address_without_an_account_is_no_error(site: Site, client: TestClient) -> None:
    """It is a question, and that is the answer."""
    site.others["find_account"].answer = None
    answer = client.get("/accounts?email=nobody@example.com", headers=ADMIN)
    assert (200, {"account": None}) == (answer.status_code, answer.json())


def test_its_sessions_are_listed(client: TestClient) -> None:
    """Where and with what each was begun; never what opens it."""
    (shown,) = client.get(f"/accounts/{ID}/sessions", headers=ADMIN).json()["sessions"]
    assert ["id", "created_at", "seen_at", "expires_at", "network", "agent"] == list(shown)


@pytest.mark.parametrize("action", [AccountAction.DISABLE, AccountAction.ENABLE])
def test_an_action_is_signed_with_who_and_why(site: Site, client: TestClient, action: AccountAction) -> None:
    """The reason goes with it, trimmed; the body may be left out."""
    headers = {**ADMIN, "x-request-id": "request-1"}
    answer = client.post(f"/accounts/{ID}/{action}", json={"reason": "  stolen  "}, headers=headers)
    assert (202, {"account": SHOWN}) == (answer.status_code, answer.json())
    assert 202 == client.post(f"/accounts/{ID}/{action}", headers=ADMIN).status_code
    reasons = []
    for asked in _asked(site, "act_on_account"):
        done, whom, by = asked["given"]
        assert isinstance(by, Signature)
        assert (action, ID, "admin token") == (done, whom, by.actor)
        reasons.append(by.reason)
    assert ["stolen", None] == reasons


def test_sessions_are_ended_one_or_all(site: Site, client: TestClient) -> None:
    """The one that is named; all where none is."""
    path = f"/accounts/{ID}/sessions/end"
    for body in ({"session": str(ID)}, {}):
        assert 202 == client.post(path, json=body, headers=ADMIN).status_code
    assert [ID, None] == [asked["session_id"] for asked in _asked(site, "act_on_account")]
    assert 422 == client.post(path, json={"session": "all"}, headers=ADMIN).status_code


@pytest.mark.parametrize("error", [NoSuchAccount("none"), NoSuchSession("none")])
def test_what_does_not_exist_is_404(site: Site, client: TestClient, error: Exception) -> None:
    """An account and a session alike."""
    site.others["act_on_account"].answer = error
    answer = client.post(f"/accounts/{ID}/sessions/end", headers=ADMIN)
    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
