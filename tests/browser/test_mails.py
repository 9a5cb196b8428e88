"""Every mail as a mail program shows it: narrow and wide, light and dark, with its style sheets and without."""

import colorsys
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from gatepost.accent import accent_of
from gatepost.mail.samples import SAMPLES
from gatepost.mail.templates import Templates
from tests.support.axe import Axe
from tests.support.chromium import TIMEOUT_MS, watch
from tests.support.every_mail import EVERY, mail

NARROW, WIDE, HEIGHT = 320, 600, 800
LEAST_TARGET = 44  # pixels in both directions, for a thumb
# A mail is no page: what stands around it is the mail program's.
NOT_OF_MAILS = ("region:", "landmark-one-main:")
CONTRAST = ("color-contrast", "link-in-text-block")
ACCENTS = ("#ffd400", "#1b2a6b", "#e0245e", "#ffffff", "#000000")
_STYLE = re.compile(r"<style.*?</style>|<meta name=\"(?:supported-)?color-schemes?\"[^>]*>", re.DOTALL)


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Page]:
    """One window that shows one mail after the other; whatever any of them asks for or complains about is a failure."""
    heard: list[str] = []
    context = browser.new_context(viewport={"width": WIDE, "height": HEIGHT})
    context.set_default_timeout(TIMEOUT_MS)
    context.on("request", lambda request: heard.append(f"asks for {request.url}"))
    page = context.new_page()
    watch(page, heard)
    yield page
    context.close()
    assert [] == heard


def shown(page: Page, html: str, *, width: int, dark: bool = False) -> Page:
    """The page with this mail in it."""
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.set_content(html)
    return page


def stripped(html: str) -> str:
    """What is left of a mail where style sheets are thrown away, as Gmail does for addresses of other providers."""
    left = _STYLE.sub("", html)
    assert "@media" not in left
    return left


def turned_dark(html: str) -> str:
    """What programs without regard for our dark colours make of a mail: every colour as dark as it was light."""
    return re.sub(r"#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})", _inverted, stripped(html))


def _inverted(colour: "re.Match[str]") -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*(int(part, 16) / 255 for part in colour.groups()))
    inverted = colorsys.hls_to_rgb(hue, 1 - lightness, saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in inverted)


def sticking_out(page: Page) -> list[str]:
    """The elements that reach beyond the right edge of the window, and by how much the window can be moved."""
    found: list[str] = page.evaluate(
        """() => {
            const edge = document.documentElement.clientWidth;
            const ends = one => one.getBoundingClientRect().right;
            const out = [...document.body.querySelectorAll('*')].filter(one => ends(one) > edge + 0.5);
            const lines = out.map(one => `${one.tagName}.${one.className} ends at ${ends(one)}`);
            const wide = document.documentElement.scrollWidth;
            return wide > edge ? [...lines, `the mail is ${wide} wide`] : lines;
        }"""
    )
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_mail_is_wider_than_its_window(opened: Page, sample: str) -> None:
    """On the smallest phone and on a desk, whoever it is for; and without style sheets too."""
    findings = []
    for message, language in EVERY:
        html = mail(message, language, sample).html
        for width in (NARROW, WIDE):
            for kind, left in (("styled", html), ("stripped", stripped(html))):
                where = f"{message}.{language} at {width}, {kind}"
                findings += [f"{where}: {line}" for line in sticking_out(shown(opened, left, width=width))]
    assert [] == findings


def test_everybody_can_read_every_mail(opened: Page) -> None:
    """All rules of axe in light, the contrast in dark, without style sheets and where a program turns colours round."""
    axe = Axe(opened)
    findings = []
    for message, language in EVERY:
        html = mail(message, language, "complete").html
        shown(opened, html, width=WIDE)
        lines = [line for line in axe.findings() if not line.startswith(NOT_OF_MAILS)]
        shown(opened, html, width=NARROW, dark=True)
        lines += [f"dark: {line}" for line in axe.findings(rules=CONTRAST)]
        shown(opened, stripped(html), width=NARROW)
        lines += [f"stripped: {line}" for line in axe.findings(rules=CONTRAST)]
        shown(opened, turned_dark(html), width=NARROW)
        lines += [f"turned dark: {line}" for line in axe.findings(rules=CONTRAST)]
        findings += [f"{message}.{language}: {line}" for line in lines]
    assert [] == findings


@pytest.mark.parametrize("colour", ACCENTS)
def test_a_mail_in_any_colour_can_be_read(opened: Page, colour: str) -> None:
    """A product's own accent: its button and its links, light and dark."""
    axe = Axe(opened)
    values = dict.fromkeys(("name", "email", "when", "where", "product_name"), "Ada")
    links = dict.fromkeys(("link", "public_url", "reset_url", "unsubscribe_url"), "https://acme.example")
    html = Templates(accent=accent_of(colour)).render("account_exists", "en", values | links).html
    findings = axe_of_both(axe, opened, html)
    assert [] == findings


def axe_of_both(axe: Axe, page: Page, html: str) -> list[str]:
    """What is hard to read of a mail, in light and in dark."""
    findings = []
    for dark in (False, True):
        shown(page, html, width=WIDE, dark=dark)
        findings += axe.findings(rules=CONTRAST)
    return findings


def test_a_dark_mail_is_dark_to_its_edges(opened: Page) -> None:
    """No ground is left light: neither around the card nor in it."""
    findings = []
    for message, language in EVERY:
        shown(opened, mail(message, language, "complete").html, width=WIDE, dark=True)
        findings += opened.evaluate(
            """() => [...document.querySelectorAll('body, body *')]
                .filter(one => !one.closest('.button, .edge'))
                .map(one => [one.tagName + '.' + one.className, getComputedStyle(one).backgroundColor])
                .filter(([, colour]) => { const [red, green, blue, alpha = 1] = colour.match(/[0-9.]+/g).map(Number);
                                          return alpha > 0 && Math.max(red, green, blue) > 64 })"""
        )
    assert [] == findings


def test_a_thumb_meets_the_button(opened: Page) -> None:
    """On a phone it is as wide as the words above it, and with or without style sheets high enough."""
    for message, language in EVERY:
        html = mail(message, language, "complete").html
        button = shown(opened, html, width=NARROW).locator(".button a").bounding_box()
        words = opened.locator("h1").bounding_box()
        bare = shown(opened, stripped(html), width=NARROW).locator(".button a").bounding_box()
        assert button is not None
        assert words is not None
        assert bare is not None
        assert words["width"] == button["width"]
        assert LEAST_TARGET <= min(button["height"], bare["height"])


def test_the_line_beside_the_subject_is_not_seen_in_the_mail(opened: Page) -> None:
    """It is for the list of mails; in the mail it takes no room, with or without style sheets."""
    for message, language in EVERY:
        html = mail(message, language, "complete").html
        for left in (html, stripped(html)):
            assert not shown(opened, left, width=WIDE).locator(".preheader").is_visible()
