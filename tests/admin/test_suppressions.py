"""Support lifts a suppression, an operator adds one; each says why."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from gatepost.audit.tables import audit
from gatepost.operators.role import Role
from tests.admin.site import Browser, Site, site
from tests.support.flows import ADDRESS

PAGE = "/admin/suppressions"
WHY = {"reason": "asked for it on the phone"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running service; each test has people of its own in it."""
    with site(tmp_path_factory.mktemp("house")) as made:
        yield made


def _suppressed(operator: Browser, **fields: str) -> str:
    answer = operator.send(PAGE, {"address": ADDRESS, **WHY, **fields}, page=PAGE)
    assert 303 == answer.status_code, answer.text
    return str(answer.headers["location"].partition("?")[0])


def test_an_operator_suppresses_and_support_lifts(house: Site) -> None:
    """The pages say what is stopped and since when; both deeds stand in the log with their reasons."""
    one = _suppressed(house.browser_of(Role.OPERATOR), scope="all_but_security", expires_in_days="30")
    support = house.browser_of(Role.SUPPORT)
    shown = support.get(one).text
    assert "All but security mail to this address is stopped" in shown
    assert WHY["reason"] in shown
    assert one in support.get(PAGE, params={"q": ADDRESS.upper()}).text
    assert one not in support.get(PAGE, params={"reason": "complaint"}).text
    answer = support.send(f"{one}/lift", {"reason": "works again"}, page=one)
    assert 303 == answer.status_code
    assert "mail may go to it" in support.get(answer.headers["location"]).text
    assert 404 == support.get(one).status_code
    query = select(audit.c.action, audit.c.reason).where(audit.c.action.in_(["suppress", "lift"])).order_by(audit.c.id)
    deeds = house.read(lambda connection: [tuple(row) for row in connection.execute(query)])
    assert [("suppress", WHY["reason"]), ("lift", "works again")] == deeds


REFUSED = [
    ({"reason": " "}, "Say why"),
    ({"address": "nobody"}, "@-sign"),
    *(({"expires_in_days": text}, "whole number") for text in ("0", "-1", "99999999999", "²")),
]


def test_what_cannot_be_used_is_said_and_nothing_is_suppressed(house: Site) -> None:
    """The form is open again, with what was typed."""
    operator = house.browser_of(Role.OPERATOR)
    for wrong, said in REFUSED:
        answer = operator.send(PAGE, {"address": ADDRESS, **WHY, **wrong}, page=PAGE)
        assert 422 == answer.status_code
        assert said in answer.text
        assert 'id="suppress" open' in answer.text
    assert "mail may go to it" in operator.get(PAGE, params={"q": ADDRESS}).text


def test_support_neither_sees_the_form_nor_may_send_it(house: Site) -> None:
    """Nor is anything lifted without a reason."""
    one = _suppressed(house.browser_of(Role.OPERATOR), address="ada@example.com")
    support = house.browser_of(Role.SUPPORT)
    assert 'name="address"' not in support.get(PAGE).text
    assert 403 == support.send(PAGE, {"address": ADDRESS, **WHY}, page=PAGE).status_code
    assert 422 == support.send(f"{one}/lift", {}, page=one).status_code
    assert 200 == support.get(one).status_code
