"""Where a person goes after signing in: this site, the origins of RETURN_ORIGINS, and nowhere else."""

from urllib.parse import urljoin, urlsplit

import pytest

from gatepost.settings import Settings
from gatepost.web.next_page import DEFAULT_PAGE, MAX_CHARACTERS, allowed_origins, safe_next
from tests.web.site import PRODUCTION

SETTINGS = Settings(
    **PRODUCTION, return_origins="https://app.example.com,http://127.0.0.1:3000,https://Shop.example:443"
)
OWN = [
    "/",
    "/account",
    "/cart?item=7&back=https://app.example.com//x#top",
    "/search?q=a%2F%2Fb",
    "/caf%C3%A9/a%20b",
    "/account@evil.example",
    "/.evil.example",
    "https://gate.example.com",
    "https://gate.example.com/account",
    "https://GATE.example.com:443/account",
    "https://app.example.com/a?b=c#d",
    "https://shop.example/",
    "http://127.0.0.1:3000/x",
]
ELSEWHERE = [
    None,
    "",
    " ",
    "account",
    "//evil.example",
    "///evil.example",
    "////evil.example/%2f..",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " /account",
    "/account ",
    "/%2fevil.example",
    "/%2Fevil.example",
    "%2f%2fevil.example",
    "/%5cevil.example",
    "/%255cevil.example",
    "/%25252fevil.example",
    "/a%3f%2f%2fevil.example",
    "/%2525252525252fx",
    "/..//evil.example",
    "/x//evil.example",
    "/%09/evil.example",
    "/a%0d%0aSet-Cookie:x=y",
    "/a\r\nLocation: https://evil.example",
    "/a%00",
    "/%c0%afevil.example",
    "/a?x=%0d%0a",
    "/\u2028evil",
    "/\u3002evil",
    "/\x7f",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "HTTPS://gate.example.com/",
    "https://evil.example",
    "https://gate.example.com.evil.example/",
    "https://gate.example.com@evil.example/",
    "https://evil.example#gate.example.com",
    "https://evil.example\\@gate.example.com/",
    "https://gate.example.com:444/",
    "https://gate.example.com:99999/",
    "https://gate.example.com//evil.example",
    "https://gate.example.com/\\evil.example",
    "https://gate.example.com?x",
    "https://app.example.com:8443/",
    "http://gate.example.com/",
    "http://app.example.com/",
    "http://127.0.0.1:3001/",
    "https://[::1/",
    "https://[::1]/",
    "javascript:alert(1)",
    "data:text/html,x",
    "//gate.example.com/account",
    "?next=/x",
    "#x",
    "/" + "a" * MAX_CHARACTERS,
]


@pytest.mark.parametrize("text", OWN)
def test_a_page_of_this_site_or_of_a_known_one_is_where_one_goes(text):
    """Paths, and URLs of PUBLIC_URL's origin and of RETURN_ORIGINS, stay as they are."""
    assert text == safe_next(text, SETTINGS)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_s89_whatever_leads_elsewhere_leads_to_the_account(text):
    """Other sites, and everything that some browser or some decoder would read as one."""
    assert safe_next(text, SETTINGS) == DEFAULT_PAGE


def test_s89_what_is_chosen_stays_at_a_known_origin_as_browsers_resolve_it():
    """Resolved against our own address, every answer has one of the allowed origins."""
    origins = {"https://gate.example.com", "https://app.example.com", "http://127.0.0.1:3000", "https://shop.example"}
    assert set(allowed_origins(SETTINGS)) == origins
    for text in OWN + ELSEWHERE:
        parts = urlsplit(urljoin("https://gate.example.com/login", safe_next(text, SETTINGS)))
        assert f"{parts.scheme}://{parts.netloc.lower().removesuffix(':443')}" in origins


def test_without_settings_for_it_no_other_site_is_known():
    """The default is this site alone."""
    assert safe_next("https://app.example.com/", Settings(**PRODUCTION)) == DEFAULT_PAGE
