"""Forms in a real browser that runs scripts: sent in place, and whatever comes back, nothing that was typed is lost."""

import re

from playwright.sync_api import Page, Request, Route, expect

from tests.browser.house import PASSWORD, House
from tests.support.service import Service

ADDRESS = "mira@example.com"
OF_THE_FORM = {"Name": "Mira", "Email address": ADDRESS, "Password": PASSWORD}


def _open(window: Page, service: Service, path: str) -> list[Request]:
    """Open a page; returns the list into which go the requests it sends from then on, but for its icon."""
    window.goto(f"http://127.0.0.1:{service.port}{path}")
    sent: list[Request] = []
    window.on("request", lambda request: None if "icon" in request.url else sent.append(request))
    return sent


def _fill(window: Page, **changed: str) -> None:
    for label, text in {**OF_THE_FORM, **changed}.items():
        window.get_by_label(label).fill(text)


def _press(window: Page, name: str = "Create account") -> None:
    window.get_by_role("button", name=name).click()


def _still_there(window: Page, password: str = PASSWORD) -> None:
    for label, text in {**OF_THE_FORM, "Password": password}.items():
        expect(window.get_by_label(label)).to_have_value(text)


def test_a_wrong_field_costs_nothing_that_was_typed(window: Page, forms_house: House) -> None:
    """The error stands at its field, focus goes there, the title says it, and the password is still in its field."""
    sent = _open(window, forms_house.everyday, "/register")
    _fill(window, Password="short")
    _press(window)
    wrong = window.get_by_label("Password")
    expect(wrong).to_be_focused()
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_accessible_description(re.compile("^Use at least 12 characters"))
    expect(window).to_have_title("Error: Create your account · Tidewater")
    _still_there(window, "short")
    assert ["POST"] == [one.method for one in sent]  # no page was loaded

    wrong.press_sequentially(" of nothing now")
    expect(wrong).not_to_have_attribute("aria-invalid", "true")
    _press(window)
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_focused()
    expect(window).to_have_title("Check your inbox · Tidewater")
    expect(window.get_by_role("navigation")).to_have_count(0)  # the answer's footer took the place of the page's
    assert ["POST", "POST"] == [one.method for one in sent]


def test_signing_in_goes_to_the_page_that_was_wanted(window: Page, forms_house: House) -> None:
    """A wrong password is marked to be typed anew; the right one lets the browser go."""
    address = forms_house.person()
    _open(window, forms_house.everyday, "/login?next=/account/password")
    window.get_by_label("Email address").fill(address)
    window.get_by_label("Password").fill("not her password")
    _press(window, "Sign in")
    expect(window.get_by_role("alert")).to_contain_text("Signing in failed")
    expect(window.get_by_label("Password")).to_be_focused()
    window.keyboard.type(PASSWORD)
    expect(window.get_by_label("Password")).to_have_value(PASSWORD)
    window.keyboard.press("Enter")
    expect(window).to_have_url(f"http://127.0.0.1:{forms_house.everyday.port}/account/password")


def test_s87_a_form_sent_in_place_proves_itself(window: Page, forms_house: House) -> None:
    """It comes from our own site and carries the field; the page's address, which may hold a secret, stays here."""
    sent = _open(window, forms_house.everyday, "/register")
    _fill(window)
    _press(window)
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()
    fields = next(one for one in sent if one.method == "POST").all_headers()
    assert "same-origin" == fields["sec-fetch-site"]
    assert {"referer", "hx-current-url"} & fields.keys() == set()
    _open(window, forms_house.everyday, "/register")
    _fill(window)
    window.locator("[name=form_key]").evaluate("field => { field.value = 'f'.repeat(64) }")
    _press(window)
    expect(window.get_by_role("alert")).to_contain_text("The form was open for too long")


def test_a_form_that_is_too_old_takes_one_press_more(window: Page, forms_house: House) -> None:
    """The cookie is gone; the answer brings a new one and a new field, and all that was typed stays."""
    _open(window, forms_house.everyday, "/register")
    _fill(window)
    window.context.clear_cookies()
    _press(window)
    expect(window.get_by_role("alert")).to_be_focused()
    expect(window.get_by_role("alert")).to_contain_text("The form was open for too long")
    _still_there(window)
    _press(window)
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_pressed_twice_it_is_sent_once(window: Page, forms_house: House) -> None:
    """While the answer is awaited the form is busy, keeps the focus, and takes no second press and no Enter."""
    sent = _open(window, forms_house.everyday, "/register")
    _fill(window)
    button = window.get_by_role("button", name="Create account")
    forms_house.everyday.freeze()
    try:
        button.dblclick()
        expect(button).to_be_focused()
        window.get_by_label("Password").press("Enter")
        expect(window.locator("form[action='/register']")).to_have_attribute("aria-busy", "true")
        expect(button).to_have_attribute("aria-disabled", "true")
    finally:
        forms_house.everyday.thaw()
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()
    assert 1 == len([one for one in sent if one.method == "POST"])


def test_what_is_too_large_stands_above_the_form(window: Page, forms_house: House) -> None:
    """413 is no page of the form's: it is said above it, once however often, with the request's number."""
    _open(window, forms_house.everyday, "/register")
    _fill(window)
    window.locator("[name=form_key]").evaluate("field => { field.value = 'f'.repeat(70000) }")
    for _ in range(2):
        with window.expect_response(lambda answer: answer.request.method == "POST"):
            _press(window)
        expect(window.locator("#summary")).to_be_focused()
        expect(window.get_by_role("alert")).to_have_count(1)
        expect(window.get_by_role("alert")).to_contain_text("The body is too large")
        expect(window).to_have_title("The body is too large · Tidewater")
    expect(window.locator("#summary code")).to_be_visible()
    _still_there(window)


def test_what_a_proxy_says_stands_above_the_form(window: Page, forms_house: House) -> None:
    """An answer that is none of ours takes nothing away; the next one counts."""
    _open(window, forms_house.everyday, "/register")
    _fill(window)

    def from_a_proxy(route: Route) -> None:
        route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>")

    window.route("**/register", from_a_proxy)
    _press(window)
    expect(window.get_by_role("alert")).to_contain_text("The answer makes no sense")
    expect(window.get_by_text("502 Bad Gateway")).to_have_count(0)
    _still_there(window)
    window.unroute("**/register")
    _press(window)
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_while_the_server_is_away_nothing_is_lost(window: Page, service: Service, problems: list[str]) -> None:
    """No answer is said above the form; when the server is back, one press does it."""
    _open(window, service, "/register")
    _fill(window)
    service.kill()
    _press(window)
    expect(window.get_by_role("alert")).to_contain_text("No answer came")
    expect(window.locator("#summary")).to_be_focused()
    _still_there(window)
    assert all("ERR_" in problem or "Failed to fetch" in problem for problem in problems)  # and nothing else
    problems.clear()
    service.start()
    service.wait_until_ready()
    _press(window)
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()


def test_a_wait_is_counted_down(window: Page, forms_house: House) -> None:
    """Too many requests: the seconds go down, readers of the screen hear them once, and then it says it is over."""
    while 202 == forms_house.strict.post("/auth/password/reset/request", email=forms_house.stranger())[0]:
        pass
    window.clock.install()
    _open(window, forms_house.strict, "/reset/request")
    window.get_by_label("Email address").fill(ADDRESS)
    _press(window, "Send me a link")
    waiting = window.get_by_role("alert").locator("[data-wait-s]")
    expect(waiting).to_have_attribute("aria-live", "off")
    seconds = int(waiting.get_attribute("data-wait-s") or 0)
    window.clock.run_for(2000)
    expect(waiting).to_contain_text(f"Wait {seconds - 2} seconds")
    window.clock.run_for(seconds * 1000)
    expect(waiting).to_have_text("You can send it again now.")
    expect(window.get_by_label("Email address")).to_have_value(ADDRESS)
