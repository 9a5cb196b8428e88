"""The JSON routes by which a signed-in person changes the account: what they hand on, and how they answer."""

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.sessions import Current
from gatepost.errors import BadToken, FieldError, HashingBusy, InvalidInput, NotSignedIn, RateLimited, WrongPassword
from gatepost.web.account_changes import changes_router
from tests.web.site import ADA, PRODUCTION, SECURITY_HEADERS, Flow, Site
from tests.web.test_whole import PASSWORD, Service

SESSION = Current(ADA, uuid.UUID(int=9 << 64))
TOKEN = "a token of a session"
BEARER = {"authorization": f"Bearer {TOKEN}"}
CURRENT = "the current password"
SENSITIVE = {
    "/auth/password/change": ("change_password", {"password": "quite another good one"}),
    "/auth/email/change": ("request_address_change", {"email": "ada@example.org"}),
    "/auth/me/delete": ("delete_account", {}),
}
SIGNED_IN = [("PATCH", "/auth/me"), *(("POST", path) for path in SENSITIVE)]
LINKS = {"/auth/email/confirm": "confirm_address", "/auth/email/undo": "undo_address_change"}


@pytest.fixture
def site() -> Site:
    """A Gatepost where Ada is signed in."""
    site = Site()
    site.others["find_session"].answer = SESSION
    for name in ("change_profile", *LINKS.values()):
        site.others[name].answer = ADA
    return site


def client(site: Site) -> TestClient:
    return site.client(changes_router(site.context))


def flow(site: Site, name: str) -> Flow:
    return site.others[name]


def said(sent: object) -> dict[str, Any]:
    """A JSON body that may hold half of a character, which the client itself would not write."""
    return {"content": json.dumps(sent), "headers": {**BEARER, "content-type": "application/json"}}


def body_of(path: str) -> dict[str, Any]:
    return {**SENSITIVE[path][1], "current_password": CURRENT}


def test_a_profile_is_changed_by_what_is_sent(site):
    """A member that is left out is not null, and null takes the name away."""
    for sent in ({}, {"name": "Ada L."}, {"name": None}, {"locale": "zh-CN", "name": "Ada"}, {"locale": None}):
        answer = client(site).patch("/auth/me", json=sent, headers=BEARER)
        assert (200, "ada@example.com") == (answer.status_code, answer.json()["email"])
        asked = flow(site, "change_profile").asked.pop()
        assert (sent, (SESSION,)) == (asked["changes"], asked["given"])
    assert [{"given": (TOKEN,)}] * 5 == flow(site, "find_session").asked


@pytest.mark.parametrize("sent", [{"name": 7}, {"locale": ["en"]}, {"name": {"$ne": ""}}, [], "Ada", None])
def test_a_profile_of_another_shape_is_refused(site, sent):
    """The field is named, and nothing is handed on."""
    answer = client(site).patch("/auth/me", json=sent, headers=BEARER)
    assert (422, "invalid_input") == (answer.status_code, answer.json()["code"])
    assert [] == flow(site, "change_profile").asked


@pytest.mark.parametrize("path", SENSITIVE)
def test_a_sensitive_change_hands_on_the_current_password_and_rings(site, path):
    """With the session it came with, and whom it came from."""
    name, sent = SENSITIVE[path]
    answer = client(site).post(path, json=body_of(path), headers=BEARER)
    expected = (202, {"status": "check_your_inbox"}) if path == "/auth/email/change" else (204, None)
    assert expected == (answer.status_code, answer.json() if answer.content else None)
    (asked,) = flow(site, name).asked
    assert ((SESSION,), CURRENT) == (asked["given"], asked["current_password"])
    assert sent == {key: asked[key] for key in sent}
    assert answer.headers["x-request-id"] == asked["request_id"]
    assert "client" in asked
    assert 1 == site.rings


@pytest.mark.parametrize("path", SENSITIVE)
def test_s53_a_sensitive_change_without_the_current_password_is_refused(site, path):
    """Left out, null and of another type: the flow is not even asked."""
    for wrong in ({}, {"current_password": None}, {"current_password": ["x"]}, {"current_password": "\ud800"}):
        answer = client(site).post(path, **said(SENSITIVE[path][1] | wrong))
        assert (422, ["current_password"]) == (answer.status_code, [one["field"] for one in answer.json()["errors"]])
    assert [] == flow(site, SENSITIVE[path][0]).asked
    assert 0 == site.rings


@pytest.mark.parametrize("path", SENSITIVE)
def test_s10_a_wrong_current_password_is_403_and_the_session_stays(site, path):
    """A program that signs out at 401 must not do so here; the cookie is not cleared."""
    flow(site, SENSITIVE[path][0]).answer = WrongPassword("it does not fit")
    answer = client(site).post(path, json=body_of(path), headers=BEARER)
    assert (403, "wrong_password") == (answer.status_code, answer.json()["code"])
    assert [("current_password", "wrong")] == [(one["field"], one["code"]) for one in answer.json()["errors"]]
    assert "set-cookie" not in answer.headers
    assert 0 == site.rings


@pytest.mark.parametrize(("method", "path"), SIGNED_IN)
def test_s10_every_change_needs_a_session(site, method, path):
    """None, and one that ended: 401 with the way to sign in, and no flow is asked."""
    site.others["find_session"].answer = NotSignedIn("it ended")
    for headers in ({}, BEARER):
        answer = client(site).request(method, path, json=body_of(path) if path in SENSITIVE else {}, headers=headers)
        assert (401, "not_signed_in") == (answer.status_code, answer.json()["code"])
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert [] == [name for name in SECURITY_HEADERS if name not in answer.headers]
    asked = {name for name, one in site.others.items() if one.asked}
    assert {"find_session"} == asked


@pytest.mark.parametrize(("method", "path"), SIGNED_IN)
def test_a_page_of_another_site_changes_nothing(site, method, path):
    """Its form or script sends the cookie along; the Origin gives it away, and so does its absence."""
    visitor = client(site)
    visitor.cookies.set("gatepost", TOKEN)
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        answer = visitor.request(method, path, json=body_of(path) if path in SENSITIVE else {}, headers=headers)
        assert (403, "foreign_origin") == (answer.status_code, answer.json()["code"])
    assert [] == [name for name, one in site.others.items() if one.asked]


def test_our_own_page_may_change_the_account_by_cookie(site):
    """The Origin is ours."""
    visitor = client(site)
    visitor.cookies.set("gatepost", TOKEN)
    answer = visitor.patch("/auth/me", json={"name": "Ada"}, headers={"origin": site.settings.public_url})
    assert 200 == answer.status_code


def test_a_deletion_clears_the_cookie():
    """With the attributes it was set with, or browsers keep it."""
    site = Site(PRODUCTION)
    site.others["find_session"].answer = SESSION
    answer = client(site).post("/auth/me/delete", json={"current_password": CURRENT}, headers=BEARER)
    assert 204 == answer.status_code
    (cleared,) = answer.headers.get_list("set-cookie")
    assert cleared.startswith('__Host-gatepost="";')
    for attribute in ("HttpOnly", "Max-Age=0", "Path=/", "SameSite=lax", "Secure"):
        assert attribute in cleared


@pytest.mark.parametrize("path", LINKS)
@pytest.mark.parametrize("token", ["a mailed token", None, 7, ["x"], {"$ne": ""}, "\ud800"])
def test_a_link_needs_no_session_and_hands_on_whatever_it_holds(site, path, token):
    """Which mailbox it came to is all that counts; the answer is the account, and no cookie."""
    sent = {"token": token} if token is not None else {}
    answer = client(site).post(path, **said(sent))
    assert (200, str(ADA.id)) == (answer.status_code, answer.json()["id"])
    (asked,) = flow(site, LINKS[path]).asked
    assert token == asked["token"]
    assert "set-cookie" not in answer.headers
    assert (1, []) == (site.rings, site.others["find_session"].asked)


@pytest.mark.parametrize("path", LINKS)
def test_every_bad_link_is_the_same_400(site, path):
    """Whatever was wrong, nothing of the reason is said."""
    answers = []
    for reason in ("used", "forged", "address_taken"):
        flow(site, LINKS[path]).answer = BadToken(reason)
        answer = client(site).post(path, json={"token": "x"}).json()
        answers.append({name: value for name, value in answer.items() if name != "request_id"})
    assert "bad_token" == answers[0]["code"]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (RateLimited(60), 429, "too_many_requests"),
        (HashingBusy("many wait", retry_after_s=30), 503, "try_later"),
        (InvalidInput([FieldError("password", "unchanged", "Choose another one.")]), 422, "invalid_input"),
    ],
)
def test_what_a_flow_refuses_is_told_with_the_way_out(site, error, status, code):
    """And when to come again."""
    flow(site, "change_password").answer = error
    answer = client(site).post("/auth/password/change", json=body_of("/auth/password/change"), headers=BEARER)
    assert (status, code) == (answer.status_code, answer.json()["code"])
    wait_s = getattr(error, "retry_after_s", None)
    assert answer.headers.get("retry-after") == (None if wait_s is None else str(wait_s))


def test_members_nobody_may_set_are_ignored(site):
    """Nobody says about themselves that they are verified, somebody else, or whose account it is."""
    more = {"verified_at": "2026-01-01T00:00:00Z", "email": "eve@example.com", "id": str(uuid.uuid4()), "role": "admin"}
    answer = client(site).patch("/auth/me", json={"name": "Ada", **more}, headers=BEARER)
    assert 200 == answer.status_code
    assert {"name": "Ada"} == flow(site, "change_profile").asked[0]["changes"]
    for path, (name, sent) in SENSITIVE.items():
        client(site).post(path, json={**more, **body_of(path)}, headers=BEARER)
        (asked,) = flow(site, name).asked
        assert {"given", "current_password", "request_id", "client", *sent} == set(asked)


def test_the_answer_shows_the_account_and_nothing_else_of_it(site):
    """An allow-list: a column more in the row is none more in the answer."""
    flow(site, "change_profile").answer = replace(ADA, verified_at=1_700_000_100_000)
    answer = client(site).patch("/auth/me", json={}, headers=BEARER).json()
    assert {
        "id": str(ADA.id),
        "email": "ada@example.com",
        "name": "Ada",
        "locale": "en",
        "verified_at": "2023-11-14T22:15:00.000Z",
        "created_at": "2023-11-14T22:13:20.000Z",
    } == answer


def test_the_whole_way_of_a_new_address(tmp_path: Path):
    """Signed in, another password, another address with both mails, confirmed, taken back, and in again by a reset."""
    service = Service(tmp_path)
    with service.client() as visitor:
        visitor.post("/auth/register", json={"email": "ada@example.com", "password": PASSWORD, "name": "Ada"})
        visitor.post("/auth/verify", json={"token": service.token("erify", "ada@example.com")})

        def sign_in(email: str, password: str) -> dict[str, str]:
            answer = visitor.post("/auth/login", json={"email": email, "password": password})
            visitor.cookies.clear()
            return {"authorization": f"Bearer {answer.json().get('token')}"}

        ada, elsewhere = (sign_in("ada@example.com", PASSWORD) for _ in range(2))
        new = "quite another good one"
        changed = visitor.post(
            "/auth/password/change", json={"current_password": PASSWORD, "password": new}, headers=ada
        )
        assert (204, b"") == (changed.status_code, changed.content)
        assert [200, 401] == [visitor.get("/auth/me", headers=one).status_code for one in (ada, elsewhere)]
        assert "changed" in service.mail("was changed", "ada@example.com")
        wanted = {"email": "ada@example.org", "current_password": new}
        asked = visitor.post("/auth/email/change", json=wanted, headers=ada)
        assert (202, {"status": "check_your_inbox"}) == (asked.status_code, asked.json())
        assert "a***@example.org" in service.mail("being changed", "ada@example.com")
        confirmed = visitor.post("/auth/email/confirm", json={"token": service.token("new email", "ada@example.org")})
        assert (200, "ada@example.org") == (confirmed.status_code, confirmed.json()["email"])
        moved = sign_in("ada@example.org", new)
        assert [401, 200] == [visitor.get("/auth/me", headers=one).status_code for one in (ada, moved)]
        undone = visitor.post("/auth/email/undo", json={"token": service.token("being changed", "ada@example.com")})
        assert (200, "ada@example.com") == (undone.status_code, undone.json()["email"])
        assert 401 == visitor.get("/auth/me", headers=moved).status_code
        reset = {"token": service.token("hoose a new", "ada@example.com"), "password": "a third good password"}
        assert 204 == visitor.post("/auth/password/reset", json=reset).status_code
        back = sign_in("ada@example.com", "a third good password")
        gone = visitor.post("/auth/me/delete", json={"current_password": "a third good password"}, headers=back)
        assert (204, 401) == (gone.status_code, visitor.get("/auth/me", headers=back).status_code)
    assert [] == [one for one in service.heard if type(one).__name__ == "RequestFailed"]
