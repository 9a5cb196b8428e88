"""The page of a message: what became of it, and the mail without its secrets."""

import html
import re
import uuid
from collections.abc import Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, update

from gatepost.audit.trail import Deed
from gatepost.events import OperatorActed
from gatepost.operators.role import Role
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.reveal import REVEALED_FOR_S, is_revealed
from gatepost.outbox.tables import messages
from tests.admin.letters import accepted, newest, register, row
from tests.admin.site import Site, site

HOSTILE = "<i data-value>Ada</i>"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service with one message that was accepted."""
    with site(tmp_path_factory.mktemp("house")) as made:
        register(made, "ada@example.com", HOSTILE)
        yield made


@pytest.fixture(scope="module")
def message(house: Site) -> uuid.UUID:
    """The verification message of ada."""
    return accepted(house, newest(house, "verification"))


def told(page: str) -> str:
    """The sentence of a page."""
    found = re.search(r'<p class="lead" id="told">(.*?)</p>', page)
    assert found is not None, page
    return html.unescape(found[1])


def test_support_reads_what_became_of_it(house: Site, message: uuid.UUID) -> None:
    """First the sentence, then what happened in its order, with the server's words; and nothing of the mail's body."""
    page = house.browser_of(Role.SUPPORT).get(f"/admin/messages/{message}").text
    sentence = r"It was accepted by the mail server for example\.com at \d\d:\d\d UTC and nothing came back since\."
    assert re.fullmatch(sentence, told(page))
    assert page.index("It was promised.") < page.index("Try 1: The mail server took the message over.")
    assert "Written to " in page
    assert "Verify your email address" in page
    assert "<iframe" not in page
    assert f"/admin/messages/{message}/reveal" not in page


def test_s106_support_sees_no_body(house: Site, message: uuid.UUID) -> None:
    """Neither by the form that reveals it nor by the address of the frame."""
    browser = house.browser_of(Role.SUPPORT)
    assert 403 == browser.get(f"/admin/messages/{message}/mail").status_code
    page = f"/admin/messages/{message}"
    assert 403 == browser.send(f"{page}/reveal", {"reason": "curious"}, page=page).status_code


def test_s106_a_mail_is_shown_to_whoever_said_why(house: Site, message: uuid.UUID) -> None:
    """An operator gives a reason, which is kept; then the mail is there in a frame in which nothing runs or leads."""
    browser, page = house.browser_of(Role.OPERATOR), f"/admin/messages/{message}"
    assert 409 == browser.get(f"{page}/mail").status_code
    assert 422 == browser.send(f"{page}/reveal", {"reason": " "}, page=page).status_code
    assert 409 == browser.get(f"{page}/mail").status_code
    answer = browser.send(f"{page}/reveal", {"reason": "she reads it to me"}, page=page)
    shown = browser.get(answer.headers["location"]).text
    assert "It is written down that you look at this mail." in shown
    assert f'sandbox src="{page}/mail?scheme=light"' in shown
    assert "looked at the mail." in shown
    assert "she reads it to me" in shown
    frame = browser.get(f"{page}/mail")
    assert frame.headers["content-security-policy"].endswith("; sandbox")
    assert "script-src" not in frame.headers["content-security-policy"]
    (event,) = [one for one in house.happened if isinstance(one, OperatorActed) and one.action == "reveal"]
    assert (str(message), "accepted", "accepted") == (event.message, event.state_before, event.state_after)


def test_what_one_operator_said_opens_it_to_no_other(house: Site, message: uuid.UUID) -> None:
    """Each says why for themselves."""
    first, second = house.browser_of(Role.OPERATOR), house.browser_of(Role.OWNER)
    page = f"/admin/messages/{message}"
    assert 303 == first.send(f"{page}/reveal", {"reason": "on the phone"}, page=page).status_code
    assert 200 == first.get(f"{page}/mail").status_code
    assert 409 == second.get(f"{page}/mail").status_code


def test_s106_no_secret_of_a_mail_is_shown(house: Site, message: uuid.UUID) -> None:
    """The link is there as it looked, and in its token's place three dots; a name is text, whatever it holds."""
    browser, page = house.browser_of(Role.OPERATOR), f"/admin/messages/{message}"
    browser.send(f"{page}/reveal", {"reason": "on the phone"}, page=page)
    frame, around = browser.get(f"{page}/mail").text, browser.get(page).text
    for text in (html.unescape(frame), html.unescape(around)):
        assert {"•••"} == set(re.findall(r"/verify\?token=([^\s\"'<>]*)", text))
    assert row(house, message).token_id.hex() not in frame + around
    assert "<i data-value>" not in frame + around


def test_a_link_to_unsubscribe_is_masked(house: Site, message: uuid.UUID) -> None:
    """Whoever had it could unsubscribe the person."""
    welcome = newest(house, "welcome")
    browser, page = house.browser_of(Role.OPERATOR), f"/admin/messages/{welcome}"
    browser.send(f"{page}/reveal", {"reason": "on the phone"}, page=page)
    frame = html.unescape(browser.get(f"{page}/mail").text)
    assert {"•••"} == set(re.findall(r"/mail/unsubscribe/([^\s\"'<>]*)", frame))


def test_what_is_kept_of_nobody_has_no_mail(house: Site) -> None:
    """A reset asked for by somebody without an account: a sentence, and no address and no mail."""
    assert 202 == house.browser.post("/auth/password/reset/request", json={"email": "no@example.com"}).status_code
    page = house.browser_of(Role.OWNER).get(f"/admin/messages/{newest(house, 'password_reset')}").text
    assert "Nothing was sent: nobody has an account with this address." == told(page)
    assert "There is no mail: nobody has an account with this address." in page
    assert "It cannot be sent once more now. Nobody has an account with this address" in page


def test_what_is_forgotten_is_not_shown(house: Site) -> None:
    """After the time recipients are kept: what became of it stays, and whom it was for is told to nobody."""
    id = accepted(house, register(house, "old@example.com"))
    house.call(house.gatepost._database.write, partial(forget, id=id))
    page = house.browser_of(Role.OWNER).get(f"/admin/messages/{id}").text
    assert told(page).startswith("It was accepted by the mail server at ")
    assert "It is so old that whom it was for is kept no more." in page
    assert "old@example.com" not in page


def forget(tx: Connection, id: uuid.UUID) -> int:
    """Do to one message what time does to all."""
    gone = {"recipient": ANONYMISED, "recipient_key": ANONYMISED, "template_values": "{}", "account_id": None}
    return tx.execute(update(messages).where(messages.c.id == id).values(**gone)).rowcount


def test_an_unknown_message_is_not_found(house: Site) -> None:
    """With a page that says so, in its frame as well."""
    browser = house.browser_of(Role.OPERATOR)
    for path in (f"/admin/messages/{uuid.uuid4()}", f"/admin/messages/{uuid.uuid4()}/mail"):
        assert 404 == browser.get(path).status_code


def test_a_reason_lasts_ten_minutes() -> None:
    """After that it is asked for again; another deed, another operator or another time reveals nothing."""

    def deed(action: str = "reveal", actor: str = "operator mira", at: int = 1_000_000) -> Deed:
        return Deed(at, actor, action, None, "accepted", "accepted", "on the phone", None)

    end = 1_000_000 + REVEALED_FOR_S * 1000
    assert is_revealed([deed()], "operator mira", end - 1)
    assert not is_revealed([deed()], "operator mira", end)
    assert not is_revealed([deed()], "operator mira", 999_999)
    assert not is_revealed([deed()], "operator ben", end - 1)
    assert not is_revealed([deed("resend")], "operator mira", end - 1)
