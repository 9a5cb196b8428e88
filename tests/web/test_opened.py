"""Pages that mailed links lead to tell that they were opened; whatever comes of that, the page is there."""

from typing import Any

import pytest

from gatepost.accounts.link_opens import Opener
from gatepost.accounts.tokens import Purpose
from gatepost.web.account_pages import account_pages_router
from gatepost.web.pages import pages_router
from tests.web.site import Flow, Site

LINKS = {
    "/verify": Purpose.VERIFICATION,
    "/reset": Purpose.PASSWORD_RESET,
    "/email/confirm": Purpose.ADDRESS_CHANGE,
    "/email/undo": Purpose.ADDRESS_UNDO,
}
PERSON = {"user-agent": "Firefox/140.0", "accept-language": "en", "sec-fetch-mode": "navigate"}


def opened(noted: Flow, *requests: tuple[str, str, dict[str, str]]) -> list[tuple[Any, ...]]:
    """Ask for pages, and return what was noted of each."""
    site = Site(note_open=noted)
    client = site.client(pages_router(site.context), account_pages_router(site.context))
    for method, path, headers in requests:
        assert 200 == client.request(method, path, headers=headers).status_code
    assert all(one["request_id"] for one in noted.asked)
    return [one["given"] for one in noted.asked]


@pytest.mark.parametrize("path", LINKS)
def test_a_page_tells_who_opened_its_link(path: str) -> None:
    """Its purpose, the token, and who it seems to be; a page without a token tells nothing."""
    link = f"{path}?token=abc"
    found = opened(Flow(), ("GET", link, PERSON), ("HEAD", link, PERSON), ("GET", link, {}), ("GET", path, PERSON))
    assert [(LINKS[path], "abc", opener) for opener in (Opener.PERSON, Opener.SCANNER, Opener.SCANNER)] == found


def test_the_answer_does_not_wait_for_the_note() -> None:
    """It went out before: a note that fails for a reason nobody thought of takes no page away."""
    site = Site(note_open=Flow(RuntimeError("a bug")))
    client = site.client(pages_router(site.context), raise_server_exceptions=False)
    answer = client.get("/verify?token=abc", headers=PERSON)
    assert 200 == answer.status_code
    assert "Verify" in answer.text
