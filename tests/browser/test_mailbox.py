"""The development mailbox in a real browser: what appears by itself, what stays where it is, what the switch does."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TIMEOUT_MS, watch
from tests.support.service import Service

PASSWORD = "correct horse battery"
A_LINE_PX = 20


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all of them: each test signs up people of its own, and leaves the mail server accepting."""
    running = Service(tmp_path_factory.mktemp("office"))
    running.start()
    running.wait_until_ready()
    yield running
    running.close()


@pytest.fixture
def mailbox(browser: Browser, office: Service, problems: list[str]) -> Iterator[Page]:
    """The mailbox page, open in a window."""
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    watch(page, problems)
    page.goto(f"http://127.0.0.1:{office.port}/dev/mailbox")
    yield page
    _switch_to(page, "Accepts")
    context.close()
    # Chromium writes down each look of a test into a frame that may run nothing.
    assert [] == [problem for problem in problems if "Blocked script execution" not in problem]


def _sign_up(office: Service, address: str) -> None:
    assert 202 == office.post("/auth/register", email=address, password=PASSWORD)[0]


def _switch_to(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=re.compile(f"^{name}"))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")


def test_scroll_and_focus_survive_new_mail(mailbox: Page, office: Service) -> None:
    """A person reads further down and stands on a link: new mail comes above, and neither moves; it is announced."""
    for number in range(8):
        _sign_up(office, f"crowd{number}@example.com")
    expect(mailbox.locator(".mails li", has_text="to crowd7@")).to_have_count(2)
    stood_on = mailbox.get_by_role("link", name=re.compile("Verify.*crowd0@"))
    stood_on.focus()
    before = stood_on.bounding_box()
    _sign_up(office, "late@example.com")
    expect(mailbox.locator(".mails li", has_text="to late@")).to_have_count(2)
    expect(stood_on).to_be_focused()
    after = stood_on.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < A_LINE_PX
    expect(mailbox.locator("#announce")).to_contain_text("to late@example.com")


def test_the_search_follows_the_typing(mailbox: Page, office: Service) -> None:
    """Without Enter; what is typed goes on counting when news come, and the cursor stays in the field."""
    for address in ("needle@example.com", "hay@example.com"):
        _sign_up(office, address)
    expect(mailbox.locator(".mails li", has_text="to needle@")).to_have_count(2)
    field = mailbox.get_by_label("Recipient or subject")
    field.press_sequentially("needle verify")
    expect(mailbox.locator(".mails li")).to_have_count(1)
    _sign_up(office, "needle2@example.com")
    expect(mailbox.locator(".mails li")).to_have_count(2)
    expect(field).to_be_focused()
    expect(field).to_have_value("needle verify")


@pytest.mark.parametrize(
    ("behaviour", "label"),
    [
        ("Refuses", "failed"),
        ("Says later", "tried again"),
        ("Breaks off", "perhaps taken"),
        ("Is slow", "under way"),
    ],
)
def test_a_developer_sees_what_the_product_does(mailbox: Page, office: Service, behaviour: str, label: str) -> None:
    """The switch, the banner, and the message with its state, all without a reload; the sign-up is answered at once."""
    address = f"ada@{behaviour.replace(' ', '-').lower()}.example"  # a domain waits for its own messages only
    _switch_to(mailbox, behaviour)
    expect(mailbox.locator("#banner")).to_be_visible()
    _sign_up(office, address)
    expect(mailbox.locator(".underway li", has_text=address).first).to_be_visible()
    expect(mailbox.locator(".underway li", has_text=address).get_by_text(label, exact=True).first).to_be_visible()


def test_one_that_breaks_off_leaves_a_copy_and_a_doubt(mailbox: Page, office: Service) -> None:
    """Both messages arrived and nobody was told: each stands on both sides, and the one leads to the other."""
    _switch_to(mailbox, "Breaks off")
    _sign_up(office, "ada@torn.example")
    expect(mailbox.locator(".underway li", has_text="ada@torn.example")).to_have_count(2)
    expect(mailbox.locator(".mails li", has_text="ada@torn.example")).to_have_count(2)
    mailbox.locator(".underway li", has_text="ada@torn.example").get_by_role(
        "link", name="A copy did arrive"
    ).first.click()
    expect(mailbox.get_by_role("heading", name="How it got here")).to_be_visible()
    expect(mailbox.get_by_text("did not say whether it took it")).to_be_visible()
    mailbox.go_back()


def test_what_waited_goes_out_when_the_server_is_back(mailbox: Page, office: Service) -> None:
    """Nothing is lost: one press, and a moment later both messages are there."""
    _switch_to(mailbox, "Cannot be reached")
    _sign_up(office, "ada@patient.example")
    expect(mailbox.locator(".underway li", has_text="ada@patient.example")).to_have_count(2)
    expect(mailbox.locator(".underway").get_by_text("No connection to the mail server").first).to_be_visible()
    mailbox.get_by_role("button", name="Accept again").click()
    expect(mailbox.locator("#banner")).to_have_count(0)
    expect(mailbox.locator(".mails li", has_text="ada@patient.example")).to_have_count(2)
    expect(mailbox.locator(".underway li", has_text="ada@patient.example")).to_have_count(0)


def test_all_of_it_works_without_scripts(browser: Browser, office: Service) -> None:
    """Switch, search and delete are plain forms."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{office.port}/dev/mailbox")
    _switch_to(page, "Says later")
    expect(page.locator("#banner")).to_be_visible()
    page.get_by_role("button", name="Accept again").click()
    expect(page.locator("#banner")).to_have_count(0)
    page.get_by_label("Recipient or subject").fill("nobody at all")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("No mail to or about “nobody at all”")).to_be_visible()
    page.get_by_text("Delete all").click()
    page.get_by_role("button", name="Delete every mail").click()
    expect(page.get_by_text("No mail yet.", exact=True)).to_be_visible()
    context.close()


@pytest.mark.parametrize("dark", [False, True])
def test_a_mail_is_seen_as_a_phone_and_a_night_show_it(mailbox: Page, office: Service, dark: bool) -> None:
    """Whatever the browser prefers: the frame has the chosen scheme and width, and a link in it opens our page."""
    _sign_up(office, f"looks{dark}@example.com")
    mailbox.emulate_media(color_scheme="light" if dark else "dark")
    mailbox.get_by_role("link", name=re.compile(f"Verify.*looks{dark}@")).click()
    mailbox.get_by_role("link", name="320 px").click()
    mailbox.get_by_role("link", name="Dark" if dark else "Light").click()
    frame = mailbox.frame_locator("iframe")
    shade = r"rgb\((\d\d?, ){2}\d\d?\)" if dark else r"rgb\((2\d\d, ){2}2\d\d\)"
    expect(frame.locator("body")).to_have_css("background-color", re.compile(shade))
    box = frame.locator("html").bounding_box()
    assert box is not None
    assert 320 == box["width"]
    frame.get_by_role("link", name=re.compile("Verify")).first.click()
    expect(mailbox.get_by_role("heading", name="Verify your address")).to_be_visible()
    mailbox.goto(f"http://127.0.0.1:{office.port}/dev/mailbox")
