"""The page of the sign-ups: figures that somebody can follow, from the first registration to the proof."""

import re
import threading
from pathlib import Path

from sqlalchemy import Connection, select

from gatepost.accounts import tokens
from gatepost.accounts.tables import tokens as tokens_table
from gatepost.accounts.tokens import Purpose
from gatepost.activity.sign_up_days import Day, Found
from gatepost.admin.kit import AdminKit
from gatepost.events import Event, MessageAccepted
from gatepost.operators.role import Role
from tests.admin.site import Browser, Site, site
from tests.support.issued_secrets import ISSUED

PASSWORD = "quartz ladle and a tide table"
PERSON = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "accept-language": "en",
    "accept": "text/html",
    "sec-fetch-mode": "navigate",
}


def tiles(page: str) -> dict[str, int]:
    """The figures of the page by their labels."""
    return {label: int(number) for label, number in re.findall(r"<dt>([^<]+)</dt><dd>(\d+)", page)}


def row(page: str, name: str) -> list[str]:
    """What stands beside a name in one of the tables."""
    found = re.search(rf'<tr><th scope="row">{re.escape(name)}</th>(.*?)</tr>', page, re.DOTALL)
    assert found is not None, name
    return re.findall(r"<td[^>]*>(\d+|no link)", found[1])


def mailed(house: Site, address: str) -> str:
    """The token in the link that was mailed to an address."""
    keys = house.gatepost.gate.keys

    def query(connection: Connection) -> str | None:
        one = connection.execute(select(tokens_table).where(tokens_table.c.address_key == address)).one()
        return tokens.mailed(keys, one.key_id, one.id, Purpose.VERIFICATION, one.account_id, one.address_key)

    token = house.read(query)
    assert token is not None
    ISSUED.note("token", token)
    return str(token)


def whole(browser: Browser, path: str) -> str:
    """The page as soon as everything is counted; each look waits a moment for it."""
    for _ in range(200):
        if "Still counting" not in (page := str(browser.get(path).text)):
            return page
    raise AssertionError("it is counted for ever")


def test_the_page_follows_people_through_their_sign_up(tmp_path: Path) -> None:
    """Mira opens her link and presses the button, a scanner opens Bo's, and Yan, who reads Chinese, does nothing."""
    accepted = threading.Semaphore(0)

    def hear(event: Event) -> None:
        if isinstance(event, MessageAccepted) and event.template == "verification":
            accepted.release()

    with site(tmp_path) as house:
        house.gatepost.events.subscribe(hear)
        for address, language in (("mira@example.com", "en"), ("bo@example.com", "en"), ("yan@other.example", "zh-CN")):
            fields = {"email": address, "password": PASSWORD, "locale": language}
            assert 202 == house.browser.post("/auth/register", json=fields).status_code
            assert accepted.acquire(timeout=15)
        mira = mailed(house, "mira@example.com")
        assert 200 == house.browser.get(f"/verify?token={mira}", headers=PERSON).status_code
        assert 200 == house.browser.get(f"/verify?token={mailed(house, 'bo@example.com')}").status_code
        assert 200 == house.browser.post("/auth/verify", json={"token": mira}).status_code
        page = whole(house.browser_of(Role.SUPPORT), "/admin/sign-ups")
    assert "Of 3 people who signed up in the last 7 days, 1 proved the address." in page
    assert [3, 3, 0, 0, 1, 1] == list(tiles(page).values())
    assert ["2", "2", "0", "0", "1", "1"] == row(page, "en") == row(page, "example.com")
    assert ["1", "1", "0", "0", "0", "0"] == row(page, "zh-CN") == row(page, "other.example")
    assert ["3", "3", "0", "0", "1", "1", "1"] == row(page, "verification")
    assert "no link" == row(page, "welcome")[-1]


def test_nobody_signed_up_yet(tmp_path: Path) -> None:
    """The page says so; there are two spans and no other."""
    with site(tmp_path) as house:
        browser = house.browser_of(Role.SUPPORT)
        page = whole(browser, "/admin/sign-ups?days=30")
        assert "Nobody signed up in the last 30 days." in page
        assert {"Registered": 0} == {label: number for label, number in tiles(page).items() if label == "Registered"}
        assert 422 == browser.get("/admin/sign-ups?days=365").status_code


def test_what_is_not_counted_yet_is_said(tmp_path: Path) -> None:
    """The page says what is missing, loads it by itself, and has a link for where no scripts run."""
    with site(tmp_path) as house:
        kit, settings = AdminKit(house.gatepost._context), house.gatepost.settings
        values = {"days": 30, "languages": [], "domains": [], "further_domains": False, "mails": [], "here": ""}
        page = kit.render("sign_ups", found=Found((), 30), settings=settings, **values)
        known = kit.render("sign_ups", found=Found((Day(0, counted_at=1),), 0), settings=settings, **values)
    assert "30 of 30 days are missing here" in page
    assert 2 == page.count('"/admin/sign-ups?days=30"') - known.count('"/admin/sign-ups?days=30"')
    assert "hx-get" in page
    assert "hx-get" not in known
