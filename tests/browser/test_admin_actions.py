"""Every action of the operators' pages, done once by its own form in a browser; and one by keyboard alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gatepost.app import Gatepost, create_app
from gatepost.operators.role import Role
from gatepost.settings import Settings
from tests.admin.asking import ways
from tests.browser.admin_house import BO, GONE, AdminHouse, lived_in
from tests.browser.admin_pages import every_page
from tests.browser.house import PASSWORD
from tests.support.chromium import TIMEOUT_MS, watch
from tests.support.crawl import shape

COLLEAGUE = "asa.support"
# Tests of their own press these: they end or begin the session the others are done in.
ELSEWHERE = frozenset({"/admin/login", "/admin/logout", "/admin/password"})
MOST_TABS = 80
_REASON = "They asked for it by phone."
_FOCUSED = "selector => document.activeElement.matches(selector)"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminHouse]:
    """A service whose mail has met everything, and one more operator."""
    with lived_in(tmp_path_factory.mktemp("actions")) as made:
        made.operator(Role.SUPPORT, COLLEAGUE)
        yield made


@pytest.fixture
def window(browser: Browser, house: AdminHouse, javascript: bool, problems: list[str]) -> Iterator[Page]:
    """A fresh window in which nobody is signed in."""
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems, statuses=frozenset({401, 422}))
    yield opened
    context.close()
    assert [] == problems


def be(page: Page, house: AdminHouse, role: Role) -> None:
    """Be signed in as an operator of this role."""
    page.context.add_cookies([house.cookie(role)])


@pytest.mark.parametrize("javascript", [True], ids=["with JavaScript"])
def test_every_action_does_what_it_says(window: Page, house: AdminHouse, tmp_path: Path) -> None:
    """The form of every route that changes something is on some page, is sent, and leads to a page that says so."""
    be(window, house, Role.OWNER)
    done: set[str] = set()
    for path, action in _not_done(house, done):
        _do(window, house, path, action)
        done.add(_kind(action))
    gatepost = Gatepost(Settings(database_url=f"sqlite:///{tmp_path / 'gatepost.db'}"))
    posts = {
        _kind(way.path) for way in ways(create_app(gatepost)) if way.method == "POST" and way.path.startswith("/admin")
    }
    assert posts - ELSEWHERE == done


def _kind(action: str) -> str:
    """The route an action goes to, without the names of its variables."""
    return re.sub(r"\{\w+\}", "{id}", re.sub(r"^/admin/operators/[^/]+", "/admin/operators/{id}", shape(action)))


def _not_done(house: AdminHouse, done: set[str]) -> Iterator[tuple[str, str]]:
    """Yield pages with a form that was not sent yet, and where it is sent; what was done may bring forth others."""
    before = -1
    while before != len(done):
        before = len(done)
        for path in every_page(house):
            while (action := _form_on(house, path, done)) is not None:
                yield path, action


def _form_on(house: AdminHouse, path: str, done: set[str]) -> str | None:
    _, text = house.get(path)
    found = re.findall(r'<form[^>]* method="post" action="([^"]+)"', text)
    for action in sorted(found, key=lambda one: one.endswith("/disable")):  # which leaves little else to be done
        mine = action.startswith("/admin/operators/mira.")  # nobody takes away what they stand on
        if not mine and _kind(action) not in done | ELSEWHERE:
            return action
    return None


def _do(page: Page, house: AdminHouse, path: str, action: str) -> None:
    page.goto(house.url + path)
    form = page.locator(f'form[method="post"][action="{action}"]').first
    folded = form.locator("xpath=ancestor::details")
    if folded.count() and not folded.evaluate("one => one.open"):
        folded.locator("summary").click()
    fresh = f"mira.{len(house.service.log)}@example.com"
    for name, value in {"email": fresh, "address": fresh, "reason": _REASON}.items():
        for one in form.locator(f'[name="{name}"]:not([type="hidden"])').all():
            one.fill(value)
    form.locator("button:not([type=button])").first.click()
    expect(page.locator("main .done, main iframe.mail").first, f"{action} on {path}").to_be_visible()
    expect(page.locator("#summary")).to_have_count(0)


@pytest.mark.parametrize("javascript", [True], ids=["with JavaScript"])
def test_a_mail_is_sent_again_by_keyboard_alone(window: Page, house: AdminHouse) -> None:
    """From the sign-in over the search to the reason, without a pointer: support's daily way."""
    window.goto(f"{house.url}/admin")
    name = house.operator(Role.SUPPORT, "keyboard.only")
    keys = window.keyboard
    _tab_to(window, "#name")
    keys.type(name)
    _tab_to(window, "#password")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(window.get_by_role("heading", level=1)).to_have_text("Activity")
    _tab_to(window, 'nav a[href="/admin/messages"]')
    keys.press("Enter")
    expect(window.get_by_role("heading", level=1)).to_have_text("Messages")
    _tab_to(window, "#q")
    keys.type(GONE)
    keys.press("Enter")
    expect(window.locator("h2").first).to_be_visible()
    message = f"/admin/messages/{house.messages(GONE)[-1][0]}"
    _tab_to(window, f'a[href="{message}"]')
    keys.press("Enter")
    expect(window.locator("#told")).to_be_visible()
    _tab_to(window, "#resend summary")
    keys.press("Enter")
    _tab_to(window, "#resend-reason")
    keys.type("She made room in her mailbox.")
    _tab_to(window, "#resend button")
    keys.press("Enter")
    expect(window.locator(".done")).to_be_visible()


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(MOST_TABS):
        if page.evaluate(_FOCUSED, selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached within {MOST_TABS} presses of Tab")


def test_a_form_without_its_reason_comes_back_and_then_works(window: Page, house: AdminHouse, javascript: bool) -> None:
    """Unfolded and with the reason marked; filled in, it does what was asked for. With scripts and without."""
    be(window, house, Role.SUPPORT)
    window.goto(f"{house.url}/admin/messages/{house.messages(BO)[-1][0]}")
    window.locator("#resend summary").click()
    window.locator("#resend-reason").fill(" ")
    window.locator("#resend button:not([type=button])").click()
    expect(window.locator("#summary")).to_be_visible()
    reason = window.locator("#resend-reason")
    expect(reason).to_be_visible()
    expect(reason).to_have_attribute("aria-invalid", "true")
    if javascript:
        expect(reason).to_be_focused()
    reason.fill("She made room in her mailbox.")
    window.locator("#resend button:not([type=button])").click()
    expect(window.locator(".done")).to_be_visible()


def test_signing_out_ends_it(window: Page, house: AdminHouse, javascript: bool) -> None:
    """The button in the bar leads to the sign-in, and the pages are shut."""
    leaving = house.operator(Role.SUPPORT, f"leaving.{javascript}".lower())
    window.context.add_cookies([{**house.cookie(Role.SUPPORT), "value": house.sign_in_operator(leaving)}])
    window.goto(f"{house.url}/admin")
    window.get_by_role("button", name="Sign out").click()
    expect(window.locator("h1")).to_have_text("Operators: sign in")
