"""Check your inbox, in a real browser: ask again, correct the address, and hear of a delay while the page is open."""

import itertools
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect

from gatepost.testing import SubmissionServer
from tests.support.axe import Axe
from tests.support.chromium import TIMEOUT_MS, watch
from tests.support.service import Service

PASSWORD = "tide tables and a lantern"
POLL_MS = 20_000
NOTICED_WITHIN_S = 30.0  # a server that is back is noticed by a probe, and the page by the next poll of its own clock
DELAYED = "Mail is delayed at the moment"
HIDDEN = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s})"


class Post(NamedTuple):
    """A service and the mail server it submits to."""

    service: Service
    server: SubmissionServer


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Post]:
    """One for all tests of this file; each has an address of its own."""
    with SubmissionServer.in_thread() as server:
        service = Service(tmp_path_factory.mktemp("inbox"), server.port)
        service.start()
        service.wait_until_ready()
        yield Post(service, server)
        service.close()


def _sign_up(page: Page, post: Post, address: str) -> None:
    page.goto(f"http://127.0.0.1:{post.service.port}/register")
    page.get_by_label("Name").fill("Mira")
    page.get_by_label("Email address").fill(address)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def _wait_for_mail(post: Post, address: str) -> str:
    """Wait until the server has a message to this address; returns the subject of the first."""
    for count in itertools.count(1):
        newest = post.server.wait_for_blocking(count)[count - 1]
        if newest.recipient == address:
            return newest.subject
    raise AssertionError


def test_a_mistyped_address_is_corrected_on_the_page(page: Page, post: Post, javascript: bool) -> None:
    """A name for the form is all it takes to open it; what was typed is there, and the mail goes to the right one."""
    wrong, right = f"mira-{javascript}@exmaple.com", f"mira-{javascript}@example.com"
    _sign_up(page, post, wrong)
    expect(page.get_by_label("Email address")).to_be_hidden()
    page.get_by_text("Wrong address?").click()
    expect(page.get_by_label("Email address")).to_have_value(wrong)
    expect(page.get_by_label("Name")).to_have_value("Mira")
    page.get_by_label("Email address").fill(right)
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Use this address").click()
    expect(page.locator(".lead")).to_contain_text(right)
    assert "Verify" in _wait_for_mail(post, right)


def test_one_can_ask_again_after_a_minute(page: Page, post: Post, javascript: bool) -> None:
    """Where scripts run the button counts down, and does so anew after it was pressed; elsewhere it is always there."""
    page.clock.install()
    _sign_up(page, post, f"patient-{javascript}@example.com")
    button = page.locator("form.again button")
    for _ in range(2):
        if javascript:
            expect(button).to_be_disabled()
            expect(button).to_have_text(re.compile(r"Send it again in \d+ s"))
            page.clock.run_for(61_000)
        expect(button).to_be_enabled()
        expect(button).to_have_text("Send it again")
        button.click()
        expect(page.get_by_text(re.compile(r"Asked again at \d\d:\d\d UTC"))).to_be_visible()
    expect(page.locator("h1")).to_have_text("Check your inbox")


@pytest.fixture
def window(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A window where scripts run, with a clock of its own."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    opened.clock.install()
    watch(opened, problems, statuses=frozenset({503}))
    yield opened
    context.close()
    assert [] == problems


def _poll_until(page: Page, shown: int) -> None:
    """Let the page's clock go on until it has heard; each look of the page is a request of its own."""
    banner = page.get_by_text(DELAYED)
    deadline = time.monotonic() + NOTICED_WITHIN_S
    while banner.count() != shown:
        assert time.monotonic() < deadline, f"the page did not come to show {shown} banners"
        with page.expect_response(lambda answer: "/gatepost/mail-delay" in answer.url):
            page.clock.run_for(POLL_MS)


def test_a_delay_is_told_while_the_page_is_open(window: Page, post: Post) -> None:
    """The mail server goes away and comes back: the banner appears and goes, and nothing else on the page changes."""
    _sign_up(window, post, "early@example.com")
    expect(window.get_by_text(DELAYED)).to_have_count(0)
    window.get_by_text("Wrong address?").click()
    window.locator("input[name=password]").fill("half a pass")
    post.server.go_away()
    assert 202 == post.service.post("/auth/password/reset/request", email="early@example.com")[0]
    _poll_until(window, 1)
    assert [] == Axe(window).findings()
    banner = window.locator("[data-while-visible] .notice").element_handle()
    with window.expect_response(lambda answer: "/gatepost/mail-delay" in answer.url):
        window.clock.run_for(POLL_MS)
    # The same element: whoever has the page read out hears of the delay once, and not three times a minute.
    assert banner.evaluate("element => element.isConnected")
    post.server.come_back()
    _poll_until(window, 0)
    expect(window.locator("input[name=password]")).to_have_value("half a pass")
    expect(window.locator("input[name=password]")).to_be_focused()


def test_a_page_nobody_looks_at_asks_nothing(window: Page, post: Post) -> None:
    """In the background it keeps still; looked at again it asks at once."""
    asked: list[str] = []
    _sign_up(window, post, "away@example.com")
    window.on("request", lambda request: asked.append(request.url) if "/mail-delay" in request.url else None)
    window.evaluate(HIDDEN % "true")
    window.clock.run_for(10 * POLL_MS)
    assert [] == asked
    window.evaluate(HIDDEN % "false")
    with window.expect_response(lambda answer: "/gatepost/mail-delay" in answer.url):
        window.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert 1 == len(asked)


def test_a_poll_that_fails_changes_nothing(window: Page, post: Post) -> None:
    """Offline for a moment: no message, no jump, and the next one goes well."""
    _sign_up(window, post, "offline@example.com")
    before = window.locator("#content").inner_text()
    window.route("**/gatepost/mail-delay*", lambda route: route.fulfill(status=503, body="<p>away</p>"))
    with window.expect_response(lambda answer: "/gatepost/mail-delay" in answer.url):
        window.clock.run_for(POLL_MS)
    window.unroute("**/gatepost/mail-delay*")
    with window.expect_response(lambda answer: answer.ok and "/gatepost/mail-delay" in answer.url):
        window.clock.run_for(POLL_MS)
    after = window.locator("#content").inner_text()
    assert re.sub(r"\d+ s|Send it again.*", "", before) == re.sub(r"\d+ s|Send it again.*", "", after)
