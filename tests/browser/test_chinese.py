"""A person who reads Chinese signs up in a real browser: pages and mail are in Chinese, by preference or by choice."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import TIMEOUT_MS, watch
from tests.support.service import Service

ADDRESS = "mira@example.com"
PASSWORD = "一句只有您才会写的话，没有别人"
NARROW = 360


@pytest.fixture
def chinese_page(browser: Browser, javascript: bool, problems: list[str]) -> Iterator[Page]:
    """A window as narrow as a small phone, of a browser that prefers Chinese."""
    context = browser.new_context(
        locale="zh-CN", java_script_enabled=javascript, viewport={"width": NARROW, "height": 700}
    )
    context.set_default_timeout(TIMEOUT_MS)
    opened = context.new_page()
    watch(opened, problems)
    yield opened
    context.close()
    assert [] == problems


def _sign_up_in_chinese(page: Page) -> None:
    page.get_by_label("姓名").fill("米拉")
    page.get_by_label("邮箱地址").fill(ADDRESS)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="创建账号").click()
    expect(page.get_by_role("heading", name="请查收邮件")).to_be_visible()


def _is_chinese_and_fits(page: Page) -> None:
    assert "zh-CN" == page.locator("html").get_attribute("lang")
    box = page.locator("body").bounding_box()
    assert box is not None
    assert box["width"] <= page.viewport_size["width"]  # type: ignore[index]


def test_from_the_sign_up_page_to_a_verified_address_in_chinese(
    chinese_page: Page, service: Service, javascript: bool
) -> None:
    """Every page on the way is Chinese, and so is the mail, without anybody having chosen a language."""
    page = chinese_page
    page.goto(f"http://127.0.0.1:{service.port}/register")
    expect(page.get_by_role("heading", name="创建您的账号")).to_be_visible()
    _is_chinese_and_fits(page)
    _sign_up_in_chinese(page)
    _is_chinese_and_fits(page)
    service.wait_for_log("message_accepted")
    page.goto(f"http://127.0.0.1:{service.port}/dev/mailbox")
    expect(page.get_by_role("heading", name="邮箱")).to_be_visible()
    page.get_by_role("link", name=re.compile("注册邮箱")).click()
    page.frame_locator("iframe").get_by_role("link", name=re.compile("验证")).first.click()
    expect(page.get_by_role("heading", name="验证您的邮箱地址")).to_be_visible()
    _is_chinese_and_fits(page)
    assert ("token=" in page.url) != javascript
    page.get_by_role("button", name="验证我的邮箱地址").click()
    expect(page.get_by_role("heading", name="邮箱地址已验证")).to_be_visible()
    service.wait_for_log("address_verified")


def test_a_language_is_chosen_by_a_link_and_stays(page: Page, service: Service, javascript: bool) -> None:
    """In a browser that prefers English: one click, then every page and the mail are Chinese; the token is kept."""
    base = f"http://127.0.0.1:{service.port}"
    page.goto(f"{base}/register")
    page.get_by_role("link", name="简体中文").click()
    _sign_up_in_chinese(page)
    _is_chinese_and_fits(page)
    service.wait_for_log("message_accepted")
    page.goto(f"{base}/dev/mailbox")
    page.get_by_role("link", name=re.compile("注册邮箱")).click()
    page.frame_locator("iframe").get_by_role("link", name=re.compile("验证")).first.click()
    expect(page.get_by_role("heading", name="Verify your address")).to_be_visible()
    page.get_by_role("link", name="简体中文").click()
    expect(page.get_by_role("heading", name="验证您的邮箱地址")).to_be_visible()
    assert ("token=" in page.url) != javascript
    assert "locale=zh-CN" in page.url
    page.get_by_role("button", name="验证我的邮箱地址").click()
    expect(page.get_by_role("heading", name="邮箱地址已验证")).to_be_visible()
    _is_chinese_and_fits(page)


def test_an_open_mailbox_stays_chinese_when_new_mail_comes(browser: Browser, service: Service) -> None:
    """The list is fetched again in the language of the page."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(TIMEOUT_MS)
    problems: list[str] = []
    mailbox = context.new_page()
    watch(mailbox, problems)
    with mailbox.expect_request(lambda request: "/dev/mailbox/changes" in request.url):
        mailbox.goto(f"http://127.0.0.1:{service.port}/dev/mailbox?locale=zh-CN")
    expect(mailbox.get_by_text("还没有邮件")).to_be_visible()
    assert 202 == service.post("/auth/register", email=ADDRESS, password=PASSWORD)[0]
    expect(mailbox.get_by_text(f"收件人：{ADDRESS}").first).to_be_visible()
    expect(mailbox.locator("#announce")).to_contain_text(ADDRESS)
    context.close()
    assert [] == problems
