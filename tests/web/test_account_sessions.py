"""The browsers on the account page: each is named, one is ended, or all but this one; what was done is said."""

from dataclasses import replace

import pytest

from gatepost.accounts.sessions import Current
from gatepost.errors import NoSuchSession, NotSignedIn
from tests.web.test_account_pages import FIREFOX, HERE, MIRA, THERE, Pages, to


@pytest.fixture
def pages() -> Pages:
    return Pages()


def test_another_session_is_ended_by_its_button(pages):
    """303 back to the account; one that ended by itself is as good as ended."""
    client = pages.client(signed_in=True)
    for outcome in (None, NoSuchSession("gone")):
        pages.flows["end_session"].answer = outcome
        answer = to(client, "/account/sessions/end", session=str(THERE.id))
        assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=session")
    given = [asked["given"] for asked in pages.flows["end_session"].asked]
    assert given == [(Current(MIRA, HERE.id), THERE.id)] * 2


def test_every_other_session_is_ended_by_one_button(pages):
    """303 back to the account, which says so; without another session there is no such button."""
    client = pages.client(signed_in=True)
    answer = to(client, "/account/sessions/end-others")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=sessions")
    assert [asked["given"] for asked in pages.flows["end_other_sessions"].asked] == [(Current(MIRA, HERE.id),)]
    assert "Every other browser is signed out." in client.get("/account?done=sessions").text
    assert "/account/sessions/end-others" in client.get("/account").text
    pages.flows["list_sessions"].answer = [HERE]
    assert "/account/sessions/end-others" not in client.get("/account").text


def test_who_was_put_out_is_led_to_the_sign_in_page(pages):
    """The session ended between the look and the write: nothing was done, and nobody is signed in."""
    pages.flows["end_other_sessions"].answer = NotSignedIn("ended")
    answer = to(pages.client(signed_in=True), "/account/sessions/end-others")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faccount")


@pytest.mark.parametrize(
    ("done", "said"),
    [("profile", "Your changes are saved."), ("session", "That browser is signed out."), ("", ""), ("<b>", "")],
)
def test_the_account_says_what_was_done_and_nothing_that_a_link_makes_up(pages, done, said):
    """Its own few sentences alone; whatever else stands in the address is not shown."""
    text = pages.client(signed_in=True).get("/account", params={"done": done}).text
    assert ('role="status"' in text) == bool(said)
    assert said in text
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("agent", "drawing"), [(FIREFOX, "M3.5 5h17"), ("x iPhone Version/18 Safari/604.1", "M7 3h10")]
)
def test_a_telephone_is_drawn_as_one(pages, agent, drawing):
    """Who looks for a stranger in the list tells devices apart at one look."""
    pages.flows["list_sessions"].answer = [replace(HERE, agent=agent)]
    device = pages.client(signed_in=True).get("/account").text.partition('class="device"')[2]
    assert drawing in device.partition("</li>")[0]


@pytest.mark.parametrize("session", ["", "x", "'--", "é" * 40])
def test_what_is_no_session_ends_none(pages, session):
    """Nothing is asked of the flow, and the account is shown again."""
    answer = to(pages.client(signed_in=True), "/account/sessions/end", session=session)
    assert (answer.status_code, pages.flows["end_session"].asked) == (303, [])


def test_nobody_ends_no_session(pages):
    """Without being signed in the buttons lead to the sign-in page."""
    for path in ("/account/sessions/end", "/account/sessions/end-others"):
        answer = to(pages.client(), path, session=str(THERE.id))
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Faccount")
    assert pages.flows["end_session"].asked == pages.flows["end_other_sessions"].asked == []
