"""A real Chromium against the real service."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from gatepost.testing import SubmissionServer
from tests.browser.house import House
from tests.support.chromium import TIMEOUT_MS, chromium, launch, watch
from tests.support.service import Service

__all__ = ["TIMEOUT_MS", "watch"]


@pytest.fixture(scope="module")  # while it lives no test can run an event loop of its own
def browser() -> Iterator[Browser]:
    """The browser of this machine; without one the tests are skipped, unless REQUIRE_BROWSER is set."""
    path = chromium()
    if path is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set and there is no browser: install chromium or set CHROMIUM to one")
        pytest.skip("no Chromium on this machine: install it or set CHROMIUM to one")
    with sync_playwright() as playwright:
        launched = launch(playwright, path)
        yield launched
        launched.close()


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained about; every test ends with none."""
    return []


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def javascript(request: pytest.FixtureRequest) -> bool:
    """Whether the person's browser runs scripts."""
    return bool(request.param)


@pytest.fixture
def page(browser: Browser, javascript: bool, problems: list[str]) -> Iterator[Page]:
    """A fresh window at the width of a phone."""
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems)
    yield opened
    context.close()
    assert [] == problems


@pytest.fixture(scope="module")
def forms_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The services and the people of the tests of forms; each service is started when the first test needs it."""
    opened = House(tmp_path_factory.mktemp("forms"))
    yield opened
    opened.close()


@pytest.fixture
def window(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A fresh window that runs scripts, at the width of a phone; what a form may be answered with is no problem."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems, statuses=frozenset({401, 403, 413, 422, 429, 502}))
    yield opened
    context.close()
    assert [] == problems


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The service with its development mailbox."""
    running = Service(tmp_path)
    running.start()
    running.wait_until_ready()
    yield running
    running.close()


@pytest.fixture
def mail_server() -> Iterator[SubmissionServer]:
    """A real SMTP server on loopback."""
    with SubmissionServer.in_thread() as server:
        yield server


@pytest.fixture
def service_with_smtp(tmp_path: Path, mail_server: SubmissionServer) -> Iterator[Service]:
    """The service in front of a real SMTP server."""
    running = Service(tmp_path, mail_server.port)
    running.start()
    running.wait_until_ready()
    yield running
    running.close()
