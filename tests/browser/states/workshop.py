"""What a developer sees: the mailbox, its messages, and the templates."""

import re

from playwright.sync_api import expect

from tests.browser.visit import States, Visit

states = States()


@states.add("mailbox-empty")
def _(visit: Visit) -> None:
    visit.open("/dev/mailbox", visit.house.strict)


@states.add("mailbox")
def _(visit: Visit) -> None:
    visit.house.person()
    visit.open("/dev/mailbox")


def _message(visit: Visit, view: str) -> None:
    address = visit.house.stranger()
    visit.house.register(address)
    visit.house.link(address, "verify")
    visit.open("/dev/mailbox")
    there = visit.page.locator('main a[href*="/dev/mailbox/messages/"]').filter(has_text=address).first
    there.click()
    expect(visit.page).to_have_url(re.compile("/messages/"))
    visit.open(f"{visit.page.url.partition('?')[0]}?view={view}")


@states.add("mail")
def _(visit: Visit) -> None:
    _message(visit, "html")


@states.add("mail-text")
def _(visit: Visit) -> None:
    _message(visit, "text")


@states.add("mail-source")
def _(visit: Visit) -> None:
    _message(visit, "source")
