"""What somebody with an account sees: the account, its changes, and the links mailed about them."""

from tests.browser.house import PASSWORD, PHONE
from tests.browser.visit import SAID, WRONG, States, Visit

NEW_PASSWORD = "the harbour lights at four"
BAD_TOKEN = "A" * 72

states = States()


@states.add("account")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account")


@states.add("account-many-sessions")
def _(visit: Visit) -> None:
    address = visit.be_somebody()
    visit.house.sign_in(address, PHONE)
    visit.house.sign_in(address, "curl/8.16")
    visit.open("/account")


@states.add("account-others-ended")
def _(visit: Visit) -> None:
    address = visit.be_somebody()
    visit.house.sign_in(address, PHONE)
    visit.open("/account")
    visit.send("/account/sessions/end-others", ".notice.good")


@states.add("account-stale")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account")
    visit.lose_the_form_cookie()
    visit.send("/account/sign-out", SAID)


@states.add("signed-out")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account")
    visit.send("/account/sign-out")


@states.add("profile")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/profile")


@states.add("profile-wrong")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/profile")
    visit.page.locator('input[name="name"]').evaluate("field => field.removeAttribute('maxlength')")
    visit.fill(name="Mira " * 20)
    visit.send("/account/profile", WRONG)


@states.add("password")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/password")


@states.add("password-wrong")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/password")
    visit.fill(current_password="not her password", password=NEW_PASSWORD)
    visit.send("/account/password", WRONG)


@states.add("password-weak")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/password")
    visit.fill(current_password=PASSWORD, password="password1234")
    visit.send("/account/password", WRONG)


@states.add("password-done")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/password")
    visit.fill(current_password=PASSWORD, password=NEW_PASSWORD)
    visit.send("/account/password")


@states.add("address")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/email")


@states.add("address-wrong")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/email")
    visit.fill(email="mira.lind@example", current_password=PASSWORD)
    visit.send("/account/email", WRONG)


def _ask_for_another_address(visit: Visit) -> tuple[str, str]:
    old, new = visit.be_somebody(), visit.house.stranger()
    visit.open("/account/email")
    visit.fill(email=new, current_password=PASSWORD)
    visit.send("/account/email")
    return old, new


@states.add("address-inbox")
def _(visit: Visit) -> None:
    _ask_for_another_address(visit)


@states.add("confirm-address")
def _(visit: Visit) -> None:
    _, new = _ask_for_another_address(visit)
    visit.open(visit.house.link(new, "email/confirm"))


@states.add("confirm-address-done")
def _(visit: Visit) -> None:
    _, new = _ask_for_another_address(visit)
    visit.open(visit.house.link(new, "email/confirm"))
    visit.send("/email/confirm")


@states.add("confirm-address-bad-link")
def _(visit: Visit) -> None:
    visit.open(f"/email/confirm?token={BAD_TOKEN}")
    visit.send("/email/confirm", SAID)


@states.add("confirm-address-no-token")
def _(visit: Visit) -> None:
    visit.open("/email/confirm")


@states.add("undo-address")
def _(visit: Visit) -> None:
    old, _ = _ask_for_another_address(visit)
    visit.open(visit.house.link(old, "email/undo"))


@states.add("undo-address-done")
def _(visit: Visit) -> None:
    old, _ = _ask_for_another_address(visit)
    visit.open(visit.house.link(old, "email/undo"))
    visit.send("/email/undo")


@states.add("delete")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/delete")


@states.add("delete-wrong")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/delete")
    visit.fill(current_password="not her password")
    visit.send("/account/delete", WRONG)


@states.add("delete-done")
def _(visit: Visit) -> None:
    visit.be_somebody()
    visit.open("/account/delete")
    visit.fill(current_password=PASSWORD)
    visit.send("/account/delete")
