"""The JSON routes of signing in: the token for programs, the cookie for browsers, never one for the other."""

import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from gatepost.accounts.account import Account
from gatepost.accounts.sessions import Current, Session
from gatepost.accounts.sign_in import SignedIn
from gatepost.errors import DatabaseBusy, NoSuchSession, NotSignedIn, RateLimited, SignInFailed
from gatepost.web.sign_in import sign_in_router
from tests.web.site import PRODUCTION, SECURITY_HEADERS, Flow, Site

TOKEN = "t" * 43
OTHER = "o" * 43
MIRA = Account(uuid.UUID(int=1), "mira@example.com", "Mira", "en", 1_700_000_060_000, 1_700_000_000_000)
HERE = Session(
    uuid.UUID(int=11), 1_700_000_000_000, 1_700_000_120_000, 1_800_000_000_000, "203.0.113.0/24", "A browser"
)
THERE = Session(uuid.UUID(int=12), 1_700_000_000_000, 1_700_000_180_000, 1_800_000_000_000, None, None)
SENT = {"email": MIRA.email, "password": "correct horse battery"}


class Door:
    """The routes over flows that know one account with two sessions."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.site = Site(settings)
        self.flows: dict[str, Flow] = self.site.others
        self.flows["sign_in"].answer = SignedIn(MIRA, HERE, TOKEN)
        self.flows["find_session"].answer = Current(MIRA, HERE.id)
        self.flows["list_sessions"].answer = [THERE, HERE]
        self.cookie = "__Host-gatepost" if self.site.context.is_https else "gatepost"
        self.ours = {"Origin": self.site.settings.public_url}

    def client(self, cookie: str | None = None) -> TestClient:
        client = self.site.client(sign_in_router(self.site.context))
        if cookie is not None:
            client.cookies.set(self.cookie, cookie)
        return client

    def looked_for(self) -> list[object]:
        """Every token the routes asked about."""
        return [asked["given"][0] for asked in self.flows["find_session"].asked]


@pytest.fixture(params=[None, PRODUCTION], ids=["http", "https"])
def door(request: pytest.FixtureRequest) -> Door:
    """On plain HTTP in development, and on HTTPS in production."""
    return Door(request.param)


def _code(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_login_answers_with_the_account_and_the_token(door: Door) -> None:
    """Programs take the token from the body; when the session ends at the latest stands beside it."""
    response = door.client().post("/auth/login", json=SENT)
    assert 200 == response.status_code
    assert {"account", "token", "expires_at"} == set(response.json())
    assert ("mira@example.com", TOKEN, "2027-01-15T08:00:00.000Z") == (
        response.json()["account"]["email"],
        response.json()["token"],
        response.json()["expires_at"],
    )
    assert all(name in response.headers for name in SECURITY_HEADERS)
    assert "no-store" == response.headers["cache-control"]


@pytest.mark.parametrize(
    ("settings", "name", "secure"), [(None, "gatepost", False), (PRODUCTION, "__Host-gatepost", True)]
)
def test_s51_the_cookie_is_bound_to_this_host_and_to_https(settings: Any, name: str, secure: bool) -> None:
    """No script reads it, no other site's form sends it, no subdomain gets it; on plain loopback without Secure."""
    response = Door(settings).client().post("/auth/login", json=SENT)
    (field,) = response.headers.get_list("set-cookie")
    (pair, *attributes) = field.split("; ")
    assert f"{name}={TOKEN}" == pair
    wanted = {"HttpOnly", "SameSite=lax", "Path=/", "Max-Age=2592000", *(["Secure"] if secure else [])}
    assert wanted == set(attributes)


def test_s51_logout_clears_the_very_same_cookie(door: Door) -> None:
    """A browser drops a __Host- cookie only for an answer with the same attributes."""
    response = door.client(TOKEN).post("/auth/logout", headers=door.ours)
    (field,) = response.headers.get_list("set-cookie")
    assert field.startswith(f'{door.cookie}=""; ')
    assert "Max-Age=0" in field
    assert door.site.context.is_https == ("Secure" in field.split("; "))
    assert (204, b"") == (response.status_code, response.content)


def test_s46_login_ends_the_session_the_browser_had(door: Door) -> None:
    """Whatever cookie comes with it, the answer sets a new one."""
    response = door.client(OTHER).post("/auth/login", json=SENT, headers=door.ours)
    assert OTHER == door.flows["sign_in"].asked[0]["replaces"]
    assert TOKEN == response.cookies[door.cookie]


def test_login_says_from_where_and_brings_the_answer_to_a_challenge(door: Door) -> None:
    """The client is the peer's; nobody chooses it in the body."""
    door.client().post("/auth/login", json=SENT | {"challenge": "solved", "client": "x", "replaces": "y"})
    (asked,) = door.flows["sign_in"].asked
    assert ("solved", None) == (asked["challenge"], asked["replaces"])
    assert asked["client"].prefix == "unknown"  # what a TestClient calls itself is no address


def test_s81_every_failed_login_has_one_answer(door: Door) -> None:
    """Its reason is for operators: the answers differ in their request ids alone."""
    bodies, fields = [], []
    for reason in ("no_account", "wrong_password", "disabled", "not_verified", "malformed"):
        door.flows["sign_in"].answer = SignInFailed(reason)
        response = door.client().post("/auth/login", json=SENT)
        assert (401, "sign_in_failed") == _code(response)
        bodies.append({name: value for name, value in response.json().items() if name != "request_id"})
        fields.append([(name, value) for name, value in response.headers.items() if name != "x-request-id"])
    assert [bodies[0]] * 5 == bodies
    assert [fields[0]] * 5 == fields
    assert "set-cookie" not in dict(fields[0])


@pytest.mark.parametrize("answer", [SignedIn(MIRA, HERE, TOKEN), SignInFailed("wrong_password")])
def test_s81_the_worker_is_woken_by_a_failure_whatever_its_cause(answer: object) -> None:
    """An address that waits for its proof may get a message; by who is woken nobody learns which one does."""
    door = Door()
    door.flows["sign_in"].answer = answer
    door.client().post("/auth/login", json=SENT)
    assert int(isinstance(answer, Exception)) == door.site.rings


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RateLimited(17), 429, "too_many_requests"), (DatabaseBusy("full", 3), 503, "try_later")],
)
def test_login_says_when_to_come_again(error: Exception, status: int, code: str) -> None:
    """In Retry-After."""
    door = Door()
    door.flows["sign_in"].answer = error
    response = door.client().post("/auth/login", json=SENT)
    assert (status, code) == _code(response)
    assert response.headers["retry-after"] in ("17", "3")


def test_the_owner_is_found_by_bearer_or_by_cookie(door: Door) -> None:
    """One of both is enough for reading."""
    assert MIRA.email == door.client().get("/auth/me", headers={"Authorization": f"Bearer {TOKEN}"}).json()["email"]
    assert MIRA.email == door.client(OTHER).get("/auth/me").json()["email"]
    assert [TOKEN, OTHER] == door.looked_for()


@pytest.mark.parametrize("bearer", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_bearer_wins_over_the_cookie_and_never_falls_back(door: Door, bearer: str) -> None:
    """A bad token is 401 although a good cookie came with it."""
    door.flows["find_session"].answer = NotSignedIn("ended")
    response = door.client(OTHER).get("/auth/me", headers={"Authorization": bearer})
    assert (401, "not_signed_in") == _code(response)
    assert 'Bearer realm="gatepost"' == response.headers["www-authenticate"]
    assert [TOKEN] == door.looked_for()


@pytest.mark.parametrize("field", ["Bearer", "Bearer ", "bearer\t"])
def test_an_empty_bearer_never_falls_back_either(door: Door, field: str) -> None:
    """Whoever says Bearer means it."""
    door.flows["find_session"].answer = NotSignedIn("no token")
    response = door.client(OTHER).get("/auth/me", headers={"Authorization": field})
    assert 401 == response.status_code
    assert OTHER not in door.looked_for()


def test_another_scheme_of_authorization_leaves_the_cookie_alone(door: Door) -> None:
    """A proxy may ask for Basic in front of a whole site."""
    response = door.client(OTHER).get("/auth/me", headers={"Authorization": "Basic YTpi"})
    assert (200, [OTHER]) == (response.status_code, door.looked_for())


def test_nobody_is_signed_in_without_a_token(door: Door) -> None:
    """401, and nothing is looked up."""
    for method, path in (("GET", "/auth/me"), ("GET", "/auth/sessions"), ("DELETE", f"/auth/sessions/{HERE.id}")):
        assert (401, "not_signed_in") == _code(door.client().request(method, path))
    assert [] == door.looked_for()


@pytest.mark.parametrize("name", ["token", "access_token", "session", "gatepost", "__Host-gatepost", "authorization"])
def test_s55_no_token_is_taken_from_the_query(door: Door, name: str) -> None:
    """What stands in an address stands in logs and histories; nor is it ever put there."""
    response = door.client().get("/auth/me", params={name: TOKEN})
    assert (401, []) == (response.status_code, door.looked_for())
    assert TOKEN not in str(door.client().post("/auth/login", json=SENT).headers.get("location", ""))


UNSAFE = [("POST", "/auth/logout"), ("DELETE", f"/auth/sessions/{THERE.id}")]
FOREIGN: list[dict[str, str]] = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize("foreign", FOREIGN)
def test_s87_an_unsafe_request_by_cookie_needs_our_origin(
    door: Door, method: str, path: str, foreign: dict[str, str]
) -> None:
    """Another site can send the cookie and cannot say that it is ours; nothing is looked up and nothing ends."""
    response = door.client(TOKEN).request(method, path, headers=foreign)
    assert (403, "foreign_origin") == _code(response)
    assert ([], [], []) == (door.looked_for(), door.flows["sign_out"].asked, door.flows["end_session"].asked)


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize("by", ["origin", "fetch metadata", "bearer"])
def test_an_unsafe_request_of_our_own_page_passes(door: Door, method: str, path: str, by: str) -> None:
    """By either field of the browser's; with a Bearer token none is needed, for no browser adds one by itself."""
    fields = {
        "origin": door.ours,
        "fetch metadata": {"Sec-Fetch-Site": "same-origin"},
        "bearer": {"Authorization": f"Bearer {TOKEN}"},
    }[by]
    client = door.client(None if by == "bearer" else TOKEN)
    assert 204 == client.request(method, path, headers=fields).status_code


def test_s49_logout_ends_the_session_it_was_sent_with(door: Door) -> None:
    """By Bearer that one, and not the cookie's."""
    response = door.client(OTHER).post("/auth/logout", headers={"Authorization": f"Bearer {TOKEN}"})
    assert 204 == response.status_code
    assert [(TOKEN,)] == [asked["given"] for asked in door.flows["sign_out"].asked]


def test_logout_without_a_session_is_204_too(door: Door) -> None:
    """Whoever wants out is out."""
    assert (204, []) == (door.client().post("/auth/logout").status_code, door.flows["sign_out"].asked)


def test_s56_logout_does_not_wipe_what_is_the_hosts(door: Door) -> None:
    """No Clear-Site-Data: it would delete the host application's cookies and storage for the whole site as well."""
    response = door.client(TOKEN).post("/auth/logout", headers=door.ours)
    assert "clear-site-data" not in response.headers


def test_the_list_of_sessions_says_which_one_asks(door: Door) -> None:
    """Instants as RFC 3339; nothing from which a token could be made."""
    sessions = door.client(TOKEN).get("/auth/sessions").json()["sessions"]
    assert [(str(THERE.id), False), (str(HERE.id), True)] == [(one["id"], one["current"]) for one in sessions]
    assert {
        "id": str(HERE.id),
        "created_at": "2023-11-14T22:13:20.000Z",
        "seen_at": "2023-11-14T22:15:20.000Z",
        "expires_at": "2027-01-15T08:00:00.000Z",
        "network": "203.0.113.0/24",
        "agent": "A browser",
        "current": True,
    } == sessions[1]


def test_ending_the_session_that_asks_clears_its_cookie(door: Door) -> None:
    """Ending another one does not."""
    client = door.client(TOKEN)
    assert "set-cookie" not in client.delete(f"/auth/sessions/{THERE.id}", headers=door.ours).headers
    assert "Max-Age=0" in client.delete(f"/auth/sessions/{HERE.id}", headers=door.ours).headers["set-cookie"]
    assert [THERE.id, HERE.id] == [asked["given"][1] for asked in door.flows["end_session"].asked]


def test_the_session_of_somebody_else_is_not_found(door: Door) -> None:
    """And what is no id at all is said to be none."""
    door.flows["end_session"].answer = NoSuchSession("not yours")
    client = door.client(TOKEN)
    assert (404, "not_found") == _code(client.delete(f"/auth/sessions/{uuid.uuid4()}", headers=door.ours))
    assert (422, "invalid_input") == _code(client.delete("/auth/sessions/mine", headers=door.ours))


def test_a_failed_request_by_cookie_leaves_the_cookie_alone(door: Door) -> None:
    """A database that is away signs nobody out."""
    door.flows["find_session"].answer = DatabaseBusy("away")
    response = door.client(TOKEN).get("/auth/me")
    assert (503, "try_later") == _code(response)
    assert "set-cookie" not in response.headers
