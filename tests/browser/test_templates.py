"""The pages of the mail templates in a real browser: what a developer sees of each mail, and while writing one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gatepost.mail.samples import SAMPLES
from tests.browser.conftest import TIMEOUT_MS, watch
from tests.support.service import Service

PAGE = "<!-- preheader: It left us today. --><h1>On its way</h1><p>{{ giver }}</p>"
FILES = {
    "subject.txt": "Order {{ number }} is on its way",
    "body.txt": "It left us:\n\n{{ tracking_page }}\n",
    "body.html": PAGE + '<p><a href="{{ tracking_page }}">Where is it?</a></p>',
}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of a product with one message of its own."""
    folder = tmp_path_factory.mktemp("product")
    for name, text in FILES.items():
        write(folder, name, text)
    running = Service(folder, TEMPLATES=str(folder / "templates"))
    running.start()
    running.wait_until_ready()
    yield running
    running.close()


@pytest.fixture
def window(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A window of who prefers light pages. These need no script, so one way to look at them is enough."""
    context = browser.new_context(color_scheme="light", viewport={"width": 320, "height": 800})
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems)
    yield opened
    context.close()
    assert [] == problems


def write(folder: Path, name: str, text: str) -> None:
    message = folder / "templates" / "order_shipped" / "en"
    message.mkdir(parents=True, exist_ok=True)
    (message / name).write_text(text, "utf-8")


def folder_of(product: Service) -> Path:
    return product.database.parent


def address(product: Service, path: str = "") -> str:
    return f"http://127.0.0.1:{product.port}/dev/templates{path}"


def test_a_developer_looks_at_a_mail(page: Page, product: Service) -> None:
    """From the list to one mail with one sample: in a frame, narrow, as text, as sent."""
    page.goto(address(product))
    page.get_by_role("region", name="verification").get_by_role("link", name="Long").first.click()
    expect(page.get_by_role("heading", name="verification")).to_be_visible()
    expect(page.get_by_role("link", name="Long")).to_have_attribute("aria-current", "true")
    mail = page.frame_locator("iframe")
    expect(mail.get_by_role("heading")).to_be_visible()
    expect(mail.get_by_text("Wolfeschlegelsteinhausenbergerdorff").first).to_be_visible()
    page.get_by_role("link", name="320 px").click()
    assert 320 == page.locator("iframe").evaluate("frame => frame.clientWidth")
    page.get_by_role("link", name="Text").click()
    expect(page.locator("pre")).to_contain_text("Wolfeschlegelsteinhausenbergerdorff")
    page.get_by_role("link", name="Source").click()
    expect(page.locator("pre")).to_contain_text("Auto-Submitted: auto-generated")
    page.get_by_role("navigation", name="Language of the mail").get_by_role("link", name="zh-CN").click()
    expect(page.locator("pre")).to_contain_text("Subject: =?utf-8?b?")


def test_the_dark_look_is_shown_to_who_prefers_light(window: Page, product: Service) -> None:
    """The words of the mail are light, as in a dark program."""
    inks = []
    for scheme in ("light", "dark"):
        window.goto(address(product, f"/welcome/en?scheme={scheme}"))
        heading = window.frame_locator("iframe").get_by_role("heading")
        inks.append(heading.evaluate("one => Math.min(...getComputedStyle(one).color.match(/\\d+/g).map(Number))"))
    light, dark = inks
    assert (True, True) == (light < 80, dark > 180)


def test_a_change_of_a_file_is_there_at_the_next_look(window: Page, product: Service) -> None:
    """A mistake is told with its file; corrected, the mail is there with its new words."""
    window.goto(address(product, "/order_shipped/en"))
    try:
        write(folder_of(product), "body.html", FILES["body.html"].replace("Where is it?", "{{ wher"))
        window.reload()
        expect(window.get_by_role("alert")).to_contain_text("order_shipped/en/body.html does not compile")
        write(folder_of(product), "body.html", FILES["body.html"].replace("Where is it?", "Follow it"))
        window.reload()
        expect(window.get_by_role("alert")).to_have_count(0)
        expect(window.frame_locator("iframe").get_by_role("link", name="Follow it")).to_be_visible()
    finally:
        write(folder_of(product), "body.html", FILES["body.html"])


def test_a_finding_leads_to_its_mail(window: Page, product: Service) -> None:
    """The list says what to correct and where; one press shows that mail with a sample that has it."""
    try:
        write(folder_of(product), "body.html", FILES["body.html"] + "<p>{{ giver | safe }}</p>")
        window.goto(address(product))
        window.get_by_role("listitem").filter(has_text="A value becomes markup").get_by_role("link").click()
        expect(window.get_by_role("link", name="Hostile")).to_have_attribute("aria-current", "true")
        expect(window.frame_locator("iframe").locator("i[data-value]").first).to_be_visible()
        expect(window.locator("i[data-value]")).to_have_count(0)
    finally:
        write(folder_of(product), "body.html", FILES["body.html"])


def test_no_page_is_wider_than_the_window(window: Page, product: Service) -> None:
    """The list, and each sample in each view, on the smallest phone; no mail of ours is wider than its frame."""
    views = ["", *(f"/address_change_notice/en?sample={sample}" for sample in SAMPLES)]
    views += [f"/verification/zh-CN?sample=long&view={view}" for view in ("text", "headers", "source")]
    for view in views:
        window.goto(address(product, view))
        assert (view, 320) == (view, window.evaluate("() => document.documentElement.scrollWidth"))
        for frame in window.frames[1:]:
            inside = frame.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert (view, 0) == (view, inside)
