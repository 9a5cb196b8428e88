"""Every page in every state: nothing stands in anybody's way, nothing overflows, nothing is complained about."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.gallery import walk
from tests.browser.house import House
from tests.support.axe import Axe, axe_version
from tests.support.chromium import TIMEOUT_MS, watch

DESKTOP, PHONE, SMALLEST, ZOOMED = 1280, 390, 320, 640  # the last: a desktop at 200 %
HEIGHT = 800
# What states are answered with, and Chromium then reports. 404 and 405 are pages too; 503 would be a finding.
ANSWERED = frozenset({400, 401, 403, 404, 405, 422, 429})
# Pages for developers: the mailbox has a test of its own, the templates and problems have no form and no script.
WITHOUT_SCRIPTS_ELSEWHERE = ("mail", "template", "problem")
# Sums a whole walk up: a test that ends at the first finding would be run once for each.
Findings = list[str]


@pytest.fixture(params=["en-US", "zh-CN"])
def language(request: pytest.FixtureRequest) -> str:
    """What the browser prefers."""
    return str(request.param)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Services and people for all walks."""
    made = House(tmp_path_factory.mktemp("house"))
    yield made
    made.close()


def test_axe_finds_nothing_on_any_page(browser: Browser, house: House, language: str) -> None:
    """In both languages all rules on a phone, dark; in English also on a desktop, light and dark; and all of it fits.

    What a desktop and light colours change is the same in every language, and each look costs a second.
    """
    findings: Findings = []
    context = browser.new_context(locale=language, viewport={"width": DESKTOP, "height": HEIGHT})
    context.set_default_timeout(TIMEOUT_MS)
    heard: list[str] = []
    context.on("page", lambda page: watch(page, heard, statuses=ANSWERED))
    states = 0
    for name, page in walk(context, house):
        states += 1
        seen = _seen_by_axe(page, desktop=language == "en-US")
        findings += [f"{name}: {line}" for line in [*seen, *_overflowing(page), *heard]]
        heard.clear()
        page.set_viewport_size({"width": DESKTOP, "height": HEIGHT})
    context.close()
    print(f"axe-core {axe_version()}: {states} pages and states in {language}", *findings, sep="\n")  # noqa: T201
    assert [] == findings


def _seen_by_axe(page: Page, *, desktop: bool) -> Findings:
    axe = Axe(page)
    light = axe.findings() if desktop else []
    page.emulate_media(color_scheme="dark")
    dark = axe.findings(rules=("color-contrast", "link-in-text-block")) if desktop else []
    page.set_viewport_size({"width": PHONE, "height": HEIGHT})
    narrow = axe.findings()
    page.emulate_media(color_scheme="light")
    axe.close()
    return [*light, *(f"dark: {line}" for line in dark), *(f"dark, on a phone: {line}" for line in narrow)]


def _overflowing(page: Page) -> Findings:
    found = []
    for width in (PHONE, SMALLEST, ZOOMED):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        if (needed := page.evaluate("document.documentElement.scrollWidth")) > width:
            found.append(f"needs {needed} px of {width}")
    return found


def test_every_state_is_reached_without_scripts(browser: Browser, house: House) -> None:
    """Every form leads on, and every error is shown, in a browser that runs none; nothing is wider than a phone."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": PHONE, "height": HEIGHT})
    context.set_default_timeout(TIMEOUT_MS)
    findings: Findings = []
    heard: list[str] = []
    context.on("page", lambda page: watch(page, heard, statuses=ANSWERED))
    for name, page in walk(context, house, but=WITHOUT_SCRIPTS_ELSEWHERE):
        findings += [f"{name}: {line}" for line in [*_overflowing(page), *heard]]
        heard.clear()
    context.close()
    print(*findings, sep="\n")  # noqa: T201
    assert [] == findings
