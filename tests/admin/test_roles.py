"""Who may see which of the operators' pages: every route × every role, from the routes the service really has."""

import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from gatepost.accounts.sessions import begin_session
from gatepost.accounts.tables import accounts
from gatepost.operators.role import Role
from tests.admin.asking import Way, ask, ways
from tests.admin.site import PASSWORD, Site, site
from tests.docs.pages import REFERENCE, code_words, rows, section
from tests.security.routes import address_of
from tests.support.clock import MovableClock
from tests.support.issued_secrets import ISSUED

TOKEN = "operators-and-nobody-else-" + "a" * 16
ORIGIN = {"origin": "http://127.0.0.1:8000"}
COOKIE = "gatepost-operator"
PAST_EVERY_LIFETIME_S = 31 * 24 * 3600
_KEY = re.compile(r'name="form_key" value="([0-9a-f]+)"')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service with an operator of each role."""
    with site(tmp_path_factory.mktemp("roles"), clock=MovableClock(), admin_token=TOKEN) as made:
        for role in Role:
            made.add(str(role), role)
        yield made


@pytest.fixture(scope="module")
def every_way(house: Site) -> list[Way]:
    """Every method of every route that names a role."""
    return [way for way in ways(house.browser.app) if way.least is not None]


class Person:
    """One operator in a browser: cookies, and the key of its forms."""

    def __init__(self, house: Site, name: str) -> None:
        self._house = house
        key, cookie = _form(house, {})
        client = house.browser
        client.cookies.clear()
        signed_in = client.post(
            "/admin/login",
            data={"form_key": key, "name": name, "password": PASSWORD},
            headers={**ORIGIN, "cookie": cookie},
        )
        assert signed_in.status_code == 303, signed_in.text
        self.token = signed_in.cookies[COOKIE]
        client.cookies.clear()
        self.headers = {"cookie": f"{cookie}; {COOKIE}={self.token}"}
        self.key = key

    def ask(self, way: Way, **headers: str) -> tuple[int, str | None]:
        """Ask for one route; a form brings its key and nothing else. Status and code of the problem."""
        return asked(self._house, way, {**ORIGIN, **self.headers, **headers}, {"form_key": self.key})


def asked(
    house: Site, way: Way, headers: dict[str, str], fields: dict[str, str] | None = None
) -> tuple[int, str | None]:
    """Status and code of the problem."""
    arguments = (house.browser.app, way.method, address_of(way.path), headers)
    status, content = house.call(ask, *arguments, fields if way.method == "POST" else None)
    is_problem = status >= 400 and content.startswith(b"{")
    return status, json.loads(content)["code"] if is_problem else None


def _form(house: Site, headers: dict[str, str]) -> tuple[str, str]:
    """The key of a form, and the cookie it belongs to."""
    house.browser.cookies.clear()
    page = house.browser.get("/admin/login", headers={"accept": "text/html", **headers})
    found = _KEY.search(page.text)
    assert found is not None
    return found[1], f"gatepost-csrf={page.cookies['gatepost-csrf']}"


def test_every_route_names_its_role_but_those_to_sign_in(house: Site) -> None:
    """A new page without a role fails this; what is left has no figure and no name of anybody in it."""
    nameless = {str(way) for way in ways(house.browser.app) if way.least is None}
    to_sign_in = {"GET /admin/login", "HEAD /admin/login", "POST /admin/login", "POST /admin/logout"}
    assert to_sign_in | {"GET /admin/static/{name}", "HEAD /admin/static/{name}"} == nameless


def test_every_role_is_documented(every_way: list[Way]) -> None:
    """docs/reference/http.md says of each route which role it needs."""
    page = section((REFERENCE / "http.md").read_text(), "The operators' pages")
    documented = {way: code_words(cells[1]) for cells in rows(page) for way in code_words(cells[0])}
    assert {str(way): [str(way.least)] for way in every_way if way.method != "HEAD"} == {
        way: roles for way, roles in documented.items() if roles
    }


@pytest.mark.parametrize("role", list(Role))
def test_s104_every_route_opens_to_its_role_and_the_ones_above(house: Site, every_way: list[Way], role: Role) -> None:
    """403 where the role is too low; else it answers, or asks for what is missing: never 401 and never 403."""
    person = Person(house, str(role))
    answers = {str(way): person.ask(way) for way in every_way}
    refused = {str(way): (403, "role_too_low") for way in every_way if way.least and not role.may(way.least)}
    assert refused == {way: answer for way, answer in answers.items() if answer[0] in (401, 403)}
    assert {} == {way: answer for way, answer in answers.items() if answer[0] >= 500}
    assert (role is Role.OWNER) == (refused == {})


WRONG: dict[str, Any] = {
    "none": {},
    "random": {"cookie": f"{COOKIE}={secrets.token_urlsafe(32)}"},
    "empty": {"cookie": f"{COOKIE}="},
    "admin token": {"authorization": f"Bearer {TOKEN}"},
    "admin token as cookie": {"cookie": f"{COOKIE}={TOKEN}"},
}


@pytest.mark.parametrize("credential", WRONG)
def test_s104_without_a_session_nothing_opens(house: Site, every_way: list[Way], credential: str) -> None:
    """No and every wrong credential alike: 401, also for the token by which programs ask the JSON routes."""
    answers = {str(way): asked(house, way, {**ORIGIN, **WRONG[credential]}) for way in every_way}
    assert {str(way): (401, "not_signed_in") for way in every_way} == answers


def test_s104_the_session_of_an_account_opens_nothing(house: Site, every_way: list[Way]) -> None:
    """Operators are no accounts: neither its cookie, nor its token in the place of an operator's."""
    client = house.browser
    person = {"email": "ada@example.com", "password": PASSWORD}
    assert 202 == client.post("/auth/register", json=person).status_code

    def sign_in(tx: Connection) -> str:
        account = tx.scalar(update(accounts).values(verified_at=1).returning(accounts.c.id))
        return begin_session(tx, house.gatepost.gate, account, None, house.gatepost.clock.now_ms())[1]

    session = house.call(house.gatepost.write, sign_in)
    ISSUED.note("session token", session)
    assert 200 == client.get("/auth/me", headers={"authorization": f"Bearer {session}"}).status_code
    for headers in (
        {"cookie": f"gatepost={session}"},
        {"cookie": f"{COOKIE}={session}"},
        {"authorization": f"Bearer {session}"},
    ):
        assert {401} == {asked(house, way, {**ORIGIN, **headers})[0] for way in every_way}


def test_s104_the_session_of_an_operator_is_nobodys_on_the_other_routes(house: Site) -> None:
    """The strongest of them is no account and not the admin token."""
    token = Person(house, "owner").token
    for headers in (
        {"authorization": f"Bearer {token}"},
        {"cookie": f"gatepost={token}"},
        {"cookie": f"{COOKIE}={token}"},
    ):
        for path in ("/auth/me", "/accounts?email=ada@example.com", "/mail/messages"):
            assert 401 == house.browser.get(path, headers=headers).status_code


def test_s105_no_form_of_another_site_is_taken(house: Site, every_way: list[Way]) -> None:
    """Whatever comes with a session: another origin, a foreign page, or no word of whose page it was."""
    person = Person(house, "owner")
    forms = [way for way in every_way if way.method == "POST"]
    assert forms
    for says in (
        {"origin": "https://evil.example"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
        {"origin": "null"},
    ):
        assert {(403, "foreign_origin")} == {person.ask(way, **says) for way in forms}


def test_s105_no_form_without_its_key_is_taken(house: Site, every_way: list[Way]) -> None:
    """The cookie alone sends nothing, from whatever page."""
    person = Person(house, "owner")
    headers = {**ORIGIN, **person.headers}
    forms = [way for way in every_way if way.method == "POST"]
    assert {(403, "stale_form")} == {asked(house, way, headers, {"form_key": "0" * 64}) for way in forms}


def test_s104_an_ended_session_opens_nothing(house: Site, every_way: list[Way]) -> None:
    """After signing out its token is worth nothing on every route."""
    person = Person(house, "owner")
    left = asked(house, Way("POST", "/admin/logout", None), {**ORIGIN, **person.headers}, {"form_key": person.key})
    assert 303 == left[0]
    assert {401} == {person.ask(way)[0] for way in every_way}


def test_s104_a_session_past_its_lifetime_opens_nothing(tmp_path: Path) -> None:
    """However busy it was until then."""
    clock = MovableClock()
    with site(tmp_path, clock=clock) as house:
        house.add("mira", Role.OWNER)
        person = Person(house, "mira")
        clock.move(PAST_EVERY_LIFETIME_S)
        assert {401} == {person.ask(way)[0] for way in ways(house.browser.app) if way.least is not None}


def test_s103_nothing_is_there_until_somebody_operates(tmp_path: Path) -> None:
    """Without an operator every route is 404 whatever comes along; with one it asks who you are."""
    with site(tmp_path, admin_token=TOKEN) as house:
        every = ways(house.browser.app)
        for headers in WRONG.values():
            assert {404} == {asked(house, way, {**ORIGIN, **headers})[0] for way in every}
        house.add("mira", Role.SUPPORT)
        assert {401} == {asked(house, way, ORIGIN)[0] for way in every if way.least is not None}
