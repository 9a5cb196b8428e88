"""Forms that htmx sends: answered as ever, but for where it leads and for what is no page of the form."""

import re

import pytest
from httpx2 import Response

from gatepost.errors import DatabaseBusy, FieldError, InvalidInput, NotSignedIn, RateLimited
from tests.web.test_account_pages import SENT, THERE, Pages, Tags, session_cookie, to
from tests.web.test_pages import send

IN_PLACE = {"HX-Request": "true"}
TOO_SHORT = InvalidInput([FieldError("password", "too_short", "Use at least %(limit)s characters.", {"limit": 12})])


@pytest.fixture
def pages() -> Pages:
    return Pages()


def in_place(pages: Pages, path: str, *, signed_in: bool = False, **fields: str) -> Response:
    """Open a page and send a form as htmx does."""
    client = pages.client(signed_in=signed_in)
    client.headers.update(IN_PLACE)
    return to(client, path, **fields)


@pytest.mark.parametrize("next_page", ["", "/cart?item=7"])
def test_signing_in_lets_the_browser_go_by_the_field_of_htmx(pages, next_page):
    """A script would follow a 303 by itself, and never arrive: 204 with the address, the cookie, and no body."""
    answer = in_place(pages, "/login", **SENT, next=next_page)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, next_page or "/account")
    assert answer.text == ""
    assert "location" not in answer.headers
    assert "s3cret-session-token" in (session_cookie(answer) or "")


def test_no_address_of_a_stranger_is_led_to(pages):
    """What a form sends as `next` is judged as in a browser's own form, and comes out in visible ASCII."""
    for wanted in ("//evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "https://evil.example/"):
        assert in_place(pages, "/login", **SENT, next=wanted).headers["hx-redirect"] == "/account"


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/account/profile", {"name": "Mira"}), ("/account/sessions/end", {"session": str(THERE.id)})],
)
def test_a_change_leads_back_to_the_account(pages, path, fields):
    """The way back is the same as without scripts, in the language that was asked for."""
    answer = in_place(pages, path, signed_in=True, locale="zh-CN", **fields)
    assert answer.status_code == 204
    assert re.fullmatch(r"/account\?.*locale=zh-CN", answer.headers["hx-redirect"])


def test_who_is_no_longer_signed_in_is_led_to_sign_in(pages):
    """Also while a form was open; the way back goes along, and the dead cookie is dropped."""
    pages.flows["find_session"].answer = NotSignedIn("ended")
    answer = in_place(pages, "/account/password", signed_in=True, current_password="a", password="b")
    assert (answer.status_code, answer.headers["hx-redirect"]) == (204, "/login?next=%2Faccount%2Fpassword")
    assert "Max-Age=0" in (session_cookie(answer) or "")


@pytest.mark.parametrize(("error", "status"), [(TOO_SHORT, 422), (RateLimited(7), 429)])
def test_what_a_person_can_mend_is_the_same_page(pages, error, status):
    """A problem of the form's own answers alike to both: the whole page, from which htmx takes the content."""
    pages.site.register.answer = error
    client = pages.client()
    plain = send(client, "/register", email="ada@example.com", password="short")
    client.headers.update(IN_PLACE)
    by_htmx = send(client, "/register", email="ada@example.com", password="short")
    assert plain.status_code == by_htmx.status_code == status
    assert plain.text == by_htmx.text
    assert [one for one in by_htmx.headers if one.startswith("hx-")] == []


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        ("a bug", 500, "Our mistake"),
        ("too large", 413, "The body is too large"),
        ("another type", 415, "Unsupported content type"),
        ("another site", 403, "The request comes from another site"),
        ("a method", 405, "Method not allowed"),
    ],
)
def test_any_other_problem_stands_above_the_form(pages, cause, status, words):
    """It takes no form away: a piece for the place above it, with the request id, and no page of its own."""
    answer = _caused(pages, cause)
    assert answer.status_code == status
    assert (answer.headers["hx-retarget"], answer.headers["hx-reselect"]) == ("#summary", "#summary")
    assert words in answer.text
    assert answer.headers["x-request-id"] in answer.text
    page = Tags(answer.text)
    assert [one for one in page.of("div") if one.get("id") == "summary"] == [{"id": "summary"}]
    assert (page.of("main"), page.of("form"), page.of("script")) == ([], [], [])


def _caused(pages: Pages, cause: str) -> Response:
    client = pages.client()
    client.headers.update({**IN_PLACE, "accept": "text/html"})
    if cause == "a bug":
        pages.site.register.answer = RuntimeError("nobody foresaw it")
        return send(client, "/register", email="a@example.com", password="b")
    if cause == "too large":
        return send(client, "/register", name="x" * 70_000)
    if cause == "another type":
        return client.post("/register", json={})
    if cause == "another site":
        return client.post("/register", data={}, headers={"Origin": "https://evil.example"})
    return client.request("PUT", "/register", data={})


def test_a_browsers_own_form_and_a_program_get_what_they_always_got(pages):
    """Without the field of htmx a problem is a page, and without text/html it is problem+json."""
    client = pages.client()
    page = client.post("/register", json={}, headers={"accept": "text/html"})
    assert "<h1>Unsupported content type</h1>" in page.text
    assert "hx-retarget" not in page.headers
    program = client.post("/register", json={}, headers=IN_PLACE)
    assert program.headers["content-type"] == "application/problem+json"


def test_what_a_page_fetches_by_itself_is_answered_as_ever(pages):
    """Nothing was typed that could be lost: a GET of htmx gets the page of the problem, or the page."""
    client = pages.client(signed_in=True)
    client.headers.update({**IN_PLACE, "accept": "text/html"})
    assert "<main" in client.get("/account").text
    pages.flows["find_session"].answer = DatabaseBusy("full", 5)
    away = client.get("/account")
    assert (away.status_code, "hx-retarget" in away.headers, "<main" in away.text) == (503, False, True)


@pytest.mark.parametrize("signed_in", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_password_programs_find_where_a_password_is_changed(pages, method, signed_in):
    """/.well-known/change-password leads to the page (W3C), whoever asks; what is not there is 404, as it demands."""
    client = pages.client(signed_in=signed_in)
    answer = client.request(method, "/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/password")
    other = client.request(method, "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200")
    assert other.status_code == 404


def test_the_pages_words_for_scripts_are_in_its_language(pages):
    """Scripts hold no words of their own: they show what the page brings along."""
    for language, missing in (("en", "Characters to go: {count}"), ("zh-CN", "{count}")):
        page = pages.client().get("/register", params={"locale": language})
        (words,) = [one for one in Tags(page.text).of("template") if one["id"] == "words"]
        assert missing in (words["data-missing"] or "")
        assert words["data-min"] == "12"
        assert {one["id"] for one in Tags(page.text).of("template")} == {
            *("words", "show-password", "no-answer", "strange-answer")
        }
