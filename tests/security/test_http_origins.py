"""Pages of other sites: what they may cause (nothing) and what they may read (nothing)."""

import itertools
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.security.house import House, as_admin
from tests.security.routes import CLASSES, OPERATOR, PUBLIC, SESSION, address_of

UNSAFE_JSON = sorted(one for one in PUBLIC | SESSION | OPERATOR if one[0] != "GET")
WITH_BODY = sorted(one for one in UNSAFE_JSON if one[0] != "DELETE" and one[1] != "/auth/logout")
READ_ONLY = sorted(
    {path for members in CLASSES.values() for method, path in members if method in ("GET", "HEAD")}
    - {"/dev/mailbox/changes"}  # an answer without an end; it reads a folder
)
FOREIGN = {
    "another site": {"origin": "https://evil.example"},
    "a site whose name begins like ours": {"origin": "http://127.0.0.1.evil.example:8000"},
    "our name on another port": {"origin": "http://127.0.0.1:8001"},
    "no origin but another site": {"sec-fetch-site": "cross-site"},
    "a neighbour of our site": {"sec-fetch-site": "same-site"},
    "a sandboxed frame": {"origin": "null"},
    "a sandboxed frame of another site": {"origin": "null", "sec-fetch-site": "cross-site"},
    "no origin at all": {"origin": ""},
    "several origins": {"origin": "http://127.0.0.1:8000 https://evil.example"},
    "another scheme": {"origin": "file://"},
    "our name as user": {"origin": "http://127.0.0.1:8000@evil.example"},
}
BODY = {"email": "ada@example.com", "password": "sandpiper quartz ladle", "current_password": "p", "token": "t"}
ORIGINS = ("https://evil.example", "null", "http://127.0.0.1:8000")


def rows(house: House) -> list[tuple[str, list[Any]]]:
    """Everything the database holds but how many requests were counted, and that a mailed link was opened."""
    with closing(sqlite3.connect(f"file:{house.folder}/gatepost.db?mode=ro", uri=True)) as connection:
        named = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = sorted(name for (name,) in named if name not in ("workers", "buckets", "limits", "link_opens"))
        return [(name, connection.execute(f"SELECT * FROM {name}").fetchall()) for name in tables]


def test_s86_reading_changes_nothing(house, client):
    """GET and HEAD of every address, with a session and as operator, with a token in the query: no row changes.

    But that a link was opened is noted once, beside all that counts: tests/conformance/accounts/test_link_opens.py.
    """
    email = house.person(client)
    client.post("/auth/password/reset/request", json={"email": email})
    token = house.token("assword", email)
    session = house.session(client, email)
    house.wait_for_mail(2)
    before = rows(house)
    for path, headers in itertools.product(READ_ONLY, ({}, as_admin(session), as_admin())):
        for method in ("GET", "HEAD"):
            address = address_of(path) + f"?token={token}&email={email}&password=p"
            assert client.request(method, address, headers=headers).status_code < 500
    assert before == rows(house)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("endpoint", UNSAFE_JSON, ids=" ".join)
def test_s86_what_changes_state_is_not_had_by_another_method(client, endpoint, method):
    """No route that writes answers a method it does not name, nor a method named beside the real one."""
    path = address_of(endpoint[1])
    others = {one for one, where in PUBLIC | SESSION | OPERATOR if where == endpoint[1]}
    if method in others:
        return
    override = {"x-http-method-override": "POST", "x-method-override": "POST", "x-http-method": "POST"}
    answer = client.request(method, path + "?_method=POST", headers=override)
    assert (405, sorted(others)) == (answer.status_code, sorted(answer.headers["allow"].split(", ")))


@pytest.mark.parametrize("site", FOREIGN)
@pytest.mark.parametrize("endpoint", UNSAFE_JSON, ids=" ".join)
def test_s87_an_unsafe_request_of_another_site_is_refused(client, endpoint, site):
    """403 before anything else is looked at, whatever credential comes along; no cookie is set."""
    for headers in ({}, as_admin(), {"cookie": "gatepost=abc"}):
        answer = client.request(
            endpoint[0],
            address_of(endpoint[1]),
            json=BODY if endpoint in WITH_BODY else None,
            headers=headers | FOREIGN[site],
        )
        assert (403, "foreign_origin") == (answer.status_code, answer.json()["code"])
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain; charset=application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/json-patch+json",
        "application/jsonp",
        "application/csp-report",
        "",
    ],
)
@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s87_a_body_that_any_page_may_send_is_415(client, endpoint, kind):
    """Forms and plain text need no preflight, so the JSON routes do not read them, for whomever they come."""
    answer = client.request(
        endpoint[0],
        address_of(endpoint[1]),
        content=b'{"token": "t", "email": "ada@example.com", "password": "p"}',
        headers=as_admin() | {"content-type": kind},
    )
    assert (415, "unsupported_media_type") == (answer.status_code, answer.json()["code"])


def test_s87_a_session_by_cookie_needs_our_own_origin(house, client):
    """A cookie alone, which a browser adds by itself, changes nothing unless the request says it is our page's."""
    token = house.session(client)
    cookie = {"cookie": f"gatepost={token}"}
    refused = [{}, {"sec-fetch-site": "none"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
    for headers in refused:
        answer = client.patch("/auth/me", json={"name": "Eve"}, headers=cookie | headers)
        assert (403, "foreign_origin") == (answer.status_code, answer.json()["code"]), headers
    for headers in ({"origin": "http://127.0.0.1:8000"}, {"sec-fetch-site": "same-origin"}):
        assert 200 == client.patch("/auth/me", json={"name": "Ada"}, headers=cookie | headers).status_code


def test_s87_a_bearer_token_is_never_made_good_by_the_cookie(house, client):
    """Whoever names a token means it: a wrong one beside a right cookie is 401."""
    headers = {**as_admin("wrong"), "cookie": f"gatepost={house.session(client)}", "origin": "http://127.0.0.1:8000"}
    assert 401 == client.get("/auth/me", headers=headers).status_code


@pytest.mark.parametrize("origin", ORIGINS)
def test_s88_no_answer_lets_another_site_read_it(house, client, origin):
    """No Access-Control field in any answer, not even for our own origin: nothing asks for it."""
    session = as_admin(house.session(client))
    for path in sorted({path for members in CLASSES.values() for _, path in members} - {"/dev/mailbox/changes"}):
        for method in ("GET", "POST", "OPTIONS"):
            answer = client.request(method, address_of(path), headers=session | {"origin": origin})
            assert [] == [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("endpoint", UNSAFE_JSON, ids=" ".join)
def test_s88_a_preflight_is_refused(client, endpoint, origin):
    """A browser that asks first gets 405 without any permission, so it never sends the request."""
    asked = {
        "origin": origin,
        "access-control-request-method": endpoint[0],
        "access-control-request-headers": "authorization,content-type",
        "access-control-request-private-network": "true",
    }
    answer = client.options(address_of(endpoint[1]), headers=asked)
    assert 405 == answer.status_code
    assert [] == [name for name in answer.headers if name.startswith("access-control-")]


def test_s88_in_production_only_the_origin_of_public_url_may_send(gate):
    """Scheme, name and port all count; what is ours in development is not ours there."""

    def status(**headers: str) -> int:
        return gate.post("/auth/verify", json={"token": "t"}, headers=headers).status_code

    allowed = [status(), status(origin="https://gate.example.com"), status(origin="https://gate.example.com:443")]
    refused = [
        status(origin=origin)
        for origin in (
            "http://gate.example.com",
            "https://gate.example.com:8443",
            "https://www.gate.example.com",
            "https://gate.example.com.evil.example",
            "https://example.com",
            "http://localhost:8000",
            "http://127.0.0.1:443",
            "null",
        )
    ]
    assert ([400] * 3, [403] * 8) == (allowed, refused)
