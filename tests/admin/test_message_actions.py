"""What an operator does from the page of a message."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from gatepost.accounts.account import AccountRow
from gatepost.admin.offers import offers
from gatepost.audit.tables import audit
from gatepost.operators.role import Role
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages
from gatepost.suppression.by_hand import Wanted
from tests.admin.letters import BY, accepted, queue_held, register, row
from tests.admin.site import Browser, Site, site
from tests.explain.stories import ID, MINUTE, NOW, message

REASON = "she called twice"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service."""
    with site(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def support(house: Site) -> Browser:
    """Somebody of the support."""
    return house.browser_of(Role.SUPPORT)


@pytest.fixture(scope="module")
def operator(house: Site) -> Browser:
    """An operator."""
    return house.browser_of(Role.OPERATOR)


def act(browser: Browser, id: uuid.UUID, action: str, **fields: str) -> Any:
    """Send the form of an action as the page has it."""
    page = f"/admin/messages/{id}"
    return browser.send(f"{page}/{action}", {"reason": REASON, **fields}, page=page)


def led_to(answer: Any) -> uuid.UUID:
    """The message whose page an answer leads to."""
    assert 303 == answer.status_code, answer.text
    found = re.match(r"/admin/messages/([0-9a-f-]{36})", answer.headers["location"])
    assert found is not None, answer.headers["location"]
    return uuid.UUID(found[1])


def deeds(house: Site, subject: uuid.UUID) -> list[tuple[str, str | None]]:
    """What was done to something, and why."""
    query = select(audit.c.action, audit.c.reason).where(audit.c.subject == subject).order_by(audit.c.id)
    return [tuple(one) for one in house.read(lambda connection: connection.execute(query).all())]


def test_support_sends_it_once_more(house: Site, support: Browser) -> None:
    """The page of the new message follows, and says what was done; both pages lead to the other."""
    old = accepted(house, register(house, "ada@example.com"))
    answer = act(support, old, "resend")
    new = led_to(answer)
    assert new != old
    page = support.get(answer.headers["location"]).text
    assert "It is sent again." in page
    assert f'href="/admin/messages/{old}"' in page
    assert f'href="/admin/messages/{new}"' in support.get(f"/admin/messages/{old}").text
    assert [("resend", REASON)] == deeds(house, old)


def test_an_operator_holds_releases_and_cancels_it(house: Site, operator: Browser) -> None:
    """Each by its form, each with its reason; the page says what was done, and that the queue is held."""
    with queue_held(house):
        id = register(house, "bo@example.com")
        for action, state, words in (
            ("hold", "held", "It is held: it does not go out until it is released."),
            ("release", "queued", "It is released: it goes out when it is due."),
            ("cancel", "cancelled", "It is cancelled: it does not go out."),
        ):
            answer = act(operator, id, action)
            assert id == led_to(answer)
            assert state == row(house, id).state
            page = operator.get(answer.headers["location"]).text
            assert words in page
            assert "<strong>The whole queue is held</strong>" in page
    assert [("hold", REASON), ("release", REASON), ("cancel", REASON)] == deeds(house, id)


@pytest.mark.parametrize("action", ["hold", "release", "cancel"])
def test_support_does_none_of_these(house: Site, support: Browser, action: str) -> None:
    """Neither are they offered, nor done for whoever sends the form all the same."""
    with queue_held(house):
        id = register(house, f"{action}@example.com")
        assert f"/{id}/{action}" not in support.get(f"/admin/messages/{id}").text
        assert 403 == act(support, id, action).status_code
        assert ("queued", []) == (row(house, id).state, deeds(house, id))


def test_nothing_is_done_without_a_reason(house: Site, support: Browser) -> None:
    """The form comes back open, with what is missing beside its field."""
    id = accepted(house, register(house, "cleo@example.com"))
    answer = act(support, id, "resend", reason=" ")
    assert 422 == answer.status_code
    assert '<details class="act" id="resend" open>' in answer.text
    assert '<a href="#resend-reason">Say why: it is kept beside what was done.</a>' in answer.text
    assert [] == deeds(house, id)


def test_what_does_not_fit_says_why(house: Site, operator: Browser) -> None:
    """Somebody else was quicker, or the page is old: nothing is done, and the sentence says what to do instead."""
    id = accepted(house, register(house, "dot@example.com"))
    page = operator.get(f"/admin/messages/{id}").text
    assert f"/{id}/hold" not in page
    answer = act(operator, id, "hold")
    assert 409 == answer.status_code
    assert "It is over: nothing of it waits that could be held back." in answer.text
    assert [] == deeds(house, id)


def test_support_lifts_what_stops_its_recipient(house: Site, support: Browser) -> None:
    """The page says that the address is suppressed; lifted by the form, it says so no more."""
    id = accepted(house, register(house, "elsa@example.com"))
    suppressions = house.gatepost._context.suppressions
    stop = house.call(suppressions.add, Wanted("elsa@example.com"), BY)
    assert "<strong>Mail to this address is suppressed (operator)</strong>" in support.get(f"/admin/messages/{id}").text
    refused = act(support, id, "lift", suppression=str(stop.id), reason="")
    assert f'<a href="#lift-{stop.id}-reason">' in refused.text
    answer = act(support, id, "lift", suppression=str(stop.id))
    assert id == led_to(answer)
    assert "is suppressed" not in support.get(answer.headers["location"]).text
    assert ("lift", REASON) == deeds(house, stop.id)[-1]
    assert 404 == act(support, id, "lift", suppression=str(stop.id)).status_code
    assert 404 == act(support, id, "lift", suppression="elsa").status_code


def test_support_corrects_an_address_nobody_proved(house: Site, support: Browser) -> None:
    """The page of the new message follows: the one that went to the right address."""
    id = accepted(house, register(house, "fay@exmaple.com"))
    assert 422 == act(support, id, "correct-address", email="fay").status_code
    new = led_to(act(support, id, "correct-address", email="fay@example.org"))
    assert ("verification", "fay@example.org") == (row(house, new).template, row(house, new).recipient)


def test_support_starts_a_reset(house: Site, support: Browser) -> None:
    """A message with a link goes to the account's own address, and nowhere is a link to be read."""
    id = accepted(house, register(house, "gil@example.com"))
    new = led_to(act(support, id, "start-reset"))
    assert ("password_reset", "gil@example.com") == (row(house, new).template, row(house, new).recipient)
    assert "token=" not in support.get(f"/admin/messages/{new}").text


def test_a_reset_that_is_withheld_says_so(house: Site, support: Browser) -> None:
    """Asked for twice within a minute, the second message does not go out: its page says that and why."""
    id = accepted(house, register(house, "hal@example.com"))
    led_to(act(support, id, "start-reset"))
    second = support.get(act(support, id, "start-reset").headers["location"]).text
    assert "The mail does not go out at this moment: this page says why." in second
    assert "Nothing was sent to example.com: another one is on its way" in second


def test_a_message_of_nobody_has_no_account_to_act_on(house: Site, support: Browser) -> None:
    """Sent all the same, the form says why nothing is done."""
    assert 202 == house.browser.post("/auth/password/reset/request", json={"email": "x@example.com"}).status_code
    query = select(messages.c.id).where(messages.c.recipient.is_(None))
    id = house.read(lambda connection: connection.execute(query).scalar_one())
    answer = act(support, id, "start-reset")
    assert 409 == answer.status_code
    assert "This message belongs to no account." in answer.text


def test_an_account_decides_what_is_offered() -> None:
    """Its address is corrected until somebody proved it; a disabled one gets no reset."""

    def actions(**standing: int | None) -> set[str]:
        verified_at = standing.pop("verified_at", None)
        account = AccountRow(ID, "ada@gmail.com", None, "en", verified_at, NOW, "ada@gmail.com", **standing)
        return {one.action for one in offers(message("sending"), account, Role.OWNER, NOW)}

    assert {"correct-address", "start-reset"} == actions()
    assert {"start-reset"} == actions(verified_at=NOW)
    assert set() == actions(verified_at=NOW, disabled_at=NOW)
    assert {"start-reset"} == actions(verified_at=NOW, deleted_at=NOW)


@pytest.mark.parametrize("state", State)
def test_only_what_fits_is_offered(state: State) -> None:
    """By state, for an operator; support is offered the resend alone."""
    offered = {one.action for one in offers(message(state, "operator"), None, Role.OPERATOR, NOW)}
    expected = {
        "queued": {"hold", "cancel"},
        "deferred": {"hold", "cancel"},
        "held": {"release", "cancel"},
        "unknown": {"cancel", "resend"},
        "sending": set(),
        "committing": set(),
    }
    assert expected.get(state, {"resend"}) == offered
    assert offered & {"resend"} == {one.action for one in offers(message(state, "operator"), None, Role.SUPPORT, NOW)}


@pytest.mark.parametrize(
    ("refused", "others"),
    [
        ("resend", {"state": "cancelled", "reason": "no_account", "recipient": None}),
        ("resend", {"state": "cancelled", "reason": "superseded"}),
        ("resend", {"state": "failed", "recipient": "anonymised"}),
        ("resend", {"state": "unknown", "due_at": NOW + MINUTE}),
        ("release", {"state": "held", "expires_at": NOW}),
    ],
)
def test_what_would_be_refused_is_not_offered(refused: str, others: dict[str, Any]) -> None:
    """What the transaction would say no to, as far as the row shows it."""
    assert refused not in {one.action for one in offers(message(**others), None, Role.OWNER, NOW)}
