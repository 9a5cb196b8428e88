"""What somebody sees who is not signed in: sign up, prove the address, forget the password."""

from urllib.parse import urlsplit

from tests.browser.house import PASSWORD
from tests.browser.visit import SAID, WRONG, States, Visit

NEW_PASSWORD = "the harbour lights at four"
BAD_TOKEN = "A" * 72
MANY = 25  # more than one client may ask for at once

states = States()


def _sign_up(visit: Visit, address: str, password: str = PASSWORD, seen: str | None = None) -> None:
    visit.open("/register")
    visit.fill(name="Mira Lind", email=address, password=password)
    visit.send("/register", seen)


@states.add("register")
def _(visit: Visit) -> None:
    visit.open("/register")


def _unsubscribe(visit: Visit) -> str:
    """Open the page that the welcome leads to; returns its path."""
    address = visit.house.stranger()
    visit.house.register(address)
    link = visit.house.link(address, "mail/unsubscribe")
    visit.open(link)
    return urlsplit(link).path


@states.add("unsubscribe")
def _(visit: Visit) -> None:
    _unsubscribe(visit)


@states.add("unsubscribe-done")
def _(visit: Visit) -> None:
    visit.send(_unsubscribe(visit))


@states.add("unsubscribe-bad-link")
def _(visit: Visit) -> None:
    visit.open(f"/mail/unsubscribe/{BAD_TOKEN}")


@states.add("register-wrong")
def _(visit: Visit) -> None:
    _sign_up(visit, "mira.lind@example", "short", WRONG)


@states.add("register-stale")
def _(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(name="Mira Lind", email=visit.house.stranger(), password=PASSWORD)
    visit.lose_the_form_cookie()
    visit.send("/register", SAID)


@states.add("register-inbox")
def _(visit: Visit) -> None:
    _sign_up(visit, visit.house.stranger())


@states.add("inbox-wrong-address")
def _(visit: Visit) -> None:
    _sign_up(visit, visit.house.stranger())
    visit.page.locator("details summary").click()


@states.add("inbox-asked-again")
def _(visit: Visit) -> None:
    _sign_up(visit, visit.house.stranger())
    # Where scripts run its button can be pressed only after a minute.
    visit.page.locator("form.again").evaluate("form => form.requestSubmit()")
    visit.see(".notice.good")


@states.add("inbox-delayed")
def _(visit: Visit) -> None:
    visit.open("/verify/request", visit.house.cut_off)
    visit.fill(email=visit.house.stranger())
    visit.send("/verify/request")
    visit.see(".notice.warn")


@states.add("login")
def _(visit: Visit) -> None:
    visit.open("/login")


@states.add("login-wrong")
def _(visit: Visit) -> None:
    visit.open("/login")
    visit.fill(email="mira.lind@example.com", password="not her password")
    visit.send("/login", SAID)


@states.add("verify")
def _(visit: Visit) -> None:
    address = visit.house.stranger()
    visit.house.register(address)
    visit.open(visit.house.link(address, "verify"))


@states.add("verify-done")
def _(visit: Visit) -> None:
    address = visit.house.stranger()
    visit.house.register(address)
    visit.open(visit.house.link(address, "verify"))
    visit.send("/verify")


@states.add("verify-bad-link")
def _(visit: Visit) -> None:
    visit.open(f"/verify?token={BAD_TOKEN}")
    visit.send("/verify", SAID)


def _choose(visit: Visit) -> None:
    address = visit.house.stranger()
    visit.house.register(address)
    visit.house.register(address, NEW_PASSWORD)
    visit.open(visit.house.link(address, "verify"))
    visit.send("/verify", 'input[name="password"]')


@states.add("choose-password")
def _(visit: Visit) -> None:
    _choose(visit)


@states.add("choose-password-wrong")
def _(visit: Visit) -> None:
    _choose(visit)
    visit.fill(password="password1234")
    visit.send("/verify", WRONG)


@states.add("ask-for-verification")
def _(visit: Visit) -> None:
    visit.open("/verify/request")


@states.add("ask-for-verification-wrong")
def _(visit: Visit) -> None:
    visit.open("/verify/request")
    visit.fill(email="mira.lind@example")
    visit.send("/verify/request", WRONG)


@states.add("ask-for-verification-inbox")
def _(visit: Visit) -> None:
    visit.open("/verify/request")
    visit.fill(email=visit.house.stranger())
    visit.send("/verify/request")


@states.add("ask-for-reset")
def _(visit: Visit) -> None:
    visit.open("/reset/request")


@states.add("ask-for-reset-limited")
def _(visit: Visit) -> None:
    strict = visit.house.strict
    for _ in range(MANY):
        if 429 == strict.post("/auth/password/reset/request", email=visit.house.stranger())[0]:
            break
    visit.open("/reset/request", strict)
    visit.fill(email=visit.house.stranger())
    visit.send("/reset/request", SAID)


@states.add("ask-for-reset-inbox")
def _(visit: Visit) -> None:
    visit.open("/reset/request")
    visit.fill(email=visit.house.stranger())
    visit.send("/reset/request")


def _reset(visit: Visit) -> None:
    address = visit.house.person()
    assert 202 == visit.house.everyday.post("/auth/password/reset/request", email=address)[0]
    visit.open(visit.house.link(address, "reset"))


@states.add("reset")
def _(visit: Visit) -> None:
    _reset(visit)


@states.add("reset-wrong")
def _(visit: Visit) -> None:
    _reset(visit)
    visit.fill(password="password1234")
    visit.send("/reset", WRONG)


@states.add("reset-done")
def _(visit: Visit) -> None:
    _reset(visit)
    visit.fill(password=NEW_PASSWORD)
    visit.send("/reset")


@states.add("reset-bad-link")
def _(visit: Visit) -> None:
    visit.open(f"/reset?token={BAD_TOKEN}")
    visit.fill(password=NEW_PASSWORD)
    visit.send("/reset", SAID)


@states.add("problem-not-found")
def _(visit: Visit) -> None:
    visit.open("/no/such/page")


@states.add("problem-method")
def _(visit: Visit) -> None:
    visit.open("/account/sign-out")
