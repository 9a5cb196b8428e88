"""The pages: opening one changes nothing, a form belongs to its browser, errors stand at their field."""

import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.verification import ChoosePassword
from gatepost.errors import AddressTaken, BadToken, DatabaseBusy, FieldError, InvalidInput
from tests.web.site import ADA, PRODUCTION, Site

PATHS = ("/register", "/verify", "/verify?token=abc", "/verify/request", "/reset", "/reset?token=abc", "/reset/request")
TOO_SHORT = InvalidInput([FieldError("password", "too_short", "Use at least %(limit)s characters.", {"limit": 12})])


class Tags(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def form_field(client: TestClient, path: str = "/register") -> dict[str, str]:
    """Open a page as a browser does and take the hidden field of its form."""
    found = re.search(r'name="form_key" value="([0-9a-f]{64})"', client.get(path).text)
    assert found is not None
    return {"form_key": found[1]}


def send(client: TestClient, path: str, **fields: str):
    """Open a page, fill in its form and send it."""
    return client.post(path, data={**form_field(client), **fields}, headers={"accept": "text/html"})


@pytest.mark.parametrize("path", PATHS)
def test_s40_opening_a_page_changes_nothing(path):
    """GET and HEAD, twenty times over, call no flow and give the same kind of page."""
    site = Site()
    client = site.client()
    answers = [client.request(method, path) for method in ("GET", "HEAD") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert site.register.asked == site.verify.asked == site.reset_password.asked == []
    assert site.request_reset.asked == site.request_verification.asked == []
    assert site.rings == 0


@pytest.mark.parametrize("path", PATHS)
def test_a_page_has_nothing_inline_and_nothing_from_elsewhere(path):
    """Scripts and styles are files of ours; there is no style, no handler and no foreign address in the page."""
    answer = Site().client().get(path)
    page = Tags(answer.text)
    assert page.of("style") == []
    assert [one for one in page.of("script") if not (one.get("src") or "").startswith("/gatepost/static/")] == []
    assert [tag for tag, attributes in page.tags if any(a == "style" or a.startswith("on") for a in attributes)] == []
    assert re.findall(r'(?:href|src|action)="(?:https?:)?//', answer.text) == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PATHS)
def test_every_field_a_person_sees_has_a_label(path):
    """Each visible input is labelled, required ones say so, and each page has one heading and a language."""
    page = Tags(Site().client().get(path).text)
    labels = {one["for"] for one in page.of("label")}
    assert {one["id"] for one in page.of("input") if one["type"] != "hidden"} == labels
    assert len(page.of("h1")) == 1
    assert page.of("html") == [{"lang": "en"}]


def test_s12_password_fields_suit_a_password_program():
    """type=password, autocomplete new-password and username, and nothing that forbids pasting."""
    inputs = {one["name"]: one for one in Tags(Site().client().get("/register").text).of("input")}
    assert (inputs["password"]["type"], inputs["password"]["autocomplete"]) == ("password", "new-password")
    assert (inputs["email"]["type"], inputs["email"]["autocomplete"]) == ("email", "username")


def test_a_telephones_keyboard_suits_each_field():
    """An address gets the keys of addresses and no capitals, a name gets them, and the last key says what it does."""
    inputs = {one["name"]: one for one in Tags(Site().client().get("/register").text).of("input")}
    wanted = {
        "name": ("text", None, "words", "next"),
        "email": ("email", "email", "none", "next"),
        "password": ("password", None, "none", "done"),
    }
    kinds = ("type", "inputmode", "autocapitalize", "enterkeyhint")
    assert wanted == {name: tuple(inputs[name].get(kind) for kind in kinds) for name in wanted}
    assert inputs["email"]["spellcheck"] == "false"


def test_the_page_names_its_language_and_leads_to_the_others():
    """The one it is in is plain text, so a reader sees which; each other one is a link in its own words."""
    text = Site().client().get("/register").text
    assert '<span lang="en">English</span>' in text
    links = [(one["hreflang"], one["lang"]) for one in Tags(text).of("a") if "hreflang" in one]
    assert links == [("zh-CN", "zh-CN")]


def test_a_sent_form_registers_and_rings():
    """The form goes through the same flow as the JSON route, and the bell rings after the answer."""
    site = Site()
    answer = send(site.client(), "/register", email="ada@example.com", password="correct horse", name="")
    assert answer.status_code == 200
    assert "Check your inbox" in answer.text
    (asked,) = site.register.asked
    assert asked.pop("client").prefix == "unknown"  # a TestClient has no address
    assert asked == {
        "email": "ada@example.com",
        "password": "correct horse",
        "name": None,
        "locale": None,
        "preferred_locale": None,
        "request_id": answer.headers["x-request-id"],
        "challenge": None,
    }
    assert site.rings == 1


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (TOO_SHORT, 422, "Use at least 12 characters."),
        (AddressTaken(), 409, "An account with this address exists."),
        (DatabaseBusy("full", 7), 503, "Try again shortly"),
    ],
)
def test_an_error_stands_in_the_form_and_keeps_what_was_typed(error, status, text):
    """What was typed comes back, escaped, and the password never does."""
    site = Site()
    site.register.answer = error
    typed = {"email": 'a"><b>@example.com', "name": "<i>Ada</i>", "password": "hunter2hunter2"}
    answer = send(site.client(), "/register", **typed)
    inputs = {one["name"]: one for one in Tags(answer.text).of("input")}
    assert answer.status_code == status
    assert text in answer.text
    assert (inputs["email"]["value"], inputs["name"]["value"], inputs["password"]["value"]) == (
        typed["email"],
        typed["name"],
        "",
    )
    assert "<i>" not in answer.text
    assert "hunter2" not in answer.text
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)
    assert site.rings == 0


def test_an_error_is_tied_to_its_field():
    """The wrong field is marked for screen readers, described by its error, and has the focus."""
    site = Site()
    site.register.answer = TOO_SHORT
    answer = send(site.client(), "/register", email="ada@example.com", password="short")
    inputs = {one["name"]: one for one in Tags(answer.text).of("input")}
    assert inputs["password"]["aria-invalid"] == "true"
    assert inputs["password"]["aria-describedby"] == "password-error password-hint"
    assert [name for name, one in inputs.items() if "autofocus" in one] == ["password"]


@pytest.mark.parametrize("path", ["/register", "/verify", "/verify/request", "/reset", "/reset/request"])
def test_a_form_of_another_browser_is_refused(path):
    """Without the cookie, with a made-up field or with another browser's field nothing happens."""
    site = Site()
    mine, other = site.client(), site.client()
    foreign = form_field(other)
    form_field(mine)
    fields = {"email": "ada@example.com", "password": "correct horse", "token": "abc"}
    answers = [
        mine.post(path, data={**fields, **foreign}),
        mine.post(path, data=fields),
        mine.post(path, data={**fields, "form_key": "é" * 64}),
        site.client().post(path, data={**fields, **foreign}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert "open for too long" in answers[0].text
    assert site.register.asked == site.verify.asked == site.reset_password.asked == []
    assert site.request_reset.asked == site.request_verification.asked == []


@pytest.mark.parametrize(
    ("settings", "cookie"),
    [
        ({}, "gatepost-csrf=[^;]{43}; HttpOnly; Path=/; SameSite=lax"),
        (PRODUCTION, "__Host-gatepost-csrf=[^;]{43}; HttpOnly; Path=/; SameSite=lax; Secure"),
    ],
)
def test_the_cookie_belongs_to_this_host_alone(settings, cookie):
    """With HTTPS it has the __Host- prefix and is Secure; on plain HTTP browsers would refuse both."""
    answer = Site(settings).client().get("/register")
    assert re.fullmatch(cookie, answer.headers["set-cookie"])


def test_our_own_form_passes_although_its_origin_is_null():
    """Pages send no referrer, so Chromium says `Origin: null` and `Sec-Fetch-Site: same-origin` for our own forms."""
    site = Site(PRODUCTION)
    client = site.client()
    fields = {**form_field(client), "email": "ada@example.com", "password": "correct horse"}
    ours = {"origin": "null", "sec-fetch-site": "same-origin"}
    foreign = {"origin": "null", "sec-fetch-site": "cross-site"}
    silent = {"origin": "null"}
    answers = [client.post("/register", data=fields, headers=headers) for headers in (ours, foreign, silent)]
    assert [answer.status_code for answer in answers] == [200, 403, 200]


def test_the_button_of_a_mailed_link_verifies():
    """The page holds the token in its form; sending it verifies and says so."""
    site = Site()
    client = site.client()
    page = client.get("/verify?token=abc.def")
    assert {"type": "hidden", "name": "token", "value": "abc.def"} in Tags(page.text).of("input")
    answer = send(client, "/verify", token="abc.def")
    assert "Address verified" in answer.text
    assert ADA.email in answer.text
    assert (site.verify.asked[0]["token"], site.verify.asked[0]["password"]) == ("abc.def", None)


def test_several_registrations_ask_for_the_password_to_keep():
    """`choose_password` becomes a form with the same token; what is wrong with the password stays in that form."""
    site = Site()
    client = site.client()
    site.verify.answer = ChoosePassword()
    assert "Choose your password" in send(client, "/verify", token="abc").text
    site.verify.answer = TOO_SHORT
    answer = send(client, "/verify", token="abc", password="short")
    inputs = {one["name"]: one for one in Tags(answer.text).of("input")}
    assert (answer.status_code, inputs["token"]["value"], inputs["password"]["value"]) == (422, "abc", "")
    site.verify.answer = ADA
    assert "Address verified" in send(client, "/verify", token="abc", password="correct horse").text
    assert [asked["password"] for asked in site.verify.asked] == [None, "short", "correct horse"]


@pytest.mark.parametrize(("path", "next_form"), [("/verify", "/verify/request"), ("/reset", "/reset/request")])
def test_a_bad_link_leads_to_a_new_one(path, next_form):
    """A used or old token is 400, and the page offers to send another message; the token is not shown again."""
    site = Site()
    site.verify.answer = site.reset_password.answer = BadToken()
    answer = send(site.client(), path, token="used-token", password="correct horse")
    assert answer.status_code == 400
    assert "This link cannot be used" in answer.text
    assert [one["action"] for one in Tags(answer.text).of("form")] == [next_form]
    assert "used-token" not in answer.text


def test_a_reset_sets_the_password():
    """The page behind a reset link sends token and password through the flow."""
    site = Site()
    answer = send(site.client(), "/reset", token="abc", password="correct horse")
    assert "New password set" in answer.text
    assert [(one["token"], one["password"]) for one in site.reset_password.asked] == [("abc", "correct horse")]
    assert site.rings == 1


def test_the_same_field_twice_is_refused():
    """Two addresses in one form are no address."""
    site = Site()
    client = site.client()
    body = f"form_key={form_field(client)['form_key']}&email=a@b.example&email=c@d.example&password=x"
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/register", content=body, headers=kind)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "email")
    assert site.register.asked == []


def test_fields_that_are_none_of_ours_are_ignored():
    """A browser extension's field, even twice, changes nothing."""
    site = Site()
    client = site.client()
    body = f"form_key={form_field(client)['form_key']}&email=a@b.example&password=x&is_admin=1&is_admin=2"
    answer = client.post("/register", content=body, headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer.status_code == 200
    given = {"email", "password", "name", "locale", "preferred_locale", "request_id", "client", "challenge"}
    assert set(site.register.asked[0]) == given


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_pages_take_forms_only(kind):
    """JSON, plain text and uploads are 415 on a page."""
    answer = Site().client().post("/register", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_person_sees_a_page_where_a_program_sees_a_problem():
    """What no form of ours causes is HTML for a browser and problem+json for everybody else."""
    site = Site()
    site.register.answer = ZeroDivisionError("inside")
    client = site.client()
    fields = {**form_field(client), "email": "a@b.example", "password": "x"}
    as_page = client.post("/register", data=fields, headers={"accept": "text/html,*/*"})
    as_problem = client.post("/register", data=fields)
    assert (as_page.status_code, as_page.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert as_page.headers["x-request-id"] in as_page.text
    assert "inside" not in as_page.text
    assert as_problem.json()["code"] == "internal_error"


@pytest.mark.parametrize(
    ("name", "kind"), [("gatepost.css", "text/css"), ("landing.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
def test_static_files_are_kept_by_browsers(name, kind):
    """An address with a version may be kept for a year; anything else is asked again."""
    client = Site().client()
    versioned, bare = client.get(f"/gatepost/static/{name}?v=1"), client.get(f"/gatepost/static/{name}")
    assert versioned.headers["content-type"].startswith(kind)
    assert versioned.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert bare.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["..%2f__init__.py", "%2e%2e/__init__.py", "vendor", "nothing.css"])
def test_no_other_file_is_served(name):
    """Names come from a fixed list, so no path leads out of it."""
    answer = Site().client().get(f"/gatepost/static/{name}")
    assert answer.status_code == 404
