"""Check your inbox: what the page says, how one asks again, and the banner when mail is delayed for everybody."""

import html
import re

import pytest
from httpx2 import Response

from gatepost.errors import DatabaseBusy, FieldError, InvalidInput, RateLimited
from gatepost.events import RequestAnswered, RoutineAnswered
from gatepost.mail.templates import Templates
from gatepost.web.inbox import DELAY_PATH
from gatepost.web.webmail import webmail_of
from tests.web.site import PRODUCTION, Site
from tests.web.test_account_pages import Pages
from tests.web.test_change_pages import sent
from tests.web.test_pages import Tags, form_field

ASKED = {"/verify/request": "request_verification", "/reset/request": "request_reset"}
EMAIL = "mira@example.com"


def asked(site: Site, path: str, **fields: str) -> Response:
    """Send a form of this site."""
    client = site.client()
    typed = {"email": EMAIL, **({"password": "correct horse"} if path == "/register" else {}), **fields}
    return client.post(path, data={**form_field(client), **typed}, headers={"accept": "text/html"})


def words(answer: Response) -> str:
    """What a person reads in the page, on one line."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def forms(answer: Response) -> list[dict[str, str | None]]:
    """The fields of each form in the page."""
    found = []
    for one in re.findall(r"<form.*?</form>", answer.text, re.DOTALL):
        found.append({field["name"]: field.get("value") for field in Tags(one).of("input")} | {"": one})
    return found


@pytest.mark.parametrize(
    ("path", "subjects", "life"),
    [
        ("/register", ["Verify your email address for Tide", "You already have an account with Tide"], "24 hours"),
        ("/verify/request", ["Verify your email address for Tide"], "24 hours"),
        ("/reset/request", ["Choose a new password for Tide"], "30 minutes"),
    ],
)
def test_the_page_says_what_to_look_for(path, subjects, life):
    """For which address, who writes, under which subject, and how long the link works."""
    said = words(asked(Site({"product_name": "Tide", "sender": "Tide & Co <hello@tide.example>"}), path))
    assert f"From Tide & Co hello@tide.example Subject {subjects[0]}" in said
    assert [one for one in subjects if one not in said] == []
    assert f"Its link works for {life}" in said
    assert EMAIL in said


def test_where_accounts_are_revealed_nobody_is_told_of_a_mail_that_never_comes():
    """A taken address is refused there, and gets no mail."""
    said = words(asked(Site({"product_name": "Tide", "reveal_accounts": True}), "/register"))
    assert "Verify your email address for Tide" in said
    assert "You already have an account" not in said


def test_the_subject_is_in_the_language_of_the_page():
    """The mail will be in that language as well."""
    said = words(asked(Site({"product_name": "Tide"}), "/reset/request", locale="zh-CN"))
    assert "为您的 Tide 账号设置新密码" in said


def test_a_subject_that_holds_what_only_the_mail_knows_is_left_out(tmp_path):
    """A product's own words may name the person: an account's name is nobody else's business, nor is what was typed."""
    message = tmp_path / "password_reset" / "en"
    message.mkdir(parents=True)
    (message / "subject.txt").write_text("{{ name }}, choose a new password")
    (message / "body.txt").write_text("{{ link }}")
    (message / "body.html").write_text('<!-- preheader: Go on -->\n<a href="{{ link }}">Go on</a>')
    said = words(asked(Site(templates=Templates(own=tmp_path)), "/reset/request", name="Mallory"))
    assert "From" in said
    assert "Subject" not in said
    assert "Mallory" not in said


def test_a_change_of_address_gets_the_page_as_well():
    """For the new address, in the language of the account; asking again takes the password."""
    answer = sent(Pages(), "/account/email")
    said = words(answer)
    assert "on its way to new@example.com" in said
    assert "Subject Confirm your new email address for Gatepost" in said
    assert [(one["email"], one["current_password"]) for one in forms(answer)] == [("new@example.com", "")]
    assert "data-wait-s" not in answer.text
    assert 'href="/account"' in answer.text


def test_a_mistyped_address_is_corrected_in_place():
    """What was typed stands in the form again, escaped; a password never does. It goes through the same flow again."""
    typed = {"email": 'mira"><b>@example.con', "name": "<i>Mira</i>", "password": "hunter2hunter2"}
    answer = asked(Site(), "/register", **typed)
    again, correct = forms(answer)
    assert (again["email"], again["name"], again["again"]) == (typed["email"], typed["name"], "registered")
    assert (correct["email"], correct["name"], correct["password"]) == (typed["email"], typed["name"], "")
    assert 'action="/register"' in correct[""]
    assert [one for one in ("<i>", "<b>", "hunter2") if one in answer.text] == []
    assert "autofocus" not in answer.text
    labels = {one["for"] for one in Tags(answer.text).of("label")}
    assert {one["id"] for one in Tags(answer.text).of("input") if one["type"] != "hidden"} == labels


@pytest.mark.parametrize("path", ASKED)
def test_asking_again_is_the_same_flow_and_comes_back(path):
    """The form of the page asks for the same address once more; the page then says when, and counts down anew."""
    site = Site()
    again = forms(asked(site, path))[0]
    assert f'action="{path}"' in again[""]
    answer = asked(site, path, again=again["again"])
    flow = {"/verify/request": site.request_verification, "/reset/request": site.request_reset}[path]
    assert [one["email"] for one in flow.asked] == [EMAIL, EMAIL]
    assert site.rings == 2
    assert re.search(r"Asked again at \d\d:\d\d UTC", words(answer))
    assert "Asked again" not in words(asked(site, path))
    (button,) = [one for one in Tags(answer.text).of("button") if "data-wait-s" in one]
    assert (button["data-wait-s"], button["data-wait-text"]) == ("60", "Send it again in {seconds} s")


def test_after_a_registration_asking_again_stays_there():
    """The page goes on to speak of a registration, and keeps the name for who mistyped the address."""
    site = Site()
    again = forms(asked(site, "/register", name="Mira"))[0]
    answer = asked(site, "/verify/request", again=again["again"], name=again["name"])
    assert f"A message is on its way to {EMAIL} ." in words(answer)
    assert forms(answer)[1]["name"] == "Mira"
    assert len(site.request_verification.asked) == 1


def test_what_else_stands_in_the_field_means_nothing():
    """The field comes from a browser: anything but ours counts as asked again, of the kind the form is for."""
    said = words(asked(Site(), "/verify/request", again="address"))
    assert f"If {EMAIL} still waits for verification" in said
    assert "Asked again" in said


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize(
    ("error", "status", "said", "wait"),
    [(RateLimited(30), 429, "Wait 30 seconds", "30"), (DatabaseBusy("full", 7), 503, "Wait 7 seconds", "7")],
)
def test_asking_again_in_vain_stays_here_too(path, error, status, said, wait):
    """The page says why nothing was sent, and the button waits as long as that takes."""
    site = Site()
    flow = {"/verify/request": site.request_verification, "/reset/request": site.request_reset}[path]
    flow.answer = error
    answer = asked(site, path, again="registered")
    assert answer.status_code == status
    assert said in words(answer)
    subject = {"/verify/request": "Verify your email address", "/reset/request": "Choose a new password"}[path]
    assert f"Subject {subject} for Gatepost" in words(answer)
    assert "Asked again" not in words(answer)
    (button,) = [one for one in Tags(answer.text).of("button") if "data-wait-s" in one]
    assert button["data-wait-s"] == wait
    assert "Check your inbox" not in words(asked(site, path))  # asked for the first time: the form it came from


def test_a_stale_form_is_given_a_new_key():
    """Asked again from a page that was open over night: one press more, and without waiting."""
    site = Site()
    answer = site.client().post("/reset/request", data={"email": EMAIL, "again": "reset"})
    assert answer.status_code == 403
    assert (forms(answer)[0]["email"], site.request_reset.asked) == (EMAIL, [])
    assert "data-wait-s" not in answer.text
    assert re.fullmatch("[0-9a-f]{64}", forms(answer)[0]["form_key"] or "")


def test_an_address_that_is_none_is_corrected_where_it_is_asked_for():
    """Nobody gets here with one by our own form; then the page with the field shows what is wrong with it."""
    site = Site()
    site.request_reset.answer = InvalidInput([FieldError("email", "invalid", "This is no address.")])
    answer = asked(site, "/reset/request", again="reset")
    assert answer.status_code == 422
    assert "This is no address." in words(answer)
    assert "Check your inbox" not in words(answer)


@pytest.mark.parametrize("path", ["/register", *ASKED])
@pytest.mark.parametrize("delayed", [True, False])
def test_a_delay_is_said_on_the_page(path, delayed):
    """To everybody, when there is one, and to nobody when there is none; the page asks again by itself."""
    site = Site()
    site.delayed = delayed
    answer = asked(site, path)
    assert ("Mail is delayed at the moment" in words(answer)) == delayed
    (polled,) = [one for one in Tags(answer.text).of("div") if "hx-get" in one]
    assert (polled["hx-get"], polled["hx-trigger"], polled["role"]) == (DELAY_PATH, "every 20s", "status")


def test_a_delay_is_said_to_who_changes_the_address():
    """The banner stands there as well."""
    pages = Pages()
    pages.site.delayed = True
    assert "Mail is delayed at the moment" in words(sent(pages, "/account/email"))


@pytest.mark.parametrize(("locale", "said"), [(None, "Mail is delayed"), ("zh-CN", None)])
def test_the_banner_alone_is_the_same_for_everybody(locale, said):
    """No cookie, no form, kept nowhere, in the language that is asked for; a log has no line for each."""
    site = Site(PRODUCTION)
    site.delayed = True
    client = site.client()
    client.cookies.set("__Host-gatepost-csrf", "c" * 43)
    answer = client.get(DELAY_PATH, params={"locale": locale} if locale else None)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-language"] == (locale or "en")
    assert [one for one in ("<form", "<html", "form_key") if one in answer.text] == []
    assert 'class="notice warn"' in answer.text
    assert said is None or said in answer.text
    assert [type(one) for one in site.happened] == [RoutineAnswered]


def test_no_banner_is_an_empty_piece():
    """So that a swap takes the old one away; HEAD is answered as well, and asking rings nobody."""
    site = Site()
    client = site.client()
    assert [client.get(DELAY_PATH).text.strip(), client.head(DELAY_PATH).text] == ["", ""]
    assert client.post(DELAY_PATH).status_code == 405
    assert site.rings == 0
    assert [one.status for one in site.happened if type(one) is RequestAnswered] == [405]


@pytest.mark.parametrize(
    ("email", "name"),
    [
        ("a@gmail.com", "Gmail"),
        (" A@GoogleMail.COM ", "Gmail"),
        ("a@qq.com", "QQ"),
        ("a@gmail.com.evil.example", None),
        ("a@mygmail.com", None),
        ("a@example.com", None),
        ("", None),
    ],
)
def test_the_way_to_the_inbox_is_known_for_large_providers(email, name):
    """By the domain that was typed, from a table; for every other domain there is no button."""
    found = webmail_of(email)
    assert (found.name if found else None) == name
    assert found is None or found.address.startswith("https://")
