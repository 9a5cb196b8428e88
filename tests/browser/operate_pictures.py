"""The pictures of docs/tutorial/operate.md, taken from the pages as they are: `./run pictures --operate`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from gatepost.operators.role import Role
from tests.browser.admin_house import FULL, GONE, AdminHouse
from tests.support.chromium import TIMEOUT_MS

SINCE = timedelta(seconds=3)
FOLDER = Path(__file__).parents[2] / "docs" / "pictures" / "operate"


def _activity(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin?span=hour")
    expect(page.locator("#tiles")).to_be_visible()


def _search(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin/messages?q={FULL}")


def _message(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin/messages/{house.message(FULL)}")


def _correct(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin/messages/{house.message(GONE)}")
    page.locator("#correct-address summary").click()
    page.locator("#email").fill("gone@outlook.example")
    page.locator("#correct-address-reason").fill("She mistyped it, and told me so by phone from the number we have.")


def _outage(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin")
    expect(page.locator(".banner.wrong")).to_be_visible()


def _servers(page: Page, house: AdminHouse) -> None:
    page.goto(f"{house.url}/admin/servers")


@dataclass(frozen=True)
class Picture:
    """One picture: what is on it, for whom, and in which window.

    Attributes:
        outage: taken while the mail server is away.
    """

    name: str
    reach: Callable[[Page, AdminHouse], None]
    width: int
    height: int
    role: Role = Role.SUPPORT
    dark: bool = False
    outage: bool = False

    def take(self, browser: Browser, house: AdminHouse) -> bytes:
        """As PNG."""
        context = browser.new_context(
            viewport={"width": self.width, "height": self.height},
            color_scheme="dark" if self.dark else "light",
            reduced_motion="reduce",
        )
        try:
            context.set_default_timeout(TIMEOUT_MS)
            context.add_cookies([house.cookie(self.role)])
            page = context.new_page()
            page.clock.set_fixed_time(house.lived_at + SINCE)  # "3s ago" in every picture
            self.reach(page, house)
            page.mouse.move(0, 0)
            return page.screenshot(animations="disabled")
        finally:
            context.close()


PICTURES = (
    Picture("search", _search, 1040, 620),
    Picture("message", _message, 1040, 860),
    Picture("correct", _correct, 390, 1100, dark=True),
    Picture("activity", _activity, 1040, 900, role=Role.OPERATOR),
    Picture("outage", _outage, 1040, 520, role=Role.OPERATOR, outage=True),
    Picture("servers", _servers, 1040, 620, role=Role.OPERATOR, outage=True),
)


def take_all(browser: Browser, house: AdminHouse) -> Iterator[tuple[Picture, bytes]]:
    """Take all of them, those of the outage last: the mail server goes away for them, and stays so."""
    away = False
    for picture in PICTURES:
        if picture.outage and not away:
            away = True
            house.lose_the_mail_server()
        yield picture, picture.take(browser, house)


def write_operate(browser: Browser, house: AdminHouse) -> Iterator[Path]:
    """Write every picture to its place; yields where."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for picture, content in take_all(browser, house):
        path = FOLDER / f"{picture.name}.png"
        path.write_bytes(content)
        yield path
