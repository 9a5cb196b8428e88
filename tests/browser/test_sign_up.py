"""A stranger signs up in a real browser, and the mail arrives."""

import email
import email.policy
import re

from playwright.sync_api import Browser, Page, expect

from gatepost.testing import SubmissionServer
from tests.browser.conftest import TIMEOUT_MS, watch
from tests.support.service import Service

ADDRESS = "mira@example.com"
PASSWORD = "correct horse battery"


def _sign_up(page: Page, service: Service, address: str = ADDRESS) -> None:
    page.goto(f"http://127.0.0.1:{service.port}/register")
    page.get_by_label("Name").fill("Mira")
    page.get_by_label("Email address").fill(address)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()


def _mailed_link(mail_server: SubmissionServer) -> str:
    """The link in the verification message, once the server has it and the welcome."""
    mail_server.wait_for_blocking(2)
    (verification,) = [message for message in mail_server.messages if "Verify" in message.subject]
    text = email.message_from_bytes(verification.content, policy=email.policy.default).get_body(("plain",))
    assert text is not None
    (link,) = re.findall(r"http://\S+token=\S+", text.get_content())
    return link


def _no_sideways_scrolling(page: Page) -> None:
    for element in (page.locator("html"), page.locator("body")):
        box = element.bounding_box()
        assert box is not None
        assert box["width"] <= 390


def test_from_the_sign_up_page_to_a_verified_address(page: Page, service: Service, javascript: bool) -> None:
    """Sign up, find the mail in the mailbox page, open its link, press the button: verified."""
    _sign_up(page, service)
    _no_sideways_scrolling(page)
    service.wait_for_log("message_accepted")
    page.goto(f"http://127.0.0.1:{service.port}/dev/mailbox")
    page.get_by_role("link", name=re.compile("Verify")).click()
    page.frame_locator("iframe").get_by_role("link", name=re.compile("Verify")).click()
    expect(page.get_by_role("heading", name="Verify your address")).to_be_visible()
    _no_sideways_scrolling(page)
    # The secret leaves the address bar where scripts run, so that no screenshot and no history shows it.
    assert ("token=" in page.url) != javascript
    page.get_by_role("button", name="Verify my address").click()
    expect(page.get_by_role("heading", name=re.compile("verified"))).to_be_visible()
    service.wait_for_log("address_verified")


def test_the_same_over_a_real_mail_server(
    page: Page, service_with_smtp: Service, mail_server: SubmissionServer
) -> None:
    """The link is read from the message the SMTP server accepted."""
    _sign_up(page, service_with_smtp)
    link = _mailed_link(mail_server)
    page.goto(link)
    page.get_by_role("button", name="Verify my address").click()
    expect(page.get_by_role("heading", name=re.compile("verified"))).to_be_visible()


def test_looking_at_the_link_changes_nothing(
    page: Page, service_with_smtp: Service, mail_server: SubmissionServer
) -> None:
    """Scanners fetch it, the browser opens it again and again; the button still works afterwards."""
    _sign_up(page, service_with_smtp)
    link = _mailed_link(mail_server)
    for method in ("GET", "HEAD") * 10:
        status, _, _ = service_with_smtp.request(method, link.partition(str(service_with_smtp.port))[2])
        assert 200 == status
    page.goto(link)
    page.reload()
    page.goto(link)
    page.get_by_role("button", name="Verify my address").click()
    expect(page.get_by_role("heading", name=re.compile("verified"))).to_be_visible()


def test_new_mail_appears_in_the_mailbox_without_a_reload(browser: Browser, service: Service) -> None:
    """The page is open before anybody signs up."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    problems: list[str] = []
    mailbox = context.new_page()
    watch(mailbox, problems)
    with mailbox.expect_request(lambda request: "/dev/mailbox/changes" in request.url):
        mailbox.goto(f"http://127.0.0.1:{service.port}/dev/mailbox")
    expect(mailbox.get_by_text("No mail yet")).to_be_visible()
    assert 202 == service.post("/auth/register", email=ADDRESS, password=PASSWORD)[0]
    expect(mailbox.get_by_role("link", name=re.compile("Verify"))).to_be_visible()
    expect(mailbox.get_by_role("link", name=re.compile("Welcome"))).to_be_visible()
    context.close()
    assert [] == problems


def test_a_forgotten_password_is_chosen_anew(page: Page, service: Service) -> None:
    """Ask, follow the link of the mail, type a new password: done."""
    page.goto(f"http://127.0.0.1:{service.port}/register")
    service.post("/auth/register", email=ADDRESS, password=PASSWORD)
    page.goto(f"http://127.0.0.1:{service.port}/reset")
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    mail = page.get_by_role("link", name=re.compile("password", re.IGNORECASE))
    for _ in range(100):
        page.goto(f"http://127.0.0.1:{service.port}/dev/mailbox")
        if mail.count():
            break
    mail.first.click()
    page.frame_locator("iframe").get_by_role("link", name=re.compile("Choose")).first.click()
    page.get_by_label("Password").fill("another good password")
    page.locator("button[type=submit]").click()
    expect(page.get_by_label("Password")).to_have_count(0)
    expect(page.get_by_role("heading", name=re.compile("password", re.IGNORECASE))).to_be_visible()
    service.wait_for_log("password_was_reset")


def test_a_wrong_field_is_named_and_nothing_typed_is_lost(
    page: Page, service: Service, javascript: bool, problems: list[str]
) -> None:
    """The error stands at its field, the address is still there, the password too where scripts run."""
    page.goto(f"http://127.0.0.1:{service.port}/register")
    page.get_by_label("Email address").fill(ADDRESS)
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("at least 12 characters", exact=False).first).to_be_visible()
    expect(page.get_by_label("Email address")).to_have_value(ADDRESS)
    expect(page.get_by_label("Password")).to_have_value("short" if javascript else "")
    assert all("422" in problem for problem in problems)  # Chromium reports the status, and nothing else
    problems.clear()


def test_the_api_docs_open_without_complaint(browser: Browser, service: Service) -> None:
    """Vendored files, no inline script, an empty console."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT_MS)
    problems: list[str] = []
    docs = context.new_page()
    watch(docs, problems)
    docs.goto(f"http://127.0.0.1:{service.port}/docs")
    expect(docs.get_by_text("/auth/register").first).to_be_visible()
    context.close()
    assert [] == problems
