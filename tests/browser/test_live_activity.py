"""The activity page in a real browser: it is live, it comes back by itself, and it leaves once nobody may watch."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import TIMEOUT_MS, watch
from tests.support.live_page import COOKIE, sign_in
from tests.support.service import Service

# After a restart the page is live again within this, once the service answers.
BACK_WITHIN_S = 3.0


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that is not started yet."""
    running = Service(tmp_path)
    yield running
    running.close()


@pytest.fixture
def page(service: Service, browser: Browser, problems: list[str]) -> Iterator[Page]:
    """The activity page of somebody who is signed in; it is live."""
    token = sign_in(f"sqlite:///{service.database}")
    service.start()
    service.wait_until_ready()
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    context.set_default_timeout(TIMEOUT_MS)
    context.add_cookies([{"name": COOKIE, "value": token, "domain": "127.0.0.1", "path": "/"}])
    opened = context.new_page()
    watch(opened, problems, statuses=frozenset({401}))
    opened.goto(f"http://127.0.0.1:{service.port}/admin")
    _be_live(opened)
    yield opened
    context.close()


def _be_live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Live.", timeout=TIMEOUT_MS)


def _beside_the_lost_stream(problems: list[str]) -> list[str]:
    """What the browser complained about, but for a stream that could not be opened: browser and htmx both say so."""
    expected = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "htmx:sse:error")
    return [one for one in problems if not any(words in one for words in expected)]


def _register(service: Service, address: str) -> None:
    assert 202 == service.post("/auth/register", email=address, password="seven lanterns by the tide", name="Ada")[0]


def test_figures_and_messages_come_by_themselves(service: Service, page: Page, problems: list[str]) -> None:
    """And the chart stays the one it was: only what is drawn in it changes."""
    page.locator("#chart canvas").evaluate("canvas => { canvas.dataset.mine = 'yes'; }")
    _register(service, "ada@people.example")
    expect(page.locator("#accepted")).to_have_text("2")
    expect(page.locator("table.rows tbody tr")).to_have_count(2)
    expect(page.locator("#chart canvas")).to_have_attribute("data-mine", "yes")
    expect(page.locator("#chart")).to_have_attribute("aria-label", "The last hour: 2 accepted, 0 failed or expired")
    assert [] == problems


def test_the_page_is_live_again_after_a_restart(service: Service, page: Page, problems: list[str]) -> None:
    """It says that it is not live meanwhile, and nobody has to load it anew."""
    page.locator("h1").evaluate("heading => { heading.dataset.mine = 'yes'; }")
    assert 0 == service.stop()
    expect(page.locator("#live-state")).to_contain_text("Not live")
    service.start()
    service.wait_until_ready()
    began = time.monotonic()
    _be_live(page)
    assert time.monotonic() - began < BACK_WITHIN_S
    _register(service, "ada@people.example")
    expect(page.locator("#accepted")).to_have_text("2")
    expect(page.locator("h1")).to_have_attribute("data-mine", "yes")
    assert [] == _beside_the_lost_stream(problems)


def test_s105_whoever_is_disabled_is_shown_the_door(service: Service, page: Page, problems: list[str]) -> None:
    """The stream ends within seconds, and the page becomes the one to sign in."""
    assert 1 == service.tables.change("UPDATE operators SET disabled_at = 1")
    expect(page.get_by_label("Password")).to_be_visible()
    assert [] == _beside_the_lost_stream(problems)
