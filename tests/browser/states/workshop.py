"""What a developer sees: the mailbox, its messages, and the templates."""

from tests.browser.house import PASSWORD
from tests.browser.visit import States, Visit

states = States()


@states.add("mailbox-empty")
def _(visit: Visit) -> None:
    visit.open("/dev/mailbox", visit.house.strict)


@states.add("mailbox")
def _(visit: Visit) -> None:
    visit.house.person()
    visit.open("/dev/mailbox")


@states.add("mailbox-nothing-found")
def _(visit: Visit) -> None:
    visit.house.person()
    visit.open("/dev/mailbox?q=nobody@example.com")


@states.add("mailbox-refusing")
def _(visit: Visit) -> None:
    house = visit.house
    visit.open("/dev/mailbox", house.workshop)
    visit.page.locator('button[name="behaviour"][value="refuse"]').click()
    visit.see("#banner")
    address = house.stranger()
    assert 202 == house.workshop.post("/auth/register", email=address, password=PASSWORD)[0]
    house.workshop.wait_for_log("message_failed")
    visit.open("/dev/mailbox", house.workshop)
    visit.see("#underway")


def _message(visit: Visit, view: str) -> None:
    address = visit.house.stranger()
    visit.house.register(address)
    visit.open(f"/dev/mailbox/messages/{visit.house.message(address, 'verify')}?view={view}")


@states.add("mail")
def _(visit: Visit) -> None:
    _message(visit, "html")


@states.add("mail-text")
def _(visit: Visit) -> None:
    _message(visit, "text")


@states.add("mail-source")
def _(visit: Visit) -> None:
    _message(visit, "source")


@states.add("mail-headers")
def _(visit: Visit) -> None:
    _message(visit, "headers")


@states.add("templates")
def _(visit: Visit) -> None:
    visit.open("/dev/templates")


@states.add("template")
def _(visit: Visit) -> None:
    visit.open("/dev/templates/verification/en")


@states.add("template-narrow-and-dark")
def _(visit: Visit) -> None:
    visit.open("/dev/templates/password_reset/zh-CN?width=320&scheme=dark")


@states.add("template-hostile")
def _(visit: Visit) -> None:
    visit.open("/dev/templates/welcome/en?sample=hostile")


@states.add("template-text")
def _(visit: Visit) -> None:
    visit.open("/dev/templates/account_exists/en?view=text")


@states.add("template-headers")
def _(visit: Visit) -> None:
    visit.open("/dev/templates/password_changed/en?view=headers")
