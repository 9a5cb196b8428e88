"""Mailed links as scanners, browsers and histories meet them: opening one changes nothing, and no token leaks."""

import base64
import json
import re
import secrets
import socket
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.tokens import Purpose
from tests.security.house import PASSWORD, House
from tests.security.person import PAGES, ROUTES, Person, redeem
from tests.support.service import Service

PURPOSES = pytest.mark.parametrize("purpose", Purpose)


def open_often(client: TestClient, person: Person, link: str) -> None:
    """20 times GET and HEAD, with and without a browser's header fields; no row changes, and at most one is noted."""
    person.wait_for_all_mail()
    before = person.everything()
    noted = before.pop("link_opens")
    browsers = ({"accept": "text/html", "user-agent": "scanner/1.0", "sec-fetch-mode": "navigate"}, {})
    for number in range(20):
        for method in ("GET", "HEAD"):
            answer = client.request(method, link, headers=browsers[number % 2])
            assert 200 == answer.status_code
    after = person.everything()
    (fact,) = [row for row in after.pop("link_opens") if row not in noted]
    assert "scanner" == fact[1]
    assert before == after


@pytest.mark.parametrize(
    ("purpose", "again"), [(Purpose.VERIFICATION, {}), (Purpose.PASSWORD_RESET, {"password": "another quartz ladle"})]
)
def test_s40_opening_a_mailed_link_changes_nothing(
    house: House, person: Person, client: TestClient, purpose: Purpose, again: dict[str, str]
) -> None:
    """A scanner may fetch it 20 times; the button works afterwards, and only it."""
    if purpose is Purpose.VERIFICATION:
        new = "scanned@example.com"
        client.post("/auth/register", json={"email": new, "password": PASSWORD})
        token = house.token("erify", new)
    else:
        client.post("/auth/password/reset/request", json={"email": person.email})
        token = house.token("assword", person.email)
    open_often(client, person, f"{PAGES[purpose]}?token={token}")
    assert client.post(ROUTES[purpose], json={"token": token, **again}).status_code in (200, 204)
    assert 400 == client.post(ROUTES[purpose], json={"token": token, **again}).status_code


@pytest.mark.parametrize("purpose", [Purpose.ADDRESS_CHANGE, Purpose.ADDRESS_UNDO])
def test_s40_opening_the_links_of_a_change_of_address_changes_nothing(
    house: House, person: Person, client: TestClient, purpose: Purpose
) -> None:
    """The one to the new address and the one to the old: 20 fetches, then the button works."""
    session = {"authorization": f"Bearer {house.session(client, person.email)}"}
    new_address = f"moved-for-{purpose}@example.com"
    asked = {"email": new_address, "current_password": PASSWORD}
    assert 202 == client.post("/auth/email/change", json=asked, headers=session).status_code
    moved = purpose is Purpose.ADDRESS_CHANGE
    token = house.token(*(("new email address", new_address) if moved else ("is being changed", person.email)))
    open_often(client, person, f"{PAGES[purpose]}?token={token}")
    assert 200 == client.post(ROUTES[purpose], json={"token": token}).status_code


class _Places(HTMLParser):
    """Everything a page loads, leads to or sends to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.places: list[str] = []
        self.scripts: list[str] = []
        self.inline = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places += [given[name] for name in ("src", "href", "action", "data", "poster", "srcset") if name in given]
        if tag == "script":
            self.scripts.append(given.get("src", ""))
            self.inline += "src" not in given
        self.inline += sum(name.startswith("on") or name == "style" for name in given)


@PURPOSES
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_s43_a_page_with_a_token_is_not_stored_and_loads_nothing_foreign(
    person: Person, client: TestClient, purpose: Purpose, method: str
) -> None:
    """Before and after the button: `no-store`, no address beyond this site, and none that holds the token."""
    token = person.mint(purpose)
    path = PAGES[purpose]
    if method == "GET":
        answer = client.get(f"{path}?token={token}", headers={"accept": "text/html"})
        assert token in answer.text
    else:
        answer = client.post(path, data={"token": token}, headers={"accept": "text/html"})
    assert "no-store" in answer.headers["cache-control"]
    found = _Places(answer.text)
    assert [] == [place for place in found.places if urlsplit(place).netloc or urlsplit(place).scheme]
    assert [] == [place for place in found.places if token in place and not place.startswith("?")]
    assert 0 == found.inline


@PURPOSES
def test_s42_a_page_with_a_token_tells_nobody_where_it_was(
    person: Person, client: TestClient, purpose: Purpose
) -> None:
    """No Referer leaves it, and its script takes the token out of the address bar and the history."""
    answer = client.get(f"{PAGES[purpose]}?token={person.mint(purpose)}")
    assert "no-referrer" == answer.headers["referrer-policy"]
    (script,) = [one for one in _Places(answer.text).scripts if "landing" in one]
    text = client.get(script).text
    assert re.search(r'delete\("token"\)[\s\S]*history\.replaceState\(', text)


@PURPOSES
def test_s42_no_answer_repeats_a_token(person: Person, client: TestClient, purpose: Purpose) -> None:
    """Bad or good, in the body, the query or the path: no body and no header field of an error holds it."""
    token = person.mint(purpose)
    other = next(one for one in Purpose if one is not purpose)
    session = {"authorization": f"Bearer {token}"}
    answers = [
        redeem(client, other, token),
        redeem(client, purpose, token + "x"),
        client.post(ROUTES[purpose], json=[token]),
        client.post(ROUTES[purpose], content=f'{{"token": "{token}"', headers={"content-type": "application/json"}),
        client.post(ROUTES[purpose], content=token, headers={"content-type": "text/plain"}),
        client.get(f"/nothing/{token}"),
        client.get(f"/nothing?token={token}"),
        client.put(f"{PAGES[purpose]}?token={token}"),
        client.get("/auth/me", headers=session),
        client.post(
            f"{PAGES[purpose]}?token={token}", data={"token": token}, headers={"origin": "https://evil.example"}
        ),
        redeem(client, purpose, token),
    ]
    for answer in answers:
        assert token not in answer.text + repr(answer.headers.multi_items())
    told = " ".join(map(repr, person.house.heard)) + client.get("/metrics").text
    assert token not in told


def test_s42_the_log_of_a_real_service_holds_no_token(tmp_path: Path) -> None:
    """Neither ours nor the HTTP server's, whether the link is opened, sent, mistyped or broken HTTP."""
    token = base64.urlsafe_b64encode(secrets.token_bytes(48)).decode()
    service = Service(tmp_path)
    service.start()
    try:
        service.wait_until_ready()
        statuses = [service.get(f"{path}?token={token}")[0] for path in (*PAGES.values(), "/nothing", f"/{token}")]
        statuses += [service.post(path, token=token, password=PASSWORD)[0] for path in ROUTES.values()]
        assert [200] * 4 + [404] * 2 + [400] * 4 == statuses
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as line:
            line.sendall(f"GET /verify?token={token} HTTP/9.9\r\n\r\n".encode())
            assert b"400" in line.recv(4096)
        metrics = service.get("/metrics")[2].decode()
    finally:
        service.stop()
        service.close()
    assert len(service.log) > 8
    said = json.dumps(service.log) + service.text + metrics
    assert [] == [part for part in (token, token[:20], token[-20:]) if part in said]
