"""The pages on which a signed-in person changes the account: the same flows as the JSON routes, the same rules."""

import dataclasses
import re

import pytest
from httpx2 import Response

from gatepost.errors import DatabaseBusy, FieldError, InvalidInput, NotSignedIn, RateLimited, WrongPassword
from tests.web.test_account_pages import HERE, MIRA, Pages, Tags, inputs, session_cookie, to

FORMS = {
    "/account/profile": ("change_profile", {"name": "Mira V", "locale": "en"}),
    "/account/password": ("change_password", {"current_password": "the old secret", "password": "a new long one"}),
    "/account/email": ("request_address_change", {"email": "new@example.com", "current_password": "the old secret"}),
    "/account/delete": ("delete_account", {"current_password": "the old secret"}),
}
WITH_PASSWORD = [path for path, (_, fields) in FORMS.items() if "current_password" in fields]


@pytest.fixture
def pages() -> Pages:
    return Pages()


def sent(pages: Pages, path: str, **changed: str) -> Response:
    """The form of a page, filled in and sent by who is signed in."""
    return to(pages.client(signed_in=True), path, **{**FORMS[path][1], **changed})


@pytest.mark.parametrize("path", FORMS)
def test_a_change_is_made_for_who_is_signed_in(pages, path):
    """The flow gets the session, what was typed and the client; the bell rings after the answer."""
    flow, fields = FORMS[path]
    answer = sent(pages, path)
    (asked,) = pages.flows[flow].asked
    (current,) = asked["given"]
    assert (current.account, current.session_id) == (MIRA, HERE.id)
    wishes = {"changes": fields} if flow == "change_profile" else {**fields, "client": asked.get("client")}
    assert {**asked, "given": ()} == {**wishes, "request_id": answer.headers["x-request-id"], "given": ()}
    assert pages.site.rings == 1


def test_name_and_language_are_shown_and_saved(pages):
    """What the account says now is filled in; a name left empty is taken away; the account is shown again."""
    pages.flows["find_session"].answer = dataclasses.replace(
        pages.flows["find_session"].answer, account=dataclasses.replace(MIRA, locale="de-AT")
    )
    page = pages.client(signed_in=True).get("/account/profile")
    assert inputs(page)["name"]["value"] == "Mira <b>"
    options = Tags(page.text).of("option")
    assert [(one["value"], "selected" in one) for one in options] == [("en", False), ("zh-CN", False), ("de-AT", True)]
    answer = sent(pages, "/account/profile", name="", locale="zh-CN")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?done=profile&locale=zh-CN")
    assert pages.flows["change_profile"].asked[0]["changes"] == {"name": None, "locale": "zh-CN"}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/account/password", "Password changed"),
        ("/account/email", 'on its way to <strong class="address">new@example.com</strong>'),
        ("/account/delete", "Days until it is erased for good: 14."),
    ],
)
def test_the_answer_says_what_happens_next(pages, path, words):
    """And holds none of the passwords; a deleted account's browser forgets its session."""
    answer = sent(pages, path)
    assert answer.status_code == 200
    assert words in answer.text
    assert [secret for secret in ("the old secret", "a new long one") if secret in answer.text] == []
    assert ("Max-Age=0" in (session_cookie(answer) or "")) == (path == "/account/delete")


def test_without_a_time_to_come_back_the_page_says_that_too():
    """DELETED_KEPT_DAYS=0: erased, and the page does not promise anything else."""
    page = Pages({"deleted_kept_days": 0}).client(signed_in=True).get("/account/delete").text
    assert "cannot be brought back" in page


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (InvalidInput([FieldError("password", "too_short", "Too short.")]), 422, None),
        (RateLimited(30), 429, "Wait 30 seconds"),
        (DatabaseBusy("full", 5), 503, "Wait 5 seconds"),
    ],
)
def test_what_goes_wrong_stands_in_the_form(pages, path, error, status, text):
    """The form comes back with the reason, and with no password in it; nothing rings."""
    pages.flows[FORMS[path][0]].answer = error
    answer = sent(pages, path)
    assert answer.status_code == status
    assert text is None or text in answer.text
    assert [one["value"] for one in inputs(answer).values() if one["type"] == "password"] == [""] * answer.text.count(
        'type="password"'
    )
    assert [secret for secret in ("the old secret", "a new long one") if secret in answer.text] == []
    assert pages.site.rings == 0


@pytest.mark.parametrize("path", WITH_PASSWORD)
def test_s53_a_sensitive_change_takes_the_current_password(pages, path):
    """The page asks for it; a wrong one is 403 at its field, and what else was typed is kept but the new password."""
    page = inputs(pages.client(signed_in=True).get(path))
    assert (page["current_password"]["type"], page["current_password"]["autocomplete"]) == (
        "password",
        "current-password",
    )
    pages.flows[FORMS[path][0]].answer = WrongPassword()
    answer = sent(pages, path)
    field = inputs(answer)["current_password"]
    assert (answer.status_code, field["aria-invalid"], field["value"]) == (403, "true", "")
    assert "This is not your current password." in answer.text
    if path == "/account/email":
        assert inputs(answer)["email"]["value"] == "new@example.com"


def test_s12_a_new_password_is_told_from_the_current_one(pages):
    """Password programs see which field is which, and whose password it is; nothing forbids pasting."""
    page = Tags(pages.client(signed_in=True).get("/account/password").text)
    kinds = {one["id"]: (one["type"], one["autocomplete"]) for one in page.of("input") if "autocomplete" in one}
    assert kinds == {
        "username": ("email", "username"),
        "current_password": ("password", "current-password"),
        "password": ("password", "new-password"),
    }
    assert [one for one in page.of("input") if any(name.startswith("on") for name in one)] == []


@pytest.mark.parametrize("path", FORMS)
def test_nobody_changes_nothing(pages, path):
    """Without a session, or with one that ended before or meanwhile, one signs in first and comes back."""
    location = f"/login?next={path.replace('/', '%2F')}"
    stranger = pages.client()
    assert [stranger.get(path).headers["location"], to(stranger, path).headers["location"]] == [location] * 2
    assert pages.flows[FORMS[path][0]].asked == []
    pages.flows[FORMS[path][0]].answer = NotSignedIn("ended meanwhile")
    answer = sent(pages, path)
    assert (answer.status_code, answer.headers["location"].partition("&locale=")[0]) == (303, location)
    assert "Max-Age=0" in (session_cookie(answer) or "")


@pytest.mark.parametrize("path", FORMS)
def test_a_foreign_form_changes_nothing(pages, path):
    """Without our field, with another one or from another site: 403."""
    client = pages.client(signed_in=True)
    client.get("/login")
    fields = FORMS[path][1]
    answers = [
        client.post(path, data=fields),
        client.post(path, data={**fields, "form_key": "0" * 64}),
        client.post(path, data=fields, headers={"origin": "https://evil.example"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert pages.flows[FORMS[path][0]].asked == []


@pytest.mark.parametrize("path", FORMS)
def test_a_page_of_a_change_is_plain_labelled_and_changes_nothing(pages, path):
    """Opened any number of times; nothing inline or from elsewhere; a label for every field, one heading."""
    client = pages.client(signed_in=True)
    answers = [client.request(method, path) for method in ("GET", "HEAD") * 5]
    assert {answer.status_code for answer in answers} == {200}
    assert {name for name, flow in pages.flows.items() if flow.asked} == {"find_session"}
    page = Tags(answers[0].text)
    assert page.of("style") == []
    assert {"src", "defer"} == {name for script in page.of("script") for name in script}
    assert [tag for tag, attributes in page.tags if any(a == "style" or a.startswith("on") for a in attributes)] == []
    assert re.findall(r'(?:href|src|action)="(?:https?:)?//', answers[0].text) == []
    fields = [one for one in page.of("input") if one["type"] != "hidden"] + page.of("select")
    assert {one["id"] for one in fields} == {one["for"] for one in page.of("label")}
    assert len(page.of("h1")) == 1
    assert "/account" in {one["href"] for one in page.of("a")}
