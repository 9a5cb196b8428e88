"""The page and the POST that unsubscribe, as any mail program or proxy may ask for them."""

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from gatepost.errors import BadToken, DatabaseBusy
from gatepost.web.body import MAX_BODY_BYTES
from gatepost.web.unsubscribe import unsubscribe_router
from tests.web.site import SECURITY_HEADERS, Flow, Site

TOKEN, OTHER = "A" * 64, "Zz-_" * 16
PATH = f"/mail/unsubscribe/{TOKEN}"
ONE_CLICK = "List-Unsubscribe=One-Click"
FORM = {"content-type": "application/x-www-form-urlencoded"}
MULTIPART = {"content-type": "multipart/form-data; boundary=FormBoundaryjWmhtjORrn"}
PART = (
    "--FormBoundaryjWmhtjORrn\r\n"
    'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    "One-Click\r\n--FormBoundaryjWmhtjORrn--\r\n"
)
FROM = {
    "a mail server": {},
    "a mail program on the web": {"origin": "https://mail.example", "sec-fetch-site": "cross-site"},
    "a frame without an origin": {"origin": "null"},
    "a browser that has cookies of ours": {"cookie": "gatepost=abc; gatepost-csrf=abc"},
}


def opened(answer: BaseException | None = None) -> tuple[Flow, TestClient]:
    """The flow, and a client of the page."""
    flow = Flow(answer)
    site = Site(unsubscribe=flow)
    return flow, site.client(unsubscribe_router(site.context), follow_redirects=False)


def post(client: TestClient, content: str | bytes = ONE_CLICK, headers: dict[str, str] = FORM) -> Response:
    return client.post(PATH, content=content, headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_s40_opening_it_changes_nothing(method: str) -> None:
    """However often, with whatever in the query: nothing is asked of the flow, and no cookie is given."""
    flow, client = opened()
    for query in ("", "?List-Unsubscribe=One-Click", "?locale=zh-CN"):
        for _ in range(20):
            answer = client.request(method, PATH + query)
            assert (200, None) == (answer.status_code, answer.headers.get("set-cookie"))
    assert [] == flow.asked


def test_it_is_one_page_for_every_token() -> None:
    """But for the token in its form: it tells nobody which tokens are ours."""
    _, client = opened(BadToken())
    pages = [client.get(f"/mail/unsubscribe/{token}").text.replace(token, "") for token in (TOKEN, OTHER)]
    assert pages[0] == pages[1]
    assert 1 == pages[0].count("<form") == pages[0].count("List-Unsubscribe")


@pytest.mark.parametrize("sender", FROM)
@pytest.mark.parametrize(("content", "kind"), [(ONE_CLICK, FORM), (PART, MULTIPART)], ids=["urlencoded", "multipart"])
def test_one_post_unsubscribes_whoever_sends_it(sender: str, content: str, kind: dict[str, str]) -> None:
    """RFC 8058, 3.2: no cookie, no login, no field of a browser and no redirect; all header fields are there."""
    flow, client = opened()
    answer = post(client, content, {**kind, **FROM[sender]})
    assert (200, None) == (answer.status_code, answer.headers.get("set-cookie"))
    assert [(TOKEN,)] == [one["given"] for one in flow.asked]
    assert [] == [name for name in SECURITY_HEADERS if name not in answer.headers]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ("", FORM),
        ("", {}),
        ("List-Unsubscribe=", FORM),
        ("List-Unsubscribe=one-click", FORM),
        ("List-Unsubscribe=One-Click&List-Unsubscribe=One-Click", FORM),
        ("List-Unsubscribe=One-Click&x=1", FORM),
        ("Unsubscribe=One-Click", FORM),
        (ONE_CLICK, {"content-type": "text/plain"}),
        ('{"List-Unsubscribe": "One-Click"}', {"content-type": "application/json"}),
        (PART, {"content-type": "multipart/form-data"}),
        (PART[:60], MULTIPART),
        (PART.replace("One-Click", "No"), MULTIPART),
        (PART.replace('"List-Unsubscribe"', '"List-Unsubscribe"; filename="a"'), MULTIPART),
    ],
)
def test_any_other_body_does_nothing(content: str, headers: dict[str, str]) -> None:
    """422, whatever is missing, wrong or too much."""
    flow, client = opened()
    answer = post(client, content, headers)
    assert (422, "invalid_input", "List-Unsubscribe") == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["errors"][0]["field"],
    )
    assert [] == flow.asked


@pytest.mark.parametrize("token", ["A" * 63, "A" * 65, "A" * 63 + "=", "A" * 63 + "é", "." * 64])
def test_a_link_that_is_not_whole_says_so(token: str) -> None:
    """Mail programs break long lines: the page says that it is the link, and what to do."""
    _, client = opened()
    answer = client.get(f"/mail/unsubscribe/{token}", headers={"accept": "text/html"})
    assert 400 == answer.status_code
    assert "Use the link of a newer message." in answer.text


def test_what_goes_wrong_says_that_nothing_was_done() -> None:
    """A forged token is 400 and a database that is busy 503 with Retry-After: a mail program asks again."""
    for error, status in ((BadToken(), 400), (DatabaseBusy("full"), 503)):
        _, client = opened(error)
        answer = post(client)
        assert (status, status == 503) == (answer.status_code, "retry-after" in answer.headers)


def test_s42_the_token_is_told_to_nobody() -> None:
    """No event has it, so no line of the log has, whatever was asked and answered; no page sends it on as Referer."""
    for error in (None, BadToken(), ZeroDivisionError()):
        flow = Flow(error)
        site = Site(unsubscribe=flow)
        client = site.client(unsubscribe_router(site.context), raise_server_exceptions=False)
        answers = [client.get(PATH), post(client), post(client, "x=1"), client.put(PATH)]
        assert TOKEN not in repr(site.happened)
        assert {"no-referrer"} == {answer.headers["referrer-policy"] for answer in answers}
        assert {"no-store"} == {answer.headers["cache-control"] for answer in answers}


def test_a_body_is_bounded() -> None:
    """As everywhere: what is longer is not read."""
    flow, client = opened()
    long = b"a" * (MAX_BODY_BYTES + 1)
    assert 413 == post(client, long).status_code
    assert 413 == client.post(PATH, content=iter([long]), headers=FORM).status_code
    assert 413 == client.post(PATH, content=iter([PART.encode()[:70], long]), headers=MULTIPART).status_code
    assert [] == flow.asked


def test_a_browser_that_sends_it_in_place_gets_the_page() -> None:
    """htmx takes the content of the answer, of a success and of a problem."""
    for error, said in ((None, "<h1>"), (BadToken(), 'id="summary"')):
        _, client = opened(error)
        answer = post(client, headers={**FORM, "hx-request": "true", "accept": "text/html"})
        assert said in answer.text
