"""The pictures of the README, taken from the pages as they are: `./run pictures --readme` writes them anew."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.house import PASSWORD, House
from tests.browser.visit import Visit
from tests.support.chromium import TIMEOUT_MS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
ADDRESS = "mira.lind@example.com"


def _sign_up(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(name="Mira Lind", email=ADDRESS, password=PASSWORD)


def _sign_up_and_send(visit: Visit) -> None:
    _sign_up(visit)
    visit.send("/register")
    expect(visit.page.locator("form.again button")).to_be_disabled()


@dataclass(frozen=True)
class Picture:
    """One picture: what is on it, and in which window. Its size is the window's, whatever fonts a machine has."""

    name: str
    reach: Callable[[Visit], None]
    width: int
    height: int
    dark: bool = False
    scale: float = 1

    def take(self, browser: Browser, house: House) -> bytes:
        """As PNG."""
        context = browser.new_context(
            locale="en-US",
            viewport={"width": self.width, "height": self.height},
            device_scale_factor=self.scale,
            color_scheme="dark" if self.dark else "light",
            reduced_motion="reduce",
        )
        try:
            context.set_default_timeout(TIMEOUT_MS)
            page = context.new_page()
            self.reach(Visit(page, house))
            page.mouse.move(0, 0)
            return page.screenshot(animations="disabled")
        finally:
            context.close()


PICTURES = (
    Picture("sign-up", _sign_up, 1040, 860),
    Picture("check-your-inbox", _sign_up_and_send, 390, 1010, dark=True, scale=1.5),
)


def write_all(browser: Browser, house: House) -> list[Path]:
    """Write every picture to its place; returns where."""
    FOLDER.mkdir(exist_ok=True)
    written = []
    for picture in PICTURES:
        path = FOLDER / f"{picture.name}.png"
        path.write_bytes(picture.take(browser, house))
        written.append(path)
    return written
