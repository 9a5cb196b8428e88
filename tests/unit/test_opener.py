"""Who seems to have opened a link: by what browsers and programs send."""

import pytest
from starlette.datastructures import Headers

from gatepost.accounts.link_opens import Opener
from gatepost.web.opener import opener_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
PERSON = {"user-agent": FIREFOX, "accept-language": "en-GB,en;q=0.5", "sec-fetch-mode": "navigate"}


def opener(method: str = "GET", **changed: str | None) -> Opener:
    """Ask about a person's request in which some header fields are changed, or missing (None)."""
    fields = PERSON | {name.replace("_", "-"): value for name, value in changed.items()}
    return opener_of(method, Headers({name: value for name, value in fields.items() if value is not None}))


@pytest.mark.parametrize(
    "agent",
    [
        FIREFOX,
        CHROME,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"
        " Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 12; CUBOT P60) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari",
    ],
)
def test_a_browser_that_goes_to_the_page_is_a_person(agent: str) -> None:
    """Whatever it is called; a telephone's brand makes no program of it."""
    assert Opener.PERSON is opener(user_agent=agent)


def test_looking_at_the_header_alone_is_a_scanner() -> None:
    """Nobody reads a page with HEAD."""
    assert Opener.SCANNER is opener("HEAD")


@pytest.mark.parametrize(
    "missing", ["user_agent", "accept_language", "sec_fetch_mode"], ids=["agent", "language", "fetch metadata"]
)
def test_who_leaves_out_what_browsers_say_is_a_scanner(missing: str) -> None:
    """Programs seldom bother; an empty field is none."""
    assert Opener.SCANNER is opener(**{missing: None})
    assert Opener.SCANNER is opener(**{missing: " "})


@pytest.mark.parametrize(
    "changed",
    [
        {"sec_purpose": "prefetch;prerender"},
        {"purpose": "Prefetch"},
        {"x_purpose": "preview"},
        {"x_moz": "prefetch"},
        {"sec_fetch_mode": "no-cors"},
        {"sec_fetch_mode": "cors"},
    ],
)
def test_a_page_that_is_fetched_and_not_gone_to_is_a_scanner(changed: dict[str, str]) -> None:
    """A browser that loads what nobody asked for yet, and a script that fetches it."""
    assert Opener.SCANNER is opener(**changed)


@pytest.mark.parametrize(
    "agent",
    [
        "curl/8.14.1",
        "python-requests/2.32.5",
        "Go-http-client/2.0",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "BarracudaCentral",
        "WhatsApp/2.23.20.0",
    ],
)
def test_a_program_that_gives_its_name_is_a_scanner(agent: str) -> None:
    """However much it looks like a browser else."""
    assert Opener.SCANNER is opener(user_agent=agent)
