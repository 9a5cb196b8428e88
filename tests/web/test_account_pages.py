"""Sign in, see the account, sign out, answer the links of a change of address: in pages, with the cookie alone."""

import re
import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from gatepost.accounts.account import Account
from gatepost.accounts.sessions import Current, Session
from gatepost.accounts.sign_in import SignedIn
from gatepost.errors import (
    BadToken,
    ChallengeFailed,
    DatabaseBusy,
    FieldError,
    InvalidInput,
    NotSignedIn,
    RateLimited,
    SignInFailed,
)
from gatepost.web.account_pages import account_pages_router
from gatepost.web.pages import pages_router
from tests.web.site import PRODUCTION, Flow, Site
from tests.web.test_pages import Tags, send

SECRET = "s3cret-session-token"
MIRA = Account(uuid.UUID(int=1), "mira@example.com", "Mira <b>", "en", 1_700_000_060_000, 1_700_000_000_000)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
HERE = Session(uuid.UUID(int=11), 1_700_000_000_000, 1_700_000_120_000, 1_800_000_000_000, "203.0.113.0/24", FIREFOX)
THERE = Session(uuid.UUID(int=12), 1_700_000_000_000, 1_700_000_180_000, 1_800_000_000_000, None, None)
SENT = {"email": MIRA.email, "password": "correct horse battery"}
LINKS = {"/email/confirm": "confirm_address", "/email/undo": "undo_address_change"}


class Pages:
    """The pages over flows that know one account with two sessions."""

    def __init__(self, settings: dict[str, Any] | None = None) -> None:
        self.site = Site(settings)
        self.flows: dict[str, Flow] = self.site.others
        self.flows["sign_in"].answer = SignedIn(MIRA, HERE, SECRET)
        self.flows["find_session"].answer = Current(MIRA, HERE.id)
        self.flows["list_sessions"].answer = [THERE, HERE]
        self.flows["confirm_address"].answer = self.flows["undo_address_change"].answer = MIRA
        self.cookie = "__Host-gatepost" if self.site.context.is_https else "gatepost"

    def client(self, *, signed_in: bool = False) -> TestClient:
        context = self.site.context
        client = self.site.client(account_pages_router(context), pages_router(context))
        if signed_in:
            client.cookies.set(self.cookie, SECRET)
        return client


@pytest.fixture
def pages() -> Pages:
    return Pages()


def inputs(answer: Response) -> dict[str | None, dict[str, str | None]]:
    return {one.get("name", one.get("id")): one for one in Tags(answer.text).of("input")}


def session_cookie(answer: Response, name: str = "gatepost") -> str | None:
    """The Set-Cookie field of the session, if the answer has one."""
    return next((one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{name}=")), None)


def to(client: TestClient, path: str, **fields: str) -> Response:
    """Send a form of the sign-in page's browser to `path`."""
    found = re.search(r'name="form_key" value="([0-9a-f]{64})"', client.get("/login").text)
    assert found is not None
    return client.post(path, data={"form_key": found[1], **fields}, headers={"accept": "text/html"})


def test_signing_in_gives_the_browser_a_cookie_and_leads_on(pages):
    """303 to the account; the token stands in the cookie and nowhere else; the flow gets what was typed."""
    answer = to(pages.client(), "/login", **SENT)
    assert (answer.status_code, answer.headers["location"], answer.text) == (303, "/account", "")
    assert SECRET not in answer.headers["location"]
    cookie = session_cookie(answer) or ""
    assert cookie.startswith(f"gatepost={SECRET};")
    assert "HttpOnly" in cookie
    (asked,) = pages.flows["sign_in"].asked
    assert asked.pop("client").prefix == "unknown"
    request_id = answer.headers["x-request-id"]
    assert asked == {**SENT, "request_id": request_id, "challenge": None, "replaces": None}


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/cart?item=7", "/cart?item=7"),
        ("https://app.example.com/x", "https://app.example.com/x"),
        ("//evil.example", "/account"),
        ("https://evil.example", "/account"),
        ("/a\r\nSet-Cookie: x=y", "/account"),
    ],
)
def test_s89_next_leads_nowhere_else(wanted, location):
    """What stands in the link and what the form sends are both judged; a bad one never reaches the page."""
    pages = Pages({**PRODUCTION, "return_origins": "https://app.example.com"})
    client = pages.client()
    page = client.get("/login", params={"next": wanted})
    assert inputs(page)["next"]["value"] == location
    assert to(client, "/login", **SENT, next=wanted).headers["location"] == location
    pages.flows["sign_in"].answer = SignInFailed("wrong")
    again = to(client, "/login", **SENT, next=wanted)
    assert (inputs(again)["next"]["value"], again.headers.get("location")) == (location, None)
    assert "evil.example" not in page.text + again.text


def test_the_sign_in_form_may_lead_to_the_known_origins_and_no_other_page_may():
    """Chromium holds `form-action` against redirects as well; every other page keeps to this site."""
    client = Pages({**PRODUCTION, "return_origins": "https://app.example.com"}).client()
    policy = client.get("/login").headers["content-security-policy"]
    assert policy.endswith("form-action 'self' https://gate.example.com https://app.example.com")
    assert client.get("/register").headers["content-security-policy"].endswith("form-action 'self'")


def test_links_to_other_languages_keep_where_one_wants_to_go(pages):
    """`next` on the sign-in page and `token` on the pages of links go along."""
    client = pages.client()
    assert "next=%2Fcart&amp;locale=zh-CN" in client.get("/login?next=/cart").text
    assert "token=abc&amp;locale=zh-CN" in client.get("/email/confirm?token=abc").text


def test_a_chosen_language_is_kept_from_page_to_page(pages):
    """`locale` goes from the form to the account and from there to the sign-in page."""
    assert to(pages.client(), "/login", **SENT, locale="zh-CN").headers["location"] == "/account?locale=zh-CN"
    stranger = pages.client().get("/account?locale=zh-CN")
    assert stranger.headers["location"] == "/login?next=%2Faccount&locale=zh-CN"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (SignInFailed("disabled"), 401, "The address or the password is wrong, or the address is not verified yet"),
        (RateLimited(7), 429, "Wait 7 seconds"),
        (RateLimited(601), 429, "Wait 11 minutes"),
        (ChallengeFailed(), 403, "The check of strangers failed"),
        (DatabaseBusy("full", 5), 503, "Wait 5 seconds"),
        (InvalidInput([FieldError("password", "too_long", "Too long.")]), 422, "Too long."),
    ],
)
def test_what_goes_wrong_stands_in_the_form(pages, error, status, text):
    """The address is kept, the password never, no session begins; the bell rings whatever the cause."""
    pages.flows["sign_in"].answer = error
    answer = to(pages.client(), "/login", **{**SENT, "email": 'a"><b>@example.com'})
    assert answer.status_code == status
    assert text in answer.text
    assert (inputs(answer)["email"]["value"], inputs(answer)["password"]["value"]) == ('a"><b>@example.com', "")
    assert "<b>" not in answer.text
    assert SENT["password"] not in answer.text
    assert session_cookie(answer) is None
    assert answer.headers.get("retry-after") == (str(error.retry_after_s) if status in (429, 503) else None)
    assert pages.site.rings == 1


def test_the_sign_in_page_leads_to_who_has_no_account_or_no_password(pages):
    """Links to sign up and to reset; after signing up, verifying and resetting a link back."""
    client = pages.client()
    links = {one["href"] for one in Tags(client.get("/login").text).of("a")}
    assert {"/register", "/reset/request"} <= links
    for page in (client.get("/register"), send(client, "/verify", token="abc"), send(client, "/reset", token="abc")):
        assert "/login" in {one["href"] for one in Tags(page.text).of("a")}


def test_s12_the_sign_in_form_suits_a_password_program(pages):
    """type=password with current-password, type=email with username, and nothing that forbids pasting."""
    page = Tags(pages.client().get("/login").text)
    fields = {one["name"]: one for one in page.of("input")}
    assert (fields["password"]["type"], fields["password"]["autocomplete"]) == ("password", "current-password")
    assert (fields["email"]["type"], fields["email"]["autocomplete"]) == ("email", "username")
    assert [one for one in page.of("input") if any(name.startswith("on") for name in one)] == []


def test_a_language_that_cannot_be_used_is_told_at_its_field(pages):
    """A list of choices has its error and its description as any other field."""
    pages.flows["change_profile"].answer = InvalidInput([FieldError("locale", "unknown", "No such language.")])
    answer = to(pages.client(signed_in=True), "/account/profile", name="Mira", locale="xx")
    (choice,) = Tags(answer.text).of("select")
    assert (choice["aria-invalid"], choice["aria-describedby"]) == ("true", "locale-error")
    assert '<p class="error" id="locale-error">No such language.</p>' in answer.text


def test_a_new_session_takes_the_place_of_the_old_one(pages):
    """Who signs in again in the same browser leaves no session behind that nobody sees."""
    client = pages.client(signed_in=True)
    client.cookies.set(pages.cookie, "older")
    to(client, "/login", **SENT)
    assert [asked["replaces"] for asked in pages.flows["sign_in"].asked] == ["older"]


def test_the_account_shows_who_and_where_one_is_signed_in(pages):
    """Address, name, since when, each session with its place; this one is named and comes first; all is escaped."""
    answer = pages.client(signed_in=True).get("/account")
    page = Tags(answer.text)
    assert answer.status_code == 200
    for text in (MIRA.email, "Mira &lt;b&gt;", "2023-11-14 22:14 UTC", "203.0.113.0/24", "Firefox · Linux", "Unknown"):
        assert text in answer.text
    assert answer.text.index("This browser") < answer.text.index("Unknown browser")
    assert [one["value"] for one in page.of("input") if one["name"] == "session"] == [str(THERE.id)]
    assert answer.headers["cache-control"] == "no-store"
    assert pages.flows["find_session"].asked == [{"given": (SECRET,)}]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_account_of_nobody_is_the_sign_in_page(pages, method):
    """Without a cookie no flow is asked; a cookie whose session ended is dropped as well."""
    nobody = pages.client().request(method, "/account")
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/login?next=%2Faccount")
    assert pages.flows["find_session"].asked == []
    pages.flows["find_session"].answer = NotSignedIn("ended")
    ended = pages.client(signed_in=True).request(method, "/account")
    assert (ended.status_code, ended.headers["location"]) == (303, "/login?next=%2Faccount")
    assert "Max-Age=0" in (session_cookie(ended) or "")


def test_a_bearer_token_opens_no_page(pages):
    """Pages are for browsers: whoever sends a header field is a program and has JSON routes."""
    answer = pages.client().get("/account", headers={"authorization": f"Bearer {SECRET}"})
    assert answer.status_code == 303
    assert pages.flows["find_session"].asked == []


def test_s56_signing_out_leaves_nothing_of_ours_in_the_browser(pages):
    """The session ends, the cookie goes, no page was kept; what a host application stores is not wiped with it."""
    client = pages.client(signed_in=True)
    kept = {client.get("/account").headers["cache-control"]}
    answer = to(client, "/account/sign-out")
    assert "Signed out" in answer.text
    assert [asked["given"] for asked in pages.flows["sign_out"].asked] == [(SECRET,)]
    assert "Max-Age=0" in (session_cookie(answer) or "")
    assert kept | {answer.headers["cache-control"]} == {"no-store"}
    assert "clear-site-data" not in answer.headers


def test_signing_out_twice_is_no_error(pages):
    """Without a session there is nothing to end, and the page says the same."""
    answer = to(pages.client(), "/account/sign-out")
    assert (answer.status_code, pages.flows["sign_out"].asked) == (200, [])


@pytest.mark.parametrize(
    ("path", "flow"),
    [
        ("/login", "sign_in"),
        ("/account/sign-out", "sign_out"),
        ("/account/sessions/end", "end_session"),
        ("/account/sessions/end-others", "end_other_sessions"),
        *LINKS.items(),
    ],
)
def test_a_form_that_no_page_of_ours_gave_does_nothing(pages, path, flow):
    """Another site's form, another browser's field or none: 403, and the flow is not asked."""
    client = pages.client(signed_in=True)
    client.get("/login")
    fields = {**SENT, "token": "abc", "session": str(THERE.id)}
    answers = [
        client.post(path, data=fields),
        client.post(path, data={**fields, "form_key": "0" * 64}),
        client.post(path, data=fields, headers={"origin": "https://evil.example"}),
        client.post(path, data=fields, headers={"origin": "null", "sec-fetch-site": "cross-site"}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert pages.flows[flow].asked == []


@pytest.mark.parametrize("path", ["/login", "/account", *(f"{path}?token=abc" for path in LINKS), *LINKS])
def test_s40_opening_a_page_of_an_account_changes_nothing(pages, path):
    """GET and HEAD, ten times each, ask nothing but who is signed in; nothing sends a form by itself."""
    client = pages.client(signed_in=True)
    for method in ("GET", "HEAD") * 10:
        assert client.request(method, path).status_code == 200
    assert {name for name, flow in pages.flows.items() if flow.asked} <= {"find_session", "list_sessions"}
    assert pages.site.rings == 0


@pytest.mark.parametrize("path", ["/login", "/account", *(f"{path}?token=abc" for path in LINKS), *LINKS])
def test_a_page_of_an_account_is_plain_and_labelled(pages, path):
    """Nothing inline, nothing from elsewhere; every visible field has a label, every button a text, one heading."""
    text = pages.client(signed_in=True).get(path).text
    page = Tags(text)
    assert page.of("style") == []
    assert [one for one in page.of("script") if not (one.get("src") or "").startswith("/gatepost/static/")] == []
    assert [tag for tag, attributes in page.tags if any(a == "style" or a.startswith("on") for a in attributes)] == []
    assert re.findall(r'(?:href|src|action)="(?:https?:)?//', text) == []
    labels = {one["for"] for one in page.of("label")}
    assert {one["id"] for one in page.of("input") if one["type"] != "hidden"} == labels
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert sorted(set(ids)) == sorted(ids)
    assert (len(page.of("h1")), page.of("html")) == (1, [{"lang": "en"}])
    assert re.findall(r"<button[^>]*></button>", text) == []


@pytest.mark.parametrize(("path", "flow"), LINKS.items())
def test_the_button_of_a_link_of_an_address_change_redeems_it(pages, path, flow):
    """The token goes from the link to the form to the flow; the answer names the address, the bell rings."""
    client = pages.client()
    page = client.get(f"{path}?token=abc.def")
    assert inputs(page)["token"]["value"] == "abc.def"
    assert "landing.js" in page.text
    answer = to(client, path, token="abc.def")
    assert (answer.status_code, MIRA.email in answer.text, "abc.def" in answer.text) == (200, True, False)
    assert [asked["token"] for asked in pages.flows[flow].asked] == ["abc.def"]
    assert session_cookie(answer) is None
    assert pages.site.rings == 1


def test_the_page_of_the_undo_link_says_what_its_button_does(pages):
    """Who presses it knows: the address stays, everybody is out, a new password is to be chosen."""
    text = pages.client().get("/email/undo?token=abc").text
    for words in ("keeps this address", "Everybody is signed out", "choose a new password"):
        assert words in text


@pytest.mark.parametrize(("path", "flow"), LINKS.items())
def test_a_bad_link_of_an_address_change_says_so_and_is_not_repeated(pages, path, flow):
    """400 with the way out; what can be repeated keeps its form; without a token the page asks for all of the link."""
    client = pages.client()
    pages.flows[flow].answer = BadToken()
    bad = to(client, path, token="used-token")
    assert (bad.status_code, "This link cannot be used" in bad.text, "used-token" in bad.text) == (400, True, False)
    pages.flows[flow].answer = RateLimited(3)
    later = to(client, path, token="abc")
    assert (later.status_code, inputs(later)["token"]["value"]) == (429, "abc")
    assert "Open the link from your message once more" in client.get(path).text


def test_the_cookie_of_the_session_belongs_to_this_host_alone():
    """With HTTPS it is __Host-, Secure, HttpOnly, Lax and without a domain."""
    answer = to(Pages(PRODUCTION).client(), "/login", **SENT)
    cookie = session_cookie(answer, "__Host-gatepost") or ""
    assert re.fullmatch(rf"__Host-gatepost={SECRET}; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax; Secure", cookie)
