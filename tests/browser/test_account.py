"""A person with an account in a real browser: sign in, see it, sign out; mailed links outlast any number of looks."""

import email
import email.policy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gatepost.testing import SubmissionServer
from tests.browser.conftest import TIMEOUT_MS, watch
from tests.support.service import Service

ADDRESS = "mira@example.com"
NEW_ADDRESS = "mira@elsewhere.example"
PASSWORD = "correct horse battery"
NARROW = 390


@pytest.fixture
def window(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A window that runs scripts, as most do, at the width of a phone."""
    context = browser.new_context(viewport={"width": NARROW, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems)
    yield opened
    context.close()
    assert [] == problems


def _link(mail_server: SubmissionServer, subject: str, count: int) -> str:
    """The link in the message with this subject, once the server has `count` messages."""
    mail_server.wait_for_blocking(count)
    (found,) = [message for message in mail_server.messages if re.search(subject, message.subject)]
    text = email.message_from_bytes(found.content, policy=email.policy.default).get_body(("plain",))
    assert text is not None
    (link,) = re.findall(r"http://\S+token=\S+", text.get_content())
    return str(link)


def _sign_up(service: Service, mail_server: SubmissionServer) -> str:
    """Register; returns the link of the verification message."""
    assert 202 == service.post("/auth/register", email=ADDRESS, password=PASSWORD, name="Mira")[0]
    return _link(mail_server, "Verify", 2)


def _press(page: Page, link: str, button: str) -> None:
    page.goto(link)
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("button", name=button)).to_have_count(0)


def _sign_in(page: Page, service: Service, address: str = ADDRESS, password: str = PASSWORD) -> None:
    page.goto(f"http://127.0.0.1:{service.port}/login")
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def _look_twenty_times(page: Page, service: Service, link: str) -> None:
    """Nine GET, nine HEAD as scanners do, a browser without scripts, and this one; every one gets the page."""
    for method in ("GET", "HEAD") * 9:
        status, _, _ = service.request(method, link.partition(str(service.port))[2])
        assert 200 == status
    assert page.context.browser is not None
    without_scripts = page.context.browser.new_context(java_script_enabled=False).new_page()
    for visit in (without_scripts, page):
        visit.goto(link)
        expect(visit.locator("button[type=submit]")).to_be_visible()
    without_scripts.context.close()


def test_from_signing_up_to_signing_out(page: Page, service: Service, javascript: bool, problems: list[str]) -> None:
    """Sign up, verify, sign in, see the account, sign out; the way back shows no account any more."""
    base = f"http://127.0.0.1:{service.port}"
    page.goto(f"{base}/register")
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    service.wait_for_log("message_accepted")
    page.goto(f"{base}/dev/mailbox")
    page.get_by_role("link", name=re.compile("Verify")).click()
    page.frame_locator("iframe").get_by_role("link", name=re.compile("Verify")).click()
    page.get_by_role("button", name="Verify my address").click()
    page.get_by_role("link", name="Sign in").click()

    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password").fill("not my password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("Signing in failed")
    expect(page.get_by_label("Email address")).to_have_value(ADDRESS)
    expect(page.get_by_label("Password")).to_be_focused()
    assert all("401" in problem for problem in problems)  # Chromium reports the status, and nothing else
    problems.clear()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    expect(page.get_by_text(ADDRESS)).to_be_visible()
    expect(page.get_by_text("This browser")).to_be_visible()
    assert f"{base}/account" == page.url
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "gatepost"]
    assert (True, "Lax") == (cookie["httpOnly"], cookie["sameSite"])
    assert cookie["value"] not in page.content()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Signed out")).to_be_visible()
    assert [] == [one for one in page.context.cookies() if one["name"] == "gatepost"]
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert f"{base}/login?next=%2Faccount" == page.url
    assert ADDRESS not in page.content()


def test_s89_signing_in_leads_to_the_page_that_was_wanted(
    window: Page, tmp_path: Path, mail_server: SubmissionServer, problems: list[str]
) -> None:
    """A page of this site, or one of RETURN_ORIGINS although the page's policy holds where forms lead; no other."""
    service = Service(tmp_path, mail_server.port)
    here, there = f"http://127.0.0.1:{service.port}", f"http://localhost:{service.port}"
    service.settings["RETURN_ORIGINS"] = there
    service.start()
    service.wait_until_ready()
    try:
        _press(window, _sign_up(service, mail_server), "Verify my address")
        for wanted, reached in (
            ("/verify/request%23there", f"{here}/verify/request#there"),
            (f"{there}/verify/request", f"{there}/verify/request"),
            (f"http://[::1]:{service.port}/", f"{here}/account"),
            ("/%09/localhost/", f"{here}/account"),
        ):
            window.goto(f"{here}/login?next={wanted}")
            window.get_by_label("Email address").fill(ADDRESS)
            window.get_by_label("Password").fill(PASSWORD)
            window.keyboard.press("Enter")
            expect(window).to_have_url(reached)
    finally:
        service.close()


def test_another_session_is_ended_by_its_button(
    window: Page, service_with_smtp: Service, mail_server: SubmissionServer
) -> None:
    """Somebody else's session is listed, ended, and over at once; this browser stays signed in."""
    service = service_with_smtp
    _press(window, _sign_up(service, mail_server), "Verify my address")
    status, fields, _ = service.post("/auth/login", email=ADDRESS, password=PASSWORD)
    assert 200 == status
    other = fields["set-cookie"].partition(";")[0]
    assert 200 == service.request("GET", "/auth/me", Cookie=other)[0]
    _sign_in(window, service)
    sessions = window.get_by_role("list", name="Where you are signed in").get_by_role("listitem")
    expect(sessions).to_have_count(2)
    _fits(window)
    window.get_by_role("button", name="End").click()
    expect(sessions).to_have_count(1)
    expect(window.get_by_text("This browser")).to_be_visible()
    assert 401 == service.request("GET", "/auth/me", Cookie=other)[0]


def test_s40_twenty_looks_at_a_mailed_link_change_nothing(
    window: Page, service_with_smtp: Service, mail_server: SubmissionServer
) -> None:
    """Scanners fetch it, browsers that run scripts open it; then the click works. Every kind of link."""
    service = service_with_smtp

    def look_and_press(link: str, button: str, done: str) -> None:
        _look_twenty_times(window, service, link)
        if button == "Set password":
            window.get_by_label("Password").fill("another good sentence")
        _fits(window)
        window.get_by_role("button", name=button).click()
        expect(window.get_by_role("heading", name=done)).to_be_visible()

    look_and_press(_sign_up(service, mail_server), "Verify my address", "Address verified")
    _sign_in(window, service)
    window.get_by_role("link", name="Change address").click()
    window.get_by_label("New email address").fill(NEW_ADDRESS)
    window.get_by_label("Current password").fill(PASSWORD)
    window.keyboard.press("Enter")
    expect(window.get_by_role("heading", name="Check your inbox")).to_be_visible()
    look_and_press(_link(mail_server, "new email address", 4), "Use this address", "New address confirmed")
    look_and_press(_link(mail_server, "being changed", 4), "Keep my address", "Your address stays")
    look_and_press(_link(mail_server, "new password", 5), "Set password", "New password set")
    _sign_in(window, service, password="another good sentence")
    expect(window.get_by_text(ADDRESS)).to_be_visible()


def test_s42_the_token_leaves_the_address_bar(window: Page, service: Service) -> None:
    """After landing neither the address nor the history holds it, and nothing but the visit itself ever sent it."""
    base = f"http://127.0.0.1:{service.port}"
    for path in ("/verify", "/reset", "/email/confirm", "/email/undo"):
        sent: list[str] = []
        window.on("request", lambda request, sent=sent: sent.append(f"{request.url} {request.all_headers()}"))
        window.goto(f"{base}/login")
        window.goto(f"{base}{path}?token=abc.def&locale=en")
        expect(window.locator("button[type=submit]")).to_be_visible()
        assert f"{base}{path}?locale=en" == window.url
        window.go_back()
        assert f"{base}/login" == window.url
        window.go_forward()
        assert f"{base}{path}?locale=en" == window.url
        assert 1 == len([one for one in sent if "abc.def" in one])


def test_s12_passwords_can_be_pasted(window: Page, service: Service) -> None:
    """In every field for a password a pasted one arrives whole, and the field says which password it wants."""
    base = f"http://127.0.0.1:{service.port}"
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for path, kind in (
        ("/login", "current-password"),
        ("/register", "new-password"),
        ("/reset?token=a", "new-password"),
    ):
        window.goto(f"{base}{path}")
        window.evaluate("navigator.clipboard.writeText('pasted and long enough')")
        field = window.get_by_label("Password")
        field.focus()
        window.keyboard.press("Control+V")
        expect(field).to_have_value("pasted and long enough")
        assert ("password", kind) == (field.get_attribute("type"), field.get_attribute("autocomplete"))
