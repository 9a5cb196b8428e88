"""The pages of an account against the real service: sessions, changes and mailed links as a person meets them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.web.test_account_pages import to
from tests.web.test_whole import PASSWORD, Service

ADDRESS = "ada@example.com"
ANOTHER = "another long sentence"
NEW_ADDRESS = "ada@elsewhere.example"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    """The browser of somebody whose address is verified."""
    with service.client() as running:
        running.follow_redirects = False
        running.post("/auth/register", json={"email": ADDRESS, "password": PASSWORD, "name": "Ada"})
        assert running.post("/auth/verify", json={"token": service.token("erify", ADDRESS)}).status_code == 200
        yield running


def signed_in(client: TestClient, email: str = ADDRESS, password: str = PASSWORD) -> str:
    """Sign in on the page; returns the session's token."""
    answer = to(client, "/login", email=email, password=password)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    token = client.cookies["gatepost"]
    assert token
    return token


def test_s49_a_session_ends_with_its_button_and_its_cookie_opens_nothing_again(client):
    """The token that the page's cookie held is refused afterwards, on the page and in the API."""
    token = signed_in(client)
    assert ADDRESS in client.get("/account").text
    assert "Signed out" in to(client, "/account/sign-out").text
    client.cookies.set("gatepost", token)
    assert client.get("/account").headers["location"] == "/login?next=%2Faccount"
    assert client.get("/auth/me", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_s46_signing_in_again_on_the_page_ends_the_session_before(client):
    """One browser, one session: the older token is good for nothing."""
    older = signed_in(client)
    newer = signed_in(client)
    statuses = [
        client.get("/auth/me", headers={"authorization": f"Bearer {token}"}).status_code for token in (older, newer)
    ]
    assert statuses == [401, 200]


def test_every_failure_of_the_sign_in_page_is_the_same_page(client):
    """Wrong password, unknown address, an address that waits for its proof, no address: 401 and one text."""
    client.post("/auth/register", json={"email": "bob@example.com", "password": PASSWORD})
    tries = [(ADDRESS, ANOTHER), ("eve@example.com", PASSWORD), ("bob@example.com", PASSWORD), ("no address", PASSWORD)]
    answers = [to(client, "/login", email=email, password=password) for email, password in tries]
    pages = {answer.text.replace(email, "") for answer, (email, _) in zip(answers, tries, strict=True)}
    assert ({answer.status_code for answer in answers}, len(pages)) == ({401}, 1)
    assert client.cookies.get("gatepost") is None


def test_s52_a_person_sees_and_ends_the_other_sessions(service, client):
    """The other session is listed with its browser and network; its button ends it at once, and only it."""
    answer = client.post(
        "/auth/login",
        json={"email": ADDRESS, "password": PASSWORD},
        headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"},
    )
    client.cookies.clear()
    signed_in(client)
    page = client.get("/account").text
    assert "Firefox · Windows" in page
    assert "127.0.0.0/24" in page
    (session,) = re.findall(r'name="session" value="([0-9a-f-]{36})"', page)
    assert to(client, "/account/sessions/end", session=session).status_code == 303
    other = client.get("/auth/me", headers={"authorization": f"Bearer {answer.json()['token']}"})
    assert (other.status_code, client.get("/account").status_code) == (401, 200)


def test_a_password_is_changed_on_the_page(client):
    """The current one is asked for; afterwards only the new one signs in, and this browser stays signed in."""
    signed_in(client)
    refused = to(client, "/account/password", current_password="not it at all", password=ANOTHER)
    assert (refused.status_code, "This is not your current password." in refused.text) == (403, True)
    assert "Password changed" in to(client, "/account/password", current_password=PASSWORD, password=ANOTHER).text
    assert client.get("/account").status_code == 200
    assert to(client, "/login", email=ADDRESS, password=PASSWORD).status_code == 401
    signed_in(client, password=ANOTHER)


def test_an_address_is_changed_and_the_change_undone(service, client):
    """Confirmed at the new address, it counts; undone at the old one, nobody is signed in and a reset is on its way."""
    signed_in(client)
    asked = to(client, "/account/email", email=NEW_ADDRESS, current_password=PASSWORD)
    assert NEW_ADDRESS in asked.text
    confirm = _link(service.mail("", NEW_ADDRESS), "/email/confirm")
    undo = _link(service.mail("address", ADDRESS), "/email/undo")
    for link in (confirm, undo):
        assert {client.request(method, link).status_code for method in ("GET", "HEAD") * 10} == {200}
    assert ADDRESS in client.get("/account").text
    done = to(client, "/email/confirm", token=confirm.partition("token=")[2])
    assert (done.status_code, NEW_ADDRESS in done.text) == (200, True)
    assert client.get("/account").status_code == 303
    signed_in(client, NEW_ADDRESS)
    undone = to(client, "/email/undo", token=undo.partition("token=")[2])
    assert (undone.status_code, ADDRESS in undone.text) == (200, True)
    assert client.get("/account").status_code == 303
    assert to(client, "/login", email=NEW_ADDRESS, password=PASSWORD).status_code == 401
    reset = service.token("new password", ADDRESS)
    assert "New password set" in to(client, "/reset", token=reset, password=ANOTHER).text
    signed_in(client, password=ANOTHER)


def test_an_account_is_deleted_on_the_page_and_a_reset_brings_it_back(service, client):
    """Deleted, it signs nobody in; a reset within the time restores it."""
    signed_in(client)
    assert "Account deleted" in to(client, "/account/delete", current_password=PASSWORD).text
    assert client.cookies.get("gatepost") is None
    assert to(client, "/login", email=ADDRESS, password=PASSWORD).status_code == 401
    to(client, "/reset/request", email=ADDRESS)
    reset = service.token("new password", ADDRESS)
    assert "New password set" in to(client, "/reset", token=reset, password=ANOTHER).text
    signed_in(client, password=ANOTHER)


def test_name_and_language_are_changed_on_the_page(client):
    """They are the account's afterwards."""
    token = signed_in(client)
    assert to(client, "/account/profile", name="Ada L", locale="zh-CN").status_code == 303
    body = client.get("/auth/me", headers={"authorization": f"Bearer {token}"}).json()
    assert (body["name"], body["locale"]) == ("Ada L", "zh-CN")


def test_s55_no_address_and_no_page_holds_a_session(service, client):
    """Neither what was answered, where it led, nor any event names the token."""
    token = signed_in(client)
    answers = [client.get("/account"), client.get("/login"), to(client, "/account/sessions/end", session="x")]
    said = [repr(service.heard), *(answer.text + json.dumps(dict(answer.headers)) for answer in answers)]
    assert [one for one in said if token in one] == []


def _link(text: str, path: str) -> str:
    (found,) = re.findall(rf"http://[^/\s]+({path}\?token=[\w.-]+)", text)
    return str(found)
