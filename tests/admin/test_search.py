"""One box on the page of messages: what it finds, where it leads, and what it says of its bounds."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gatepost.operators.role import Role
from tests.admin.site import Browser, Site, site
from tests.admin.test_accounts import registered
from tests.support.flows import ADDRESS

PAGE = "/admin/messages"


@dataclass(frozen=True)
class Lived:
    """A running service in which somebody with ADDRESS registered, and the path of that account."""

    site: Site
    account: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """One for all of these tests."""
    with site(tmp_path_factory.mktemp("house")) as made:
        yield Lived(made, registered(made, ADDRESS))


def _find(support: Browser, text: str, **asked: str) -> str:
    answer = support.get(PAGE, params={"q": text, **asked})
    assert 200 == answer.status_code
    return str(answer.text)


def test_an_address_shows_account_and_messages(house: Lived) -> None:
    """And says so where nobody has an account; a part of one says how far it looked."""
    account, support = house.account, house.site.browser_of(Role.SUPPORT)
    shown = _find(support, ADDRESS)
    assert account in shown
    assert shown.count(f'href="{PAGE}/') == 2  # the verification and the welcome
    assert "Nobody has an account with this address" in _find(support, "ada@example.com")
    part = _find(support, "mira@")
    assert account in part
    assert "newest 20,000" in part
    assert "newest 20,000" not in shown


def test_an_id_leads_to_what_it_is_of(house: Lived) -> None:
    """Of a message, an account or a suppression."""
    account, operator = house.account, house.site.browser_of(Role.OPERATOR)
    message = _find(operator, ADDRESS).split(f'href="{PAGE}/')[1].split('"')[0]
    fields = {"address": ADDRESS, "reason": "asked for it"}
    suppression = operator.send("/admin/suppressions", fields, page="/admin/suppressions").headers["location"]
    places = [f"{PAGE}/{message}", account, suppression.partition("?")[0]]
    for place in places:
        answer = operator.get(PAGE, params={"q": place.rpartition("/")[2]})
        assert (303, place) == (answer.status_code, answer.headers["location"])


def test_the_newest_are_shown_while_the_box_is_empty(house: Lived) -> None:
    """A state and a template narrow them, and what is no state narrows nothing."""
    support = house.site.browser_of(Role.SUPPORT)
    rows = {
        asked: _find(support, "", **dict([asked])).count(f'href="{PAGE}/')
        for asked in (("template", "welcome"), ("template", "no_such"), ("state", "bounced"), ("state", "nonsense"))
    }
    assert [1, 0, 0, 2] == list(rows.values())


def test_whatever_is_typed_is_shown_as_text(house: Lived) -> None:
    """A page, never an error, and nothing of it is markup."""
    support = house.site.browser_of(Role.SUPPORT)
    for text in ("\x00", "<script>alert(1)</script>", "x" * 5000, "' OR 1=1", "{{ 7*7 }}"):
        assert "<script>alert" not in _find(support, text)
