"""/admin/operators and /admin/password: who operates, and the own password."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gatepost.audit.tables import audit
from gatepost.operators.role import Role
from gatepost.operators.tables import operators
from tests.admin.asking import ways
from tests.admin.site import PASSWORD, Browser, Site, site
from tests.support.issued_secrets import ISSUED

NEW = "eleven sandpipers at dawn"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service."""
    with site(tmp_path_factory.mktemp("operators")) as made:
        yield made


@pytest.fixture(scope="module")
def owner(house: Site) -> Browser:
    """A browser of the only owner."""
    return house.browser_of(Role.OWNER)


def hired(house: Site, name: str) -> str:
    """Somebody of the role `support`; returns the address of their page."""
    house.add(name, Role.SUPPORT)
    return f"/admin/operators/{name}"


def state(house: Site, name: str) -> tuple[str, bool]:
    """Role, and whether they may sign in."""
    query = select(operators.c.role, operators.c.disabled_at).where(operators.c.name == name)
    role, disabled_at = house.read(lambda connection: connection.execute(query).one())
    return role, disabled_at is None


def last_deed(house: Site) -> Any:
    """The newest row of the audit log."""
    query = select(audit).order_by(audit.c.id.desc()).limit(1)
    return house.read(lambda connection: connection.execute(query).mappings().one())


def test_owners_see_who_operates(house: Site, owner: Browser) -> None:
    """With their roles, and where they are signed in."""
    hired(house, "ada")
    page = owner.get("/admin/operators").text
    assert '<a href="/admin/operators/ada">ada</a>' in page
    assert "gatepost operator add" in page
    assert "<td>owner</td>" in page


def test_an_owner_changes_a_role_with_a_reason(house: Site, owner: Browser) -> None:
    """It is written down with the owner's name, the reason and the request; the page says it is done."""
    path = hired(house, "bob")
    done = owner.send(f"{path}/role", {"role": "operator", "reason": "on call now"}, page=path)
    assert (303, f"{path}?done=role_changed") == (done.status_code, done.headers["location"])
    assert ("operator", True) == state(house, "bob")
    deed = last_deed(house)
    assert ("operator_role", "support", "operator", "on call now") == (
        deed["action"], deed["state_before"], deed["state_after"], deed["reason"],
    )  # fmt: skip
    assert deed["actor"].startswith("operator owner.")
    assert done.headers["x-request-id"] == deed["request_id"]
    assert "The role is changed." in owner.get(done.headers["location"]).text


def test_whoever_is_disabled_is_out_with_the_next_click(house: Site, owner: Browser) -> None:
    """And in again when enabled, with the password they had."""
    other = house.browser_of(Role.OPERATOR)
    assert 200 == other.get("/admin").status_code
    name = last_deed_name(house)
    path = f"/admin/operators/{name}"
    owner.send(f"{path}/disable", {"reason": "left the team"}, page=path)
    assert 401 == other.get("/admin").status_code
    assert 401 == sign_in(other, name, PASSWORD).status_code
    owner.send(f"{path}/enable", {"reason": "is back"}, page=path)
    assert 401 == other.get("/admin").status_code
    assert 303 == sign_in(other, name, PASSWORD).status_code


def test_an_owner_ends_the_sessions_of_another(house: Site, owner: Browser) -> None:
    """A browser that was lost is signed out from here."""
    other = house.browser_of(Role.SUPPORT)
    path = f"/admin/operators/{last_deed_name(house)}"
    owner.send(f"{path}/end-sessions", {"reason": "lost a laptop"}, page=path)
    assert 401 == other.get("/admin").status_code


@pytest.mark.parametrize("change", ["role", "disable", "enable", "end-sessions"])
def test_s108_nothing_is_done_without_a_reason(house: Site, owner: Browser, change: str) -> None:
    """The form is shown again, open, with what was chosen; nothing is written."""
    path = hired(house, f"cyd.{change}")
    before = last_deed(house)["id"]
    again = owner.send(f"{path}/{change}", {"role": "owner", "reason": "  "}, page=path)
    assert 422 == again.status_code
    assert "Say why" in again.text
    assert (("support", True), before) == (state(house, f"cyd.{change}"), last_deed(house)["id"])


def test_no_page_makes_an_owner_of_nothing(house: Site, owner: Browser) -> None:
    """A role there is not is refused with its field."""
    path = hired(house, "dan")
    again = owner.send(f"{path}/role", {"role": "god", "reason": "why not"}, page=path)
    assert (422, ("support", True)) == (again.status_code, state(house, "dan"))
    assert "Choose one of the roles." in again.text


def test_the_page_keeps_the_last_owner(house: Site, owner: Browser) -> None:
    """Whoever would shut everybody out is told so, and nothing is done."""
    (name,) = owners(house)
    path = f"/admin/operators/{name}"
    assert "This is you." in owner.get(path).text
    for change, fields in (("disable", {}), ("role", {"role": "support"})):
        again = owner.send(f"{path}/{change}", {"reason": "tired", **fields}, page=path)
        assert 409 == again.status_code
        assert "This is the last owner" in again.text
    assert ("owner", True) == state(house, name)


def test_nobody_there_is_a_page_that_says_so(owner: Browser) -> None:
    """404, with words."""
    answer = owner.get("/admin/operators/nobody")
    assert 404 == answer.status_code
    assert "There is no operator of this name." in answer.text


def test_s107_no_page_sets_the_password_of_another(house: Site, owner: Browser) -> None:
    """Neither a route nor a field: only /admin/password takes one, the own, with the current one."""
    path = hired(house, "eve")
    with_password = [str(way) for way in ways(house.browser.app) if "password" in way.path and way.method == "POST"]
    assert ["POST /admin/password"] == with_password
    assert 'type="password"' not in owner.get(path).text + owner.get("/admin/operators").text
    owner.send(f"{path}/role", {"role": "support", "password": NEW, "reason": "trying"}, page=path)
    assert 401 == sign_in(owner, "eve", NEW).status_code


def test_an_operator_changes_the_own_password(house: Site) -> None:
    """With the current one; every other browser is signed out, this one stays."""
    here = house.browser_of(Role.SUPPORT)
    name = last_deed_name(house)
    there = Browser(type(here.client)(house.browser.app, base_url=str(here.client.base_url), follow_redirects=False))
    there.client.portal = here.client.portal
    assert 303 == sign_in(there, name, PASSWORD).status_code
    ISSUED.note("password", NEW)
    fields = {"current_password": "not the one", "password": NEW}
    wrong = here.send("/admin/password", fields, page="/admin/password")
    assert 403 == wrong.status_code
    assert "This is not your current password." in wrong.text
    assert NEW not in wrong.text
    done = here.send("/admin/password", fields | {"current_password": PASSWORD}, page="/admin/password")
    assert (303, "/admin/password?done=password_changed") == (done.status_code, done.headers["location"])
    assert (200, 401) == (here.get("/admin").status_code, there.get("/admin").status_code)
    assert (401, 303) == (sign_in(there, name, PASSWORD).status_code, sign_in(there, name, NEW).status_code)


def sign_in(browser: Browser, name: str, password: str) -> Any:
    """Send the form to sign in."""
    return browser.send("/admin/login", {"name": name, "password": password}, page="/admin/login")


def owners(house: Site) -> list[str]:
    """Who owns it."""
    query = select(operators.c.name).where(operators.c.role == "owner")
    return house.read(lambda connection: list(connection.scalars(query)))


def last_deed_name(house: Site) -> str:
    """The operator somebody did something to last."""
    query = select(operators.c.name).where(operators.c.id == last_deed(house)["subject"])
    return house.read(lambda connection: connection.scalar(query))
