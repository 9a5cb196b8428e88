"""/admin/login: the way in, its cookies, and where it leads."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.operators.role import Role
from tests.admin.site import PASSWORD, Browser, Site, site
from tests.security.house import ADMIN, in_production


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service in which mira operates."""
    with site(tmp_path_factory.mktemp("sign-in")) as made:
        made.add("mira", Role.SUPPORT)
        yield made


def browser(house: Site) -> Browser:
    """A browser without cookies."""
    client = TestClient(house.browser.app, base_url=str(house.browser.base_url), follow_redirects=False)
    client.portal = house.browser.portal
    return Browser(client)


def sign_in(one: Browser, password: str = PASSWORD, **fields: str) -> Any:
    """Send the form."""
    return one.send("/admin/login", {"name": "mira", "password": password, **fields}, page="/admin/login")


def cookies(answer: Any) -> dict[str, str]:
    """The cookies an answer sets, by name."""
    return {one.partition("=")[0]: one for one in answer.headers.get_list("set-cookie")}


def test_the_session_is_a_strict_cookie(house: Site) -> None:
    """No script reads it, no other site's link brings it; so is the mark of the browser."""
    given = cookies(sign_in(browser(house)))
    for name in ("gatepost-operator", "gatepost-operator-browser"):
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(given[name].split("; "))
    assert "Max-Age=2592000" in given["gatepost-operator"]


def test_in_production_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    """`__Host-` and Secure: no other host sets or reads them, nothing goes over plain HTTP."""
    made = in_production(tmp_path)
    with made.client() as client:
        running = Site(made.gatepost, client)
        running.add("mira", Role.SUPPORT)
        given = cookies(sign_in(Browser(client)))
    for name in ("__Host-gatepost-operator", "__Host-gatepost-operator-browser"):
        assert "Secure" in given[name].split("; ")
    assert ADMIN not in repr(given)


def test_a_failure_says_one_thing(house: Site) -> None:
    """Whether there is one of the name or not: 401, the same words, the name kept and the password not."""
    seen = []
    for name in ("mira", "nobody", "<script>"):
        answer = sign_in(browser(house), "a password nobody chose", name=name)
        assert (401, {"gatepost-csrf"}) == (answer.status_code, set(cookies(answer)))
        assert "a password nobody chose" not in answer.text
        assert "<script>alert" not in answer.text
        seen.append(answer.text.partition("<form")[0])
    assert 1 == len(set(seen))
    assert "The name or the password is wrong." in seen[0]


def test_a_page_that_was_wanted_comes_after_the_sign_in(house: Site) -> None:
    """At the same address: the form stands there, and leads back to it."""
    one = browser(house)
    asked = one.get("/admin/messages?q=ada%40example.com")
    assert 401 == asked.status_code
    assert 'name="next" value="/admin/messages?q=ada%40example.com"' in asked.text
    answer = sign_in(one, next="/admin/messages?q=ada%40example.com")
    assert (303, "/admin/messages?q=ada%40example.com") == (answer.status_code, answer.headers["location"])


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/admin", "//evil.example/admin", "/account", "/adminx", "/admin/..%2f..//evil", ""]
)
def test_s89_signing_in_leads_to_operators_pages_alone(house: Site, wanted: str) -> None:
    """Whatever a stranger put into a link."""
    assert "/admin" == sign_in(browser(house), next=wanted).headers["location"]


def test_s105_the_form_of_another_site_signs_nobody_in(house: Site) -> None:
    """Nobody can be signed in as somebody else without noticing: its origin and its key are asked for."""
    one = browser(house)
    key = one.get("/admin/login").text.partition('name="form_key" value="')[2][:64]
    fields = {"form_key": key, "name": "mira", "password": PASSWORD}
    evil = one.client.post("/admin/login", data=fields, headers={"origin": "https://evil.example"})
    keyless = one.client.post(
        "/admin/login", data=fields | {"form_key": ""}, headers={"origin": "http://127.0.0.1:8000"}
    )
    assert [(403, "foreign_origin"), (403, "stale_form")] == [
        (answer.status_code, answer.json()["code"]) for answer in (evil, keyless)
    ]
    assert "gatepost-operator" not in one.client.cookies


def test_s46_the_session_a_browser_brings_ends_when_it_signs_in(house: Site) -> None:
    """And a token that was planted is not taken over."""
    one = browser(house)
    one.client.cookies.set("gatepost-operator", "p" * 43, domain="127.0.0.1", path="/")
    sign_in(one)
    first = one.client.cookies["gatepost-operator"]
    sign_in(one)
    assert 3 == len({"p" * 43, first, one.client.cookies["gatepost-operator"]})
    other = browser(house)
    other.client.cookies.set("gatepost-operator", first)
    assert 401 == other.get("/admin").status_code
    assert 200 == one.get("/admin").status_code


def test_signing_out_ends_it_in_the_database(house: Site) -> None:
    """Not only in this browser: whoever kept the token gets nothing."""
    one = browser(house)
    sign_in(one)
    token = one.client.cookies["gatepost-operator"]
    left = one.send("/admin/logout", {}, page="/admin/password")
    assert (303, "/admin/login") == (left.status_code, left.headers["location"])
    assert "gatepost-operator" not in one.client.cookies
    one.client.cookies.set("gatepost-operator", token)
    assert 401 == one.get("/admin").status_code


def test_whoever_tries_too_often_is_told_to_wait(tmp_path: Path) -> None:
    """429 as a page, with Retry-After."""
    with site(tmp_path, rate_limits=True) as limited:
        limited.add("mira", Role.SUPPORT)
        one = browser(limited)
        answers = [sign_in(one, "a password nobody chose") for _ in range(31)]
    assert ([401] * 30, 429) == ([answer.status_code for answer in answers[:30]], answers[30].status_code)
    assert 1 <= int(answers[30].headers["retry-after"])
    assert "<form" in answers[30].text
