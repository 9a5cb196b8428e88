"""Every route with no, a wrong and an expired credential, from the table of routes the service really has."""

import secrets
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.security.house import House, as_admin, in_production
from tests.security.routes import (
    ACCOUNT_PAGE,
    CLASSES,
    DEVELOPMENT,
    FILE,
    LINK,
    OPERATOR,
    PAGE,
    PROBE,
    PUBLIC,
    SESSION,
    Endpoint,
    address_of,
    classes_of,
    endpoints,
    is_house,
)

PAST_EVERY_LIFETIME_S = 31 * 24 * 3600
BODY = {"email": "nobody@example.com", "password": "a password long enough", "current_password": "p", "token": "t"}
WRONG = {
    "none": {},
    "random": {"authorization": f"Bearer {secrets.token_urlsafe(32)}"},
    "empty": {"authorization": "Bearer "},
    "no bearer": {"authorization": "Basic YWRhOmFkYQ=="},
    "not ascii": {"authorization": b"Bearer \xc3\xa9\xc3\xa9"},
    "half a character": {"authorization": b"Bearer \xff"},
    "cookie": {"cookie": f"gatepost={secrets.token_urlsafe(32)}", "origin": "http://127.0.0.1:8000"},
    "form cookie": {"cookie": f"gatepost-csrf={secrets.token_urlsafe(32)}", "origin": "http://127.0.0.1:8000"},
}


@pytest.fixture(scope="module")
def expired(house: House, client: TestClient) -> dict[str, str]:
    """The token of a session that is too old by now."""
    token = house.session(client)
    assert client.get("/auth/me", headers=as_admin(token)).status_code == 200
    house.clock.move(PAST_EVERY_LIFETIME_S)
    return as_admin(token)


def ask(client: TestClient, endpoint: Endpoint, headers: Any) -> Any:
    """Send what could be right if only the credential were; no cookie stays from one request to the next."""
    method, path = endpoint
    client.cookies.clear()
    body = {} if method in ("GET", "HEAD", "DELETE") else {"json": BODY}
    return client.request(method, address_of(path), headers=headers, **body)


def test_every_route_stands_in_exactly_one_class(house):
    """A new route fails this until somebody said who may use it, and no class names a route that is gone."""
    found = endpoints(house.app)
    assert {} == {one: classes_of(one) for one in found if len(classes_of(one)) != 1}
    named = [endpoint for members in CLASSES.values() for endpoint in members]
    assert sorted(named) == [one for one in found if not is_house(one)]


def test_production_has_the_same_routes_but_those_of_development(tmp_path):
    """What only a developer needs does not exist there."""
    house = in_production(tmp_path)
    elsewhere = {endpoint for name, members in CLASSES.items() if name != "development" for endpoint in members}
    assert sorted(elsewhere) == [one for one in endpoints(house.app) if not is_house(one)]
    with house.client() as client:
        answers = {client.get(address_of(path)).status_code for _, path in DEVELOPMENT - FILE}
    assert {404} == answers


@pytest.mark.parametrize("credential", WRONG)
@pytest.mark.parametrize("endpoint", sorted(SESSION), ids=" ".join)
def test_a_session_route_is_401_without_a_session(client, endpoint, credential):
    """No and every wrong credential alike: `not_signed_in`, a challenge, and nothing else in the answer."""
    answer = ask(client, endpoint, WRONG[credential])
    assert (401, "not_signed_in") == (answer.status_code, answer.json()["code"])
    assert 'Bearer realm="gatepost"' == answer.headers["www-authenticate"]


@pytest.mark.parametrize("endpoint", sorted(SESSION), ids=" ".join)
def test_a_session_route_is_401_with_an_expired_session(client, endpoint, expired):
    """A session past its lifetime opens nothing, by header field and by cookie."""
    token = expired["authorization"].removeprefix("Bearer ")
    by_cookie = {"cookie": f"gatepost={token}", "origin": "http://127.0.0.1:8000"}
    assert [401, 401] == [ask(client, endpoint, headers).status_code for headers in (expired, by_cookie)]


@pytest.mark.parametrize("endpoint", sorted(SESSION), ids=" ".join)
def test_a_session_route_is_401_with_the_admin_token(client, endpoint):
    """The token of operators is nobody's session."""
    assert 401 == ask(client, endpoint, as_admin()).status_code


@pytest.mark.parametrize("endpoint", sorted(SESSION), ids=" ".join)
def test_a_session_route_is_401_after_signing_out(house, client, endpoint):
    """The token that was used for signing out works nowhere any more."""
    headers = as_admin(house.session(client))
    assert 204 == client.post("/auth/logout", headers=headers).status_code
    assert 401 == ask(client, endpoint, headers).status_code


@pytest.mark.parametrize("credential", WRONG)
@pytest.mark.parametrize("endpoint", sorted(OPERATOR), ids=" ".join)
def test_an_operator_route_is_401_without_the_admin_token(client, endpoint, credential):
    """No and every wrong credential alike: `unauthorized`, a challenge, whether or not the thing exists."""
    answer = ask(client, endpoint, WRONG[credential])
    assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    assert 'Bearer realm="gatepost"' == answer.headers["www-authenticate"]


def test_an_operator_route_is_401_with_a_session(house, client):
    """Whoever is only signed in has the wrong scope, by header field and by cookie, live or expired."""
    token = house.session(client)
    by_cookie = {"cookie": f"gatepost={token}", "origin": "http://127.0.0.1:8000"}
    live = {one: [ask(client, one, h).status_code for h in (as_admin(token), by_cookie)] for one in sorted(OPERATOR)}
    house.clock.move(PAST_EVERY_LIFETIME_S)
    late = {one: ask(client, one, as_admin(token)).status_code for one in sorted(OPERATOR)}
    assert {one: [401, 401] for one in OPERATOR} == live
    assert {one: 401 for one in OPERATOR} == late


def test_while_no_admin_token_is_set_nobody_is_an_operator(tmp_path):
    """An empty or any other token opens nothing, and the answer says what to set."""
    house = House(tmp_path, rate_limits=False, admin_token=None)
    with house.client() as client:
        for endpoint in sorted(OPERATOR):
            answers = [ask(client, endpoint, headers) for headers in (*WRONG.values(), as_admin(), as_admin("None"))]
            assert {401} == {answer.status_code for answer in answers}
            assert "set ADMIN_TOKEN" in answers[0].json()["detail"]


@pytest.mark.parametrize("endpoint", sorted(PUBLIC), ids=" ".join)
def test_a_public_route_never_asks_who_is_there(client, expired, endpoint):
    """No credential, right or wrong, changes its status; signing in says 401 about what was typed, and only so."""
    seen = {name: ask(client, endpoint, headers) for name, headers in (WRONG | {"expired": expired}).items()}
    assert 1 == len({answer.status_code for answer in seen.values()}), seen
    wanted = {"/auth/login": {"sign_in_failed"}}.get(endpoint[1], {"bad_token", None})
    codes = {answer.json().get("code") if answer.content else None for answer in seen.values()}
    assert codes <= wanted


@pytest.mark.parametrize("endpoint", sorted(PROBE), ids=" ".join)
def test_a_probe_answers_everybody(client, expired, endpoint):
    """Whatever comes along, a probe in development is 200."""
    assert {200} == {ask(client, endpoint, headers).status_code for headers in (*WRONG.values(), expired)}


def test_s103_metrics_are_for_operators_in_production(tmp_path):
    """401 for no and every wrong credential, 200 with the admin token, under any Host."""
    with in_production(tmp_path).client() as client:
        refused = {ask(client, ("GET", "/metrics"), headers).status_code for headers in WRONG.values()}
        right = client.get("/metrics", headers={**as_admin(), "host": "10.0.0.7:8000"}).status_code
    assert ({401}, 200) == (refused, right)


LEADS = {"/": "/register", "/.well-known/change-password": "/account/password"}


@pytest.mark.parametrize("endpoint", sorted(one for one in PAGE | FILE if one[0] != "POST"), ids=" ".join)
def test_a_page_opens_for_everybody(client, expired, endpoint):
    """A page never says 401: it opens, or leads to another page of ours; a wrong credential changes nothing."""
    for headers in (*WRONG.values(), expired):
        answer = ask(client, endpoint, headers)
        assert answer.status_code == (303 if endpoint[1] in LEADS else 200)
        assert answer.headers.get("location") == LEADS.get(endpoint[1])


@pytest.mark.parametrize("endpoint", sorted(LINK), ids=" ".join)
def test_the_link_of_a_message_asks_nobody_who_they_are(client, expired, endpoint):
    """It opens for everybody, and what is sent from anywhere is judged by its token alone; no cookie is set."""
    elsewhere = {"origin": "https://mail.example", "sec-fetch-site": "cross-site"}
    for headers in (*WRONG.values(), expired, elsewhere, {"origin": "null"}):
        client.cookies.clear()
        form = {"data": {"List-Unsubscribe": "One-Click"}} if endpoint[0] == "POST" else {}
        answer = client.request(endpoint[0], address_of(endpoint[1]), headers=headers, **form)
        assert answer.status_code == (400 if endpoint[0] == "POST" else 200)
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("endpoint", sorted(one for one in ACCOUNT_PAGE), ids=" ".join)
def test_a_page_of_an_account_leads_to_signing_in(house, client, expired, endpoint):
    """Without a session, with a wrong, an ended and an expired one there is nothing but the way to /login."""
    ended = house.session(client)
    client.post("/auth/logout", headers=as_admin(ended))
    late = expired["authorization"].removeprefix("Bearer ")
    cookies = [{"cookie": f"gatepost={token}"} for token in (ended, late, "wrong")]
    for headers in (*WRONG.values(), *cookies):
        client.cookies.clear()
        form = {"data": BODY} if endpoint[0] == "POST" else {}
        headers = headers | {"accept": "text/html", "origin": "http://127.0.0.1:8000"}
        answer = client.request(endpoint[0], address_of(endpoint[1]), headers=headers, **form)
        assert (303, "/login") == (answer.status_code, answer.headers["location"].partition("?")[0])


@pytest.mark.parametrize("endpoint", sorted(one for one in PAGE | ACCOUNT_PAGE if one[0] == "POST"), ids=" ".join)
def test_a_page_takes_no_form_but_its_own(house, client, endpoint):
    """Without the field that belongs to the browser's cookie nothing is done, for somebody who is signed in either."""
    token = house.session(client)
    origin = {"origin": "http://127.0.0.1:8000"}
    for headers in (origin, origin | {"cookie": f"gatepost={token}"}):
        client.cookies.clear()
        answer = client.post(address_of(endpoint[1]), data=BODY, headers=headers | {"accept": "text/html"})
        assert answer.status_code == (303 if endpoint in ACCOUNT_PAGE and "cookie" not in headers else 403)
        assert 200 == client.get("/auth/me", headers=as_admin(token)).status_code
