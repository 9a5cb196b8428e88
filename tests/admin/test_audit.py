"""The audit log as a page and as a file: found by who, what and to what; a spreadsheet computes nothing of it."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.admin.pages import audit as audit_page
from gatepost.operators.role import Role
from tests.admin.site import Browser, Site, site
from tests.admin.test_accounts import registered
from tests.support.flows import ADDRESS

PAGE, FILE = "/admin/audit", "/admin/audit.csv"
_ADDED = "operator_add"
_CELLS = [f"<td>{name}</td>" for name in ("suppress", "enable", "disable", _ADDED)]
FORMULA = '=HYPERLINK("https://evil.example","press")'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Site]:
    """A running service in which an account was disabled and enabled, and an address suppressed."""
    with site(tmp_path) as made:
        yield made


def _acted(house: Site) -> tuple[Browser, str]:
    account, operator = registered(house, ADDRESS), house.browser_of(Role.OPERATOR)
    operator.send(f"{account}/disable", {"reason": FORMULA}, page=account)
    operator.send(f"{account}/enable", {"reason": "<b>a mistake</b>"}, page=account)
    fields = {"address": "ada@example.com", "reason": "wants no mail"}
    operator.send("/admin/suppressions", fields, page="/admin/suppressions")
    return operator, account


def _actions(operator: Browser, **asked: str) -> list[str]:
    rows = list(csv.DictReader(io.StringIO(operator.get(FILE, params=asked).text, newline="")))
    page = operator.get(PAGE, params=asked).text
    for row in rows:
        assert f"<td>{row['action']}</td>" in page
    assert len(rows) == page.count("<tr>") - (1 if rows else 0)
    return [row["action"] for row in rows]


def test_deeds_are_found_by_who_what_and_to_what(house: Site) -> None:
    """Newest first, the same on the page and in the file."""
    operator, account = _acted(house)
    id = account.rpartition("/")[2]
    assert ["suppress", "enable", "disable", _ADDED] == _actions(operator)
    assert ["enable", "disable"] == _actions(operator, subject=id)
    assert ["disable"] == _actions(operator, subject=id, action="disable")
    assert ["suppress", "enable", "disable"] == _actions(operator, actor="operator.")
    assert [] == _actions(operator, actor="somebody else")
    assert [] == _actions(operator, actor="%")
    shown = operator.get(PAGE).text
    assert f'href="{account}"' in shown
    assert "<b>a mistake</b>" not in shown
    assert "&lt;b&gt;a mistake" in shown


def test_s109_a_reason_that_is_a_formula_is_text_in_the_file(house: Site) -> None:
    """The file is an attachment of its own type, and no cell of it begins like a formula."""
    operator, _ = _acted(house)
    answer = operator.get(FILE)
    assert "text/csv; charset=utf-8" == answer.headers["content-type"]
    assert answer.headers["content-disposition"].startswith("attachment")
    cells = [cell for row in csv.reader(io.StringIO(answer.text, newline="")) for cell in row]
    assert f"'{FORMULA}" in cells
    assert [] == [cell for cell in cells if cell.startswith(tuple("=+-@\t\r"))]


def test_a_page_goes_on_where_it_ended(house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link to older ones leads on without a gap, and the file begins where the page does."""
    operator, _ = _acted(house)
    monkeypatch.setattr(audit_page, "PAGE_ROWS", 2)
    first = operator.get(PAGE).text
    older = first.split('rel="next"')[0].rpartition('href="')[2].split('"')[0].replace("&amp;", "&")
    second = operator.get(older).text
    assert ["<td>suppress</td>", "<td>enable</td>"] == [one for one in _CELLS if one in first]
    assert ["<td>disable</td>", f"<td>{_ADDED}</td>"] == [one for one in _CELLS if one in second]
    file = second.split(f'href="{FILE}')[1].split('"')[0]
    assert ["disable", _ADDED] == [
        row["action"] for row in csv.DictReader(io.StringIO(operator.get(FILE + file).text, newline=""))
    ]
