"""Forms in a real browser that runs scripts: sent in place, and whatever comes back, nothing that was typed is lost."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from gatepost.accounts.password_policy import PasswordPolicy
from tests.browser.conftest import TIMEOUT_MS, watch
from tests.browser.house import LAPTOP, PASSWORD, House
from tests.support.service import Service

ADDRESS = "mira@example.com"
REPORTED = frozenset({401, 403, 413, 422, 429, 502})  # Chromium's console names these; here they are what is wanted
_WHOSE, _CURRENT, _NEW = ("email", "username"), ("password", "current-password"), ("password", "new-password")
# What a password program sees of each form; a name is none of its business.
FORMS = {
    "/login": [_WHOSE, _CURRENT],
    "/register": [_WHOSE, _NEW],
    "/reset?token=a": [_NEW],
    "/reset/request": [_WHOSE],
    "/verify/request": [_WHOSE],
    "/account/password": [_WHOSE, _CURRENT, _NEW],
    "/account/email": [_WHOSE, ("email", "email"), _CURRENT],
    "/account/delete": [_WHOSE, _CURRENT],
}
KNOWN = ("Müller-Lüdenscheidt 😀", "harbour.master@localhost")
TYPED = [
    *(
        "localhost localhost",
        "localhost 12 localhost",
        "harbour-harbour-1",
        "master and margarita",
        "harbour😀😀😀😀😀😀😀😀😀",
    ),
    *(
        "müller müller",
        "MU\u0308LLER mu\u0308ller",
        "lüdenscheidt 2026",
        "Lu\u0308denscheidt!!",
        "tidewater 1234",
        "T1dewater T1dewater",
    ),
    *(
        "😀😁😀😁😀😁😀😁😀😁😀😁",
        "😀😁😂😀😁😂😀😁😂😀😁😂",
        "ΑΒΓΑΒΓΑΒΓΑΒΓ",
        "ßßßßßßßßßßßßß",
        "ssßssßssßssßssß",
        "123456123456",
    ),
    *(
        "1234567890-=",
        "zxcvbnm,./asdf",
        "zyxwvutsrqpon",
        "aaaabbbbccccdddd",
        "abcabcabcabca",
        "abcdeabcdeabcde",
        "qwer asdf zxcv",
    ),
    *(
        "eleven char",
        "twelve chars",
        "e\u0301" * 11,
        "e\u0301" * 12 + "xyz",
        "harbour²²²²²²²²",
        "master₁₂₃ⅧⅧⅧⅧⅧⅧⅧⅧ",
        "harbour+=<>~$",
    ),
]
OF_THE_FORM = {"Name": "Mira", "Email address": ADDRESS, "Password": PASSWORD}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The services, each started when the first test needs it."""
    opened = House(tmp_path_factory.mktemp("forms"))
    yield opened
    opened.close()


@pytest.fixture
def shared(house: House) -> Service:
    """The service for the tests that do it no harm."""
    return house.everyday


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A fresh window at the width of a phone, with scripts."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems, statuses=REPORTED)
    yield opened
    context.close()
    assert [] == problems


def _open(page: Page, service: Service, path: str) -> list[Request]:
    """Open a page; returns the list into which go the requests it sends from then on."""
    page.goto(f"http://127.0.0.1:{service.port}{path}")
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))  # Playwright cannot wrap a built-in method
    return sent


def _fill(page: Page, **changed: str) -> None:
    for label, text in {**OF_THE_FORM, **changed}.items():
        page.get_by_label(label).fill(text)


def _press(page: Page, name: str = "Create account") -> None:
    page.get_by_role("button", name=name).click()


def _still_there(page: Page, password: str = PASSWORD) -> None:
    for label, text in {**OF_THE_FORM, "Password": password}.items():
        expect(page.get_by_label(label)).to_have_value(text)


def test_a_wrong_field_costs_nothing_that_was_typed(page: Page, shared: Service) -> None:
    """The error stands at its field, focus goes there, the title says it, and the password is still in its field."""
    sent = _open(page, shared, "/register")
    _fill(page, Password="short")
    _press(page)
    wrong = page.get_by_label("Password")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description(re.compile("^Use at least 12 characters"))
    expect(page).to_have_title("Error: Create your account · Tidewater")
    _still_there(page, "short")
    assert ["POST"] == [one.method for one in sent]  # no page was loaded

    wrong.press_sequentially(" of nothing now")
    expect(wrong).not_to_have_attribute("aria-invalid", "true")
    _press(page)
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_focused()
    expect(page).to_have_title("Check your inbox · Tidewater")
    expect(page.get_by_role("navigation")).to_have_count(0)  # the answer's footer took the place of the page's
    assert ["POST", "POST"] == [one.method for one in sent if one.resource_type != "image"]


def test_signing_in_goes_to_the_page_that_was_wanted(page: Page, house: House) -> None:
    """A wrong password is marked to be typed anew; the right one lets the browser go."""
    address = house.person()
    _open(page, house.everyday, "/login?next=/account/password")
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Password").fill("not her password")
    _press(page, "Sign in")
    expect(page.get_by_role("alert")).to_contain_text("Signing in failed")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    expect(page.get_by_label("Password")).to_have_value(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"http://127.0.0.1:{house.everyday.port}/account/password")


def test_s87_a_form_sent_in_place_proves_itself(page: Page, shared: Service) -> None:
    """It comes from our own site and carries the field; the page's address, which may hold a secret, stays here."""
    sent = _open(page, shared, "/register")
    _fill(page)
    _press(page)
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    fields = next(one for one in sent if one.method == "POST").all_headers()
    assert "same-origin" == fields["sec-fetch-site"]
    assert {"referer", "hx-current-url"} & fields.keys() == set()
    _open(page, shared, "/register")
    _fill(page)
    page.locator("[name=form_key]").evaluate("field => { field.value = 'f'.repeat(64) }")
    _press(page)
    expect(page.get_by_role("alert")).to_contain_text("The form was open for too long")


def test_a_form_that_is_too_old_takes_one_press_more(page: Page, shared: Service) -> None:
    """The cookie is gone; the answer brings a new one and a new field, and all that was typed stays."""
    _open(page, shared, "/register")
    _fill(page)
    page.context.clear_cookies()
    _press(page)
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("The form was open for too long")
    _still_there(page)
    _press(page)
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_pressed_twice_it_is_sent_once(page: Page, shared: Service) -> None:
    """While the answer is awaited the form is busy, keeps the focus, and takes no second press and no Enter."""
    sent = _open(page, shared, "/register")
    _fill(page)
    button = page.get_by_role("button", name="Create account")
    shared.freeze()
    try:
        button.dblclick()
        expect(button).to_be_focused()
        page.get_by_label("Password").press("Enter")
        expect(page.locator("form[action='/register']")).to_have_attribute("aria-busy", "true")
        expect(button).to_have_attribute("aria-disabled", "true")
    finally:
        shared.thaw()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    assert 1 == len([one for one in sent if one.method == "POST"])


def test_what_is_too_large_stands_above_the_form(page: Page, shared: Service) -> None:
    """413 is no page of the form's: it is said above it, once however often, with the request's number."""
    _open(page, shared, "/register")
    _fill(page)
    page.locator("[name=form_key]").evaluate("field => { field.value = 'f'.repeat(70000) }")
    for _ in range(2):
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            _press(page)
        expect(page.locator("#summary")).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(1)
        expect(page.get_by_role("alert")).to_contain_text("The body is too large")
        expect(page).to_have_title("The body is too large · Tidewater")
    expect(page.locator("#summary code")).to_be_visible()
    _still_there(page)


def test_what_a_proxy_says_stands_above_the_form(page: Page, shared: Service) -> None:
    """An answer that is none of ours takes nothing away; the next one counts."""
    _open(page, shared, "/register")
    _fill(page)

    def from_a_proxy(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")

    page.route("**/register", from_a_proxy)
    _press(page)
    expect(page.get_by_role("alert")).to_contain_text("The answer makes no sense")
    expect(page.get_by_text("502 Bad Gateway")).to_have_count(0)
    _still_there(page)
    page.unroute("**/register")
    _press(page)
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_while_the_server_is_away_nothing_is_lost(page: Page, service: Service, problems: list[str]) -> None:
    """No answer is said above the form; when the server is back, one press does it."""
    _open(page, service, "/register")
    _fill(page)
    service.kill()
    _press(page)
    expect(page.get_by_role("alert")).to_contain_text("No answer came")
    expect(page.locator("#summary")).to_be_focused()
    _still_there(page)
    assert all("ERR_" in problem or "Failed to fetch" in problem for problem in problems)  # and nothing else
    problems.clear()
    service.start()
    service.wait_until_ready()
    _press(page)
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_a_wait_is_counted_down(page: Page, house: House) -> None:
    """Too many requests: the seconds go down, readers of the screen hear them once, and then it says it is over."""
    while 202 == house.strict.post("/auth/password/reset/request", email=house.stranger())[0]:
        pass
    page.clock.install()
    _open(page, house.strict, "/reset/request")
    page.get_by_label("Email address").fill(ADDRESS)
    _press(page, "Send me a link")
    waiting = page.get_by_role("alert").locator("[data-wait-s]")
    expect(waiting).to_have_attribute("aria-live", "off")
    seconds = int(waiting.get_attribute("data-wait-s") or 0)
    page.clock.run_for(2000)
    expect(waiting).to_contain_text(f"Wait {seconds - 2} seconds")
    page.clock.run_for(seconds * 1000)
    expect(waiting).to_have_text("You can send it again now.")
    expect(page.get_by_label("Email address")).to_have_value(ADDRESS)


def test_what_is_typed_can_be_seen_and_is_hidden_again(page: Page, shared: Service) -> None:
    """The button says whether it is pressed; before the form is sent the password is dots again."""
    _open(page, shared, "/register")
    _fill(page, Password="short")
    field, button = page.get_by_label("Password"), page.get_by_role("button", name="Show what you type")
    for pressed, kind in (("true", "text"), ("false", "password"), ("true", "text")):
        button.click()
        expect(button).to_have_attribute("aria-pressed", pressed)
        expect(field).to_have_attribute("type", kind)
    shared.freeze()
    try:
        _press(page)
        expect(field).to_have_attribute("type", "password")
        expect(button).to_have_attribute("aria-pressed", "false")
    finally:
        shared.thaw()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_value("short")
    expect(button).to_have_count(1)  # the answer knows nothing of it; it is made again


def test_the_hint_says_how_long_a_password_is(page: Page, shared: Service) -> None:
    """What is missing, what is easy to guess, and when it is long enough; and not a byte leaves the page."""
    sent = _open(page, shared, "/register")
    page.get_by_label("Name").fill("Miranda Lind")
    page.get_by_label("Email address").fill("harbourmaster@example.com")
    hint = page.locator(".strength")
    for typed, words in (
        ("short", "Characters to go: 7"),
        ("eleven chrs", "Characters to go: 1"),
        ("é" * 5, "Characters to go: 7"),
        ("😀 moon tide", "Characters to go: 1"),
        ("aaaaaaaaaaaaaaaa", "Easy to guess: repeats, or rows of keys."),
        ("abcdabcdabcdabcd", "Easy to guess: repeats, or rows of keys."),
        ("qwertyuiop12345", "Easy to guess: repeats, or rows of keys."),
        ("Harbourmaster 2026", "Easy to guess: your name or your address."),
        ("Miranda-Miranda", "Easy to guess: your name or your address."),
        ("tidewater tidewater", "Easy to guess: your name or your address."),
        (PASSWORD, "Long enough."),
        ("", ""),
    ):
        page.get_by_label("Password").fill(typed)
        expect(hint).to_have_text(words)
    expect(page.locator(".note [aria-live=polite]")).to_have_text("")
    assert [] == sent


def test_the_hint_says_nothing_that_the_server_denies(page: Page, shared: Service) -> None:
    """Whatever it calls easy to guess is refused, and it counts characters as the server does."""
    policy = PasswordPolicy(12, "Tidewater")
    _open(page, shared, "/register")
    page.get_by_label("Name").fill(KNOWN[0])
    page.get_by_label("Email address").fill(KNOWN[1])
    for typed in TYPED:
        page.get_by_label("Password").fill(typed)
        hint = page.locator(".strength").inner_text()
        problem = policy.problem(typed, KNOWN)
        code = problem.code if problem else None
        if hint.startswith("Characters to go"):
            assert (typed, "too_short") == (typed, code)
        elif hint.startswith("Easy to guess"):
            assert (typed, True) == (typed, code in ("too_common", "too_personal"))
        else:
            assert (typed, "Long enough.", False) == (typed, hint, code == "too_short")


def test_caps_lock_is_told(page: Page, shared: Service) -> None:
    """While it is on, at the field one types into."""
    _open(page, shared, "/login")
    field = page.get_by_label("Password")
    field.focus()
    field.dispatch_event("keydown", {"key": "A", "modifierCapsLock": True})
    expect(page.get_by_text("Caps Lock is on.")).to_be_visible()
    field.dispatch_event("keydown", {"key": "a"})
    expect(page.get_by_text("Caps Lock is on.")).to_have_count(0)


def test_s12_every_form_suits_a_password_program(page: Page, house: House) -> None:
    """Each field for a password says which one it wants, takes a pasted one, and stands with whose it is."""
    address = house.person()
    base = f"http://127.0.0.1:{house.everyday.port}"
    cookie = house.sign_in(address, LAPTOP)
    page.context.add_cookies([{"name": "gatepost", "value": cookie, "url": base}])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path, kinds in FORMS.items():
        page.goto(base + path)
        page.evaluate("navigator.clipboard.writeText('pasted and long enough')")
        fields = page.locator("main form input:not([type=hidden], #name)")
        found = [(one.get_attribute("type"), one.get_attribute("autocomplete")) for one in fields.all()]
        assert (path, kinds) == (path, found)
        for field in page.locator("input[type=password]").all():
            field.focus()
            page.keyboard.press("Control+V")
            expect(field).to_have_value("pasted and long enough")
        for known in page.locator("#username").all():
            assert (address, None) == (known.input_value(), known.get_attribute("name"))


def test_a_new_password_is_set_without_its_owner_being_named_to_us(page: Page, house: House) -> None:
    """The hidden field with the address is for password programs alone: it is not sent."""
    cookie = house.sign_in(house.person(), LAPTOP)
    page.context.add_cookies([{"name": "gatepost", "value": cookie, "url": f"http://127.0.0.1:{house.everyday.port}"}])
    sent = _open(page, house.everyday, "/account/password")
    page.get_by_label("Current password").fill("not her password")
    page.get_by_label("New password").fill("the harbour lights at four")
    _press(page, "Change password")
    expect(page.get_by_label("Current password")).to_be_focused()
    expect(page.get_by_label("New password")).to_have_value("the harbour lights at four")
    page.get_by_label("Current password").fill(PASSWORD)
    _press(page, "Change password")
    expect(page.get_by_role("heading", name="Password changed")).to_be_focused()
    bodies = [one.post_data or "" for one in sent if one.method == "POST"]
    assert [["current_password", "form_key", "password"]] * 2 == [sorted(parse_qs(body)) for body in bodies]
