"""The ways through the pages from end to end, in a browser that runs scripts and in one that runs none."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.house import LAPTOP, PASSWORD, House
from tests.browser.visit import SAID, WRONG, Visit
from tests.support.chromium import TIMEOUT_MS, watch

NEW_PASSWORD = "the harbour lights at four"
ANSWERED = frozenset({401, 403, 422})  # with an error at a form; Chromium reports it


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service, and people who sign up there."""
    made = House(tmp_path_factory.mktemp("flows"))
    yield made
    made.close()


@pytest.fixture
def visit(browser: Browser, house: House, javascript: bool, problems: list[str]) -> Iterator[Visit]:
    """A fresh window at the width of a phone, without a complaint until its end."""
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    watch(page, problems, statuses=ANSWERED)
    yield Visit(page, house)
    context.close()
    assert [] == problems


def _sign_in(visit: Visit, address: str, password: str) -> None:
    visit.open("/login")
    visit.fill(email=address, password=password)
    visit.send("/login", seen='form[action="/account/sign-out"]')


def _cannot_sign_in(visit: Visit, address: str, password: str) -> None:
    visit.open("/login")
    visit.fill(email=address, password=password)
    visit.send("/login", seen=SAID)


def test_of_two_registrations_the_owner_chooses_the_password(visit: Visit) -> None:
    """Whoever has the mailbox says which password counts; the one somebody else chose does not."""
    address = visit.house.stranger()
    visit.house.register(address, "chosen by somebody else")
    visit.house.register(address, "also not what counts")
    visit.open(visit.house.link(address, "verify"))
    visit.send("/verify")
    visit.fill(password="password1234")
    visit.send("/verify", seen=WRONG)
    visit.fill(password=NEW_PASSWORD)
    visit.send("/verify")
    _cannot_sign_in(visit, address, "chosen by somebody else")
    _sign_in(visit, address, NEW_PASSWORD)


def test_a_mistyped_address_is_corrected_on_the_spot(visit: Visit) -> None:
    """From the page about the mail, with what was typed still there; the link goes to the right address and works."""
    wrong, right = visit.house.stranger(), visit.house.stranger()
    visit.open("/register")
    visit.fill(name="Mira Lind", email=wrong, password=PASSWORD)
    visit.send("/register")
    visit.page.locator("details summary").click()
    correct = visit.page.locator('form[action="/register"]')
    expect(correct.locator('[name="name"]')).to_have_value("Mira Lind")
    expect(correct.locator('[name="email"]')).to_have_value(wrong)
    visit.fill(email=right, password=PASSWORD)
    visit.send("/register", seen=f'.address:text-is("{right}")')
    visit.open(visit.house.link(right, "verify"))
    visit.send("/verify")
    _sign_in(visit, right, PASSWORD)


def test_the_message_is_asked_for_again(visit: Visit, javascript: bool) -> None:
    """The page says that it was, and counts down where scripts run: the button cannot be pressed in vain."""
    visit.open("/register")
    visit.fill(email=visit.house.stranger(), password=PASSWORD)
    visit.send("/register")
    button = visit.page.locator("form.again button")
    if javascript:
        expect(button).to_be_disabled()
        visit.page.locator("form.again").evaluate("form => form.requestSubmit()")
    else:
        button.click()
    visit.see(".notice.good")
    expect(button).to_be_enabled(enabled=not javascript)


def test_an_address_is_changed_and_the_old_one_takes_it_back(visit: Visit) -> None:
    """The new address counts once confirmed; the old one's link undoes it, and then no password counts any more."""
    old, new = visit.be_somebody(), visit.house.stranger()
    visit.open("/account/email")
    visit.fill(email=new, current_password=PASSWORD)
    visit.send("/account/email")
    visit.open(visit.house.link(new, "email/confirm"))
    visit.send("/email/confirm")
    _cannot_sign_in(visit, old, PASSWORD)
    _sign_in(visit, new, PASSWORD)
    visit.open(visit.house.link(old, "email/undo"))
    visit.send("/email/undo")
    _cannot_sign_in(visit, new, PASSWORD)
    _cannot_sign_in(visit, old, PASSWORD)
    visit.open(visit.house.link(old, "reset"))
    visit.fill(password=NEW_PASSWORD)
    visit.send("/reset")
    _sign_in(visit, old, NEW_PASSWORD)


def test_a_deleted_account_comes_back_by_a_reset(visit: Visit) -> None:
    """Deleted by its password, shut at once, and there again with the new password that a mailed link set."""
    address = visit.be_somebody()
    visit.open("/account/delete")
    visit.fill(current_password="not the password")
    visit.send("/account/delete", seen=WRONG)
    visit.fill(current_password=PASSWORD)
    visit.send("/account/delete")
    _cannot_sign_in(visit, address, PASSWORD)
    visit.open("/reset/request")
    visit.fill(email=address)
    visit.send("/reset/request")
    visit.open(visit.house.link(address, "reset"))
    visit.fill(password=NEW_PASSWORD)
    visit.send("/reset")
    _sign_in(visit, address, NEW_PASSWORD)


def test_name_and_password_are_changed(visit: Visit) -> None:
    """The account shows the new name; the new password counts, and every other browser is signed out."""
    address = visit.be_somebody()
    elsewhere = visit.house.sign_in(address, LAPTOP)
    visit.open("/account/profile")
    visit.fill(name="Mira of the Tides")
    visit.send("/account/profile")
    visit.see('main :text-is("Mira of the Tides")')
    visit.open("/account/password")
    visit.fill(current_password=PASSWORD, password=NEW_PASSWORD)
    visit.send("/account/password")
    assert 401 == visit.house.everyday.request("GET", "/auth/me", Cookie=f"gatepost={elsewhere}")[0]
    visit.open("/account")
    visit.send("/account/sign-out")
    _cannot_sign_in(visit, address, PASSWORD)
    _sign_in(visit, address, NEW_PASSWORD)


def test_one_session_is_ended_and_then_every_other(visit: Visit) -> None:
    """What is ended is out at once; this browser stays."""
    address = visit.be_somebody()
    others = [visit.house.sign_in(address, LAPTOP) for _ in range(3)]

    def signed_in() -> int:
        asked = [visit.house.everyday.request("GET", "/auth/me", Cookie=f"gatepost={one}")[0] for one in others]
        return asked.count(200)

    visit.open("/account")
    visit.send("/account/sessions/end", seen=".notice.good")
    assert 2 == signed_in()
    visit.open("/account")
    visit.send("/account/sessions/end-others", seen=".notice.good")
    assert 0 == signed_in()
    expect(visit.page.locator(".sessions > li")).to_have_count(1)


def test_a_form_that_was_open_for_too_long_is_sent_with_one_press_more(visit: Visit, javascript: bool) -> None:
    """What was typed is still there; the password where scripts run, since no answer of ours ever holds one."""
    address = visit.house.stranger()
    visit.open("/register")
    visit.fill(name="Mira Lind", email=address, password=PASSWORD)
    visit.lose_the_form_cookie()
    visit.send("/register", seen=SAID)
    kept = {name: visit.page.locator(f'main [name="{name}"]').input_value() for name in ("name", "email", "password")}
    assert {"name": "Mira Lind", "email": address, "password": PASSWORD if javascript else ""} == kept
    visit.fill(password=PASSWORD)
    visit.send("/register")
    visit.open(visit.house.link(address, "verify"))
    visit.send("/verify")
