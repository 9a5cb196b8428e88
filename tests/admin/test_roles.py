"""Who may see which of the operators' pages."""

from pathlib import Path

from gatepost.operators.role import Role
from tests.admin.site import site


def test_nothing_is_there_until_somebody_operates(tmp_path: Path) -> None:
    """Without an operator every address is 404; with one it asks who you are."""
    with site(tmp_path) as house:
        assert 404 == house.browser.get("/admin").status_code
        assert 404 == house.browser.get("/admin/login").status_code
        house.add("mira", Role.SUPPORT)
        assert 401 == house.browser.get("/admin").status_code


def test_a_role_opens_its_pages(tmp_path: Path) -> None:
    """Support sees the activity, and not who operates."""
    with site(tmp_path) as house:
        browser = house.browser_of(Role.SUPPORT)
        assert 200 == browser.get("/admin").status_code
        assert 403 == browser.get("/admin/operators").status_code
        assert 200 == house.browser_of(Role.OWNER).get("/admin/operators").status_code
