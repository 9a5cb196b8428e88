"""Support finds an account and puts it right; what takes more is for operators."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gatepost.accounts.tables import accounts
from gatepost.audit.tables import audit
from gatepost.operators.role import Role
from tests.admin.site import Site, site
from tests.support.flows import ADDRESS, PASSWORD
from tests.support.issued_secrets import ISSUED

WRONG = "mira@exmaple.com"
WHY = {"reason": "told on the phone"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running service; each test has people of its own in it."""
    with site(tmp_path_factory.mktemp("house")) as made:
        yield made


def registered(house: Site, email: str) -> str:
    """Register with PASSWORD; returns the path of the account's page."""
    ISSUED.note("password", PASSWORD)
    flows = house.gatepost._context.flows

    async def register() -> str:
        await flows.register(email=email, password=PASSWORD, name="Mira", locale="en", request_id="request-1")
        found = await flows.find_account(email)
        assert found is not None
        return str(found.id)

    return f"/admin/accounts/{house.call(register)}"


def _deeds(house: Site, page: str) -> list[tuple[str, str]]:
    subject = uuid.UUID(page.rpartition("/")[2])
    query = select(audit.c.action, audit.c.reason).where(audit.c.subject == subject).order_by(audit.c.id)
    return house.read(lambda connection: [tuple(row) for row in connection.execute(query)])


def test_a_mistyped_address_is_corrected_with_a_reason(house: Site) -> None:
    """The page says what became of it, shows both addresses and the deed, and offers it again while nobody verified."""
    page, support = registered(house, "mira.lind@exmaple.com"), house.browser_of(Role.SUPPORT)
    answer = support.send(f"{page}/correct-address", {"email": "mira.lind@example.com", **WHY}, page=page)
    assert f"{page}?done=corrected" == answer.headers["location"]
    shown = support.get(answer.headers["location"]).text
    assert "The address is corrected" in shown
    assert "mira.lind@example.com" in shown
    assert "mira.lind@exmaple.com" in shown
    assert [("correct_address", WHY["reason"])] == _deeds(house, page)
    assert f"{page}/correct-address" in shown


REFUSED = [
    ({"email": ADDRESS}, 422, "Say why"),
    ({"email": ADDRESS, "reason": "   "}, 422, "Say why"),
    ({"email": "no address", **WHY}, 422, "@-sign"),
    ({"email": WRONG, **WHY}, 422, "has already"),
    ({"email": "taken@example.com", **WHY}, 409, "Another account has this address"),
]


def test_what_is_refused_is_said_beside_what_was_typed(house: Site) -> None:
    """The form is open again with the typed address in it, and nothing stands in the audit log."""
    registered(house, "taken@example.com")
    page, support = registered(house, WRONG), house.browser_of(Role.SUPPORT)
    for fields, status, said in REFUSED:
        answer = support.send(f"{page}/correct-address", fields, page=page)
        assert (status, []) == (answer.status_code, _deeds(house, page))
        assert said in answer.text
        assert f'value="{fields["email"]}"' in answer.text
        assert 'id="correct-address" open' in answer.text


def test_s107_support_starts_a_reset_and_sees_no_link(house: Site) -> None:
    """Once more within the minute is withheld, and the page says that no mail goes out."""
    page, support = registered(house, "reset@example.com"), house.browser_of(Role.SUPPORT)
    answers = [support.send(f"{page}/start-reset", WHY, page=page) for _ in range(2)]
    assert ["reset_started", "reset_started_withheld"] == [one.headers["location"].split("=")[1] for one in answers]
    shown = support.get(answers[1].headers["location"]).text
    assert "No mail goes out at this moment" in shown
    assert not re.search(r"token=|[\w-]{64}", shown.replace(_form_key(shown), ""))
    assert "password" not in re.findall(r'name="(\w+)"', shown)


def test_an_operator_ends_sessions_and_shuts_an_account(house: Site) -> None:
    """One session, all of them, the account; and back. Each deed stands in the log with its reason."""
    page, operator = registered(house, ADDRESS), house.browser_of(Role.OPERATOR)
    _verify_and_sign_in(house, ADDRESS, times=3)
    first = re.findall(r'name="session" value="([^"]+)"', operator.get(page).text)[0]
    told = []
    for action, fields in (
        ("end-sessions", {"session": first}),
        ("end-sessions", {}),
        ("disable", {}),
        ("enable", {}),
    ):
        answer = operator.send(f"{page}/{action}", {**fields, **WHY}, page=page)
        told.append(answer.headers["location"].split("=")[1])
    assert ["session_ended", "sessions_ended", "disabled", "enabled"] == told
    assert ["end_sessions", "end_sessions", "disable", "enable"] == [action for action, _ in _deeds(house, page)]
    assert "Nobody is signed in" in operator.get(page).text


def test_a_form_that_names_a_session_badly_ends_none(house: Site) -> None:
    """It must never end all of them instead."""
    page, operator = registered(house, "two@example.com"), house.browser_of(Role.OPERATOR)
    _verify_and_sign_in(house, "two@example.com", times=2)
    answer = operator.send(f"{page}/end-sessions", {"session": "", **WHY}, page=page)
    assert (404, []) == (answer.status_code, _deeds(house, page))
    assert 2 == operator.get(page).text.count('name="session"')


def test_support_is_offered_only_what_it_may(house: Site) -> None:
    """And what it is not offered it may not send either."""
    page, support = registered(house, "one@example.com"), house.browser_of(Role.SUPPORT)
    _verify_and_sign_in(house, "one@example.com", times=1)
    shown = support.get(page).text
    assert {f"{page}/start-reset"} == set(re.findall(rf'action="({page}[^"]+)"', shown))
    for action in ("disable", "enable", "end-sessions"):
        assert 403 == support.send(f"{page}/{action}", WHY, page=page).status_code
    assert (
        "Its owner has proved the address"
        in support.send(f"{page}/correct-address", {"email": WRONG, **WHY}, page=page).text
    )


def test_an_account_is_found_by_address_part_and_id(house: Site) -> None:
    """A whole address and an id lead to it; a part of one lists what there is, and says how far it looked."""
    page, support = registered(house, "Found@Example.com"), house.browser_of(Role.SUPPORT)
    id = page.rpartition("/")[2]
    for text in ("found@example.com", id):
        assert page == support.get("/admin/accounts", params={"q": text}).headers["location"]
    listed = support.get("/admin/accounts", params={"q": "OUND@exa"}).text
    assert page in listed
    assert "newest 20,000 accounts" in listed
    assert page in support.get("/admin/accounts").text
    assert "no such account" in support.get("/admin/accounts", params={"q": "nobody@example.com"}).text
    assert 404 == support.get("/admin/accounts/01a206d6-9067-72c2-a4e9-e0a822f04cc3").status_code


def _form_key(page: str) -> str:
    found = re.search(r'name="form_key" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def _verify_and_sign_in(house: Site, email: str, *, times: int) -> None:
    flows: Any = house.gatepost._context.flows

    async def sign_in() -> None:
        hashed = await house.gatepost.gate.passwords.hash(PASSWORD)
        proved = accounts.update().where(accounts.c.email == email).values(verified_at=1, password_hash=hashed)
        await house.gatepost.write(lambda tx: tx.execute(proved).rowcount)
        for _ in range(times):
            entered = await flows.sign_in(email=email, password=PASSWORD, request_id="request-2")
            ISSUED.note("session token", entered.token)

    house.call(sign_in)
