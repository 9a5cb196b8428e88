"""Where the sign-in page leads: within this site or to RETURN_ORIGINS, whatever a stranger puts into `next`."""

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote, unquote, urlsplit

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings, strategies

from gatepost.settings import Settings
from gatepost.web.next_page import DEFAULT_PAGE, safe_next
from tests.security.house import PASSWORD, House, send_form

OURS = Settings(public_url="http://127.0.0.1:8000", return_origins="https://app.example.com")
# Each is refused: it is another site's for some reader, or might become so for one that decodes or repairs it.
LEADS_AWAY = [
    "//evil.example",
    "//evil.example/account",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "\\evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http://evil.example",
    "//evil.example@127.0.0.1:8000/",
    "http://127.0.0.1:8000@evil.example/",
    "http://127.0.0.1:8000\\@evil.example/",
    "http://127.0.0.1:8000%40evil.example/",
    "http://evil.example#http://127.0.0.1:8000/",
    "http://evil.example?http://127.0.0.1:8000/",
    "http://evil.example\\.127.0.0.1:8000/",
    "http://127.0.0.1:8000.evil.example/",
    "http://127.0.0.1:80000/",
    "http://127.0.0.1:8001/",
    "http://127.0.0.1/",
    "https://127.0.0.1:8000/",
    "http://2130706433:8000/",
    "http://app.example.com/",
    "https://app.example.com.evil.example/",
    "https://app.example.com:8443/",
    "https://evil.app.example.com/",
    "https://user@app.example.com/",
    "https://user:word@app.example.com/",
    "https://app.example.com\\evil.example",
    "https://app.example.com//evil.example",
    "https://appXexample.com/",
    "%2f%2fevil.example",
    "/%2fevil.example",
    "/%2Fevil.example",
    "/%5cevil.example",
    "/%252fevil.example",
    "/%25252fevil.example",
    "/a/..//evil.example",
    "/a//evil.example",
    "/.//evil.example",
    "/./\\evil.example",
    "/%09/evil.example",
    "/%0a/evil.example",
    "/%0d%0aLocation:%20https://evil.example",
    "/\r\nLocation: https://evil.example",
    "/\nSet-Cookie: gatepost=evil",
    "/account\r\n\r\n<script>alert(1)</script>",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "\x00//evil.example",
    "/\x00/evil.example",
    "/\x0b/evil.example",
    "/\u3000/evil.example",
    "/\u2028/evil.example",
    "//evil\u3002example",
    "http://evil。example/",
    "http://ⓔvil.example/",
    "/\uff0fevil.example",
    "/\u2215evil.example",
    "／／evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "javascript://127.0.0.1:8000/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "blob:http://127.0.0.1:8000/x",
    "file:///etc/passwd",
    "ftp://127.0.0.1:8000/",
    "mailto:a@evil.example",
    "intent://evil.example#Intent;end",
    "view-source:http://127.0.0.1:8000/",
    "account",
    "./account",
    "../account",
    "?next=/account",
    "#account",
    "@evil.example",
    ":80",
    "evil.example",
    "",
    " ",
    "/" + "a" * 3000,
    "/%ff%fe//evil.example",
    "http://[::1/",
    "http://[evil]:8000/",
    "http:\\\\evil.example",
    "http:/\\evil.example",
    "http://127.0.0.1:8000:evil.example/",
    "http://127.0.0.1:8000;evil.example/",
]
STAYS = [
    "/",
    "/account",
    "/account?tab=sessions",
    "/account#sessions",
    "/a/b/c?d=e&f=g",
    "/caf%C3%A9",
    "http://127.0.0.1:8000/account",
    "https://app.example.com/",
    "https://app.example.com/welcome?from=gatepost",
]
PIECES = ["/", "\\", "//", ":", "@", "%2f", "%5c", "%09", "\t", "\n", "\r", " ", ".", "evil.example", "http:", "https:"]


BLANKS = "".join(map(chr, range(0x21)))


def leads_home(target: str) -> bool:
    """Whether the strictest and the most lenient reader agree that a target is ours."""
    # Browsers cut blanks and control characters off both ends, and line ends and tabs out of the middle.
    spaceless = re.sub(r"[\t\r\n]", "", unquote(unquote(target)).strip(BLANKS)).replace("\\", "/")
    lenient = urlsplit(spaceless)
    if not lenient.scheme and not lenient.netloc:
        return spaceless.startswith("/") and not spaceless.startswith("//")
    return f"{lenient.scheme}://{lenient.netloc}" in ("http://127.0.0.1:8000", "https://app.example.com")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A service that may lead to one other site."""
    return House(tmp_path_factory.mktemp("house"), rate_limits=False, return_origins="https://app.example.com")


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[TestClient]:
    """A browser of somebody who has an account."""
    with house.client() as client:
        house.person(client, "ada@example.com")
        yield client


@pytest.mark.parametrize("text", LEADS_AWAY)
def test_s89_no_next_leads_away(text):
    """The corpus ends at the account page; percent-encoded once and twice it ends there or at a path of ours."""
    assert DEFAULT_PAGE == safe_next(text, OURS)
    for encoded in (quote(text), quote(quote(text)), quote(text, safe="")):
        assert leads_home(safe_next(encoded, OURS)), encoded


@pytest.mark.parametrize("text", STAYS)
def test_a_path_of_this_site_and_an_allowed_origin_are_kept(text):
    """What was asked for is where one gets, to the letter."""
    assert text == safe_next(text, OURS)


def test_s89_no_row_of_pieces_leads_away():
    """Every row of up to four of the pieces that such texts are made of leads home for every reader."""
    for length in range(1, 5):
        for pieces in product(PIECES, repeat=length):
            target = safe_next("".join(pieces), OURS)
            assert leads_home(target), (pieces, target)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(strategies.lists(strategies.sampled_from(PIECES) | strategies.text(max_size=4)).map("".join))
def test_s89_no_text_at_all_leads_away(text):
    """Whatever text it is, the answer is home, visible ASCII, and what the function itself would keep again."""
    target = safe_next(text, OURS)
    assert leads_home(target)
    assert target.isascii()
    assert target.isprintable()
    assert target == safe_next(target, OURS)


@pytest.mark.parametrize("text", LEADS_AWAY[::3])
def test_s89_signing_in_never_leads_away(house, browser, text):
    """The page's link, its field and the redirect after the right password: none names another site."""
    shown = browser.get("/login", params={"next": text}, headers={"accept": "text/html"})
    assert 200 == shown.status_code
    assert f'value="{DEFAULT_PAGE}"' in shown.text
    answer = send_form(browser, "/login", email="ada@example.com", password=PASSWORD, next=text)
    assert (303, DEFAULT_PAGE) == (answer.status_code, answer.headers["location"])
    wrong = send_form(browser, "/login", email="ada@example.com", password="wrong", next=text)
    assert (401, True) == (wrong.status_code, f'value="{DEFAULT_PAGE}"' in wrong.text)
    assert "evil" not in shown.text + str(answer.headers) + wrong.text
    browser.cookies.clear()


@pytest.mark.parametrize("text", STAYS)
def test_signing_in_leads_to_where_one_wanted(house, browser, text):
    """A path of this site, or an address of an allowed origin."""
    answer = send_form(browser, "/login", email="ada@example.com", password=PASSWORD, next=text)
    assert (303, text) == (answer.status_code, answer.headers["location"])
    browser.cookies.clear()


def test_s89_the_way_to_signing_in_names_only_the_page_that_was_asked_for(browser):
    """Led there from a page of an account, `next` is that page and nothing the request said about itself."""
    forged = {"referer": "https://evil.example/", "x-forwarded-host": "evil.example", "accept": "text/html"}
    answer = browser.get("/account/password?next=https://evil.example", headers=forged)
    assert 303 == answer.status_code
    assert answer.headers["location"].startswith("/login")
    assert "evil" not in answer.headers["location"]
