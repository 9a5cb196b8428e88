"""Every page of the operators: nothing stands in anybody's way, nothing overflows, nothing is complained about."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page

from gatepost.operators.role import Role
from tests.browser.admin_house import AdminHouse, lived_in
from tests.browser.admin_pages import every_page
from tests.browser.alike import MAX_BYTES, alike
from tests.browser.operate_pictures import FOLDER, PICTURES, take_all
from tests.docs.pages import ROOT
from tests.support.axe import Axe
from tests.support.chromium import TIMEOUT_MS, watch
from tests.support.crawl import shape

DESKTOP, PHONE, SMALLEST = 1280, 390, 320
HEIGHT = 800
SIZES = ((PHONE, "100%"), (SMALLEST, "100%"), (DESKTOP // 2, "200%"))  # the last: letters of twice the size
ANSWERED = frozenset({404})
MENU = 9  # pages an owner's menu leads to
_WIDTH = """letters => {
    document.documentElement.style.fontSize = letters;
    return document.documentElement.scrollWidth;
}"""
LOOKS = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")
WORDS = "main :is(h1, h2, summary, button:not(.copy))"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminHouse]:
    """A service whose mail has met everything."""
    with lived_in(tmp_path_factory.mktemp("admin")) as made:
        yield made


@dataclass
class Walk:
    """What was seen on the way through all pages.

    Attributes:
        findings: what is wrong, a line for each.
        words: by what a page is: its headings and its actions.
    """

    findings: list[str] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def walk(browser: Browser, house: AdminHouse) -> Walk:
    """A walk through all pages with scripts, with axe-core at hand."""
    with _window(browser, house) as page:
        heard: list[str] = []
        watch(page, heard, statuses=ANSWERED)
        return _walk(page, house, lambda new: [*_seen_by_axe(page, new), *_overflowing(page, SIZES), *_told(heard)])


@contextlib.contextmanager
def _window(browser: Browser, house: AdminHouse, *, scripts: bool = True) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=scripts)
    context.set_default_timeout(TIMEOUT_MS)
    context.add_cookies([house.cookie(Role.OWNER)])
    yield context.new_page()
    context.close()


def _walk(page: Page, house: AdminHouse, look: Callable[[bool], list[str]]) -> Walk:
    seen = Walk()
    for path in every_page(house):
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
        page.goto(house.url + path)
        new = shape(path) not in seen.words
        seen.words[shape(path)] = sorted(set(page.locator(WORDS).all_text_contents()))
        seen.findings += [f"{shape(path)}: {line}" for line in look(new)]
    print(f"{len(seen.words)} kinds of pages", *seen.findings, sep="\n")  # noqa: T201
    return seen


def _told(heard: list[str]) -> list[str]:
    told = list(heard)
    heard.clear()
    return told


def _seen_by_axe(page: Page, new: bool) -> list[str]:
    """All rules on a phone in dark colours; on a desktop in light ones only what differs there, once for its kind."""
    axe = Axe(page)
    light = axe.findings(rules=LOOKS) if new else []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    narrow = axe.findings()
    axe.close()
    return [*light, *(f"dark, on a phone: {line}" for line in narrow)]


def _overflowing(page: Page, sizes: Sequence[tuple[int, str]]) -> list[str]:
    found = []
    for width, letters in sizes:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        needed = page.evaluate(_WIDTH, letters)
        found += [f"needs {needed} px of {width} with letters of {letters}"] if needed > width else []
    page.evaluate(_WIDTH, "100%")
    return found


def test_nothing_is_found_on_any_page(walk: Walk) -> None:
    """By axe-core in light and dark colours, on a desktop and on a phone; in the console; and all of it fits."""
    assert [] == walk.findings
    assert MENU <= len(walk.words)


def test_every_page_is_complete_without_scripts(browser: Browser, house: AdminHouse, walk: Walk) -> None:
    """The same headings and actions as with them, and nothing wider than a phone."""
    with _window(browser, house, scripts=False) as page:
        without = _walk(page, house, lambda _: _overflowing(page, SIZES[:1]))
    assert walk.words == without.words
    assert [] == without.findings


def test_the_tutorials_pictures_look_like_the_pages(browser: Browser, house: AdminHouse) -> None:
    """Of the same size, and alike from afar. Where the look was changed: `./run pictures --operate`."""
    unlike = []
    for picture, taken in take_all(browser, house):
        shown = (FOLDER / f"{picture.name}.png").read_bytes()
        assert len(shown) < MAX_BYTES
        unlike += [] if alike(browser, shown, taken) else [picture.name]
    assert [] == unlike


def test_the_tutorial_shows_every_picture_with_words_for_it() -> None:
    """Each is there once, and is described for whoever does not see it; no picture is there that nothing shows."""
    page = (ROOT / "docs" / "tutorial" / "operate.md").read_text()
    shown = re.findall(r'<img src="../pictures/operate/([\w-]+)\.png"[^>]* alt="[^"]{30,}"', page)
    assert sorted(picture.name for picture in PICTURES) == sorted(shown)
    assert {f"{picture.name}.png" for picture in PICTURES} == {path.name for path in FOLDER.iterdir()}
