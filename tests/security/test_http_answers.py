"""What every answer carries, whatever the request was: header fields, content type, and nothing of our insides."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepost.version import VERSION
from gatepost.web.problems import PROBLEMS
from tests.security.house import House, as_admin, in_production, send_form
from tests.security.routes import CLASSES, Endpoint, address_of, endpoints
from tests.web.site import SECURITY_HEADERS

HSTS = "max-age=31536000; includeSubDomains"
# Through a proxy the mailbox is nobody's: its endless stream of changes is refused instead of opened.
AS_A_PROXY = {"via": "1.1 proxy"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
JSON, PROBLEM, HTML = "application/json", "application/problem+json", "text/html; charset=utf-8"
TEXT = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INSIDES = re.compile(r"Traceback|File \"|\.py\b|sqlalchemy|sqlite|asyncpg|SELECT |INSERT |/(?:work|tmp|home|usr|var)/")
EVERY_PATH = sorted({path for members in CLASSES.values() for _, path in members})


@pytest.fixture(scope="module")
def session(house: House, client: TestClient) -> dict[str, str]:
    """Somebody who is signed in."""
    return as_admin(house.session(client))


def missing(answer: Any, wanted: tuple[str, ...] = SECURITY_HEADERS) -> list[str]:
    """The header fields an answer lacks."""
    return [name for name in wanted if name not in answer.headers]


def assert_hardened(answer: Any, *, https: bool = False) -> None:
    """The whole set stands in the answer, each field once and with its strict value."""
    assert [] == missing(answer), answer.request.url
    assert "nosniff" == answer.headers["x-content-type-options"]
    assert "no-referrer" == answer.headers["referrer-policy"]
    assert "same-origin" == answer.headers["cross-origin-opener-policy"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert (HSTS if https else None) == answer.headers.get("strict-transport-security")
    for name in (*SECURITY_HEADERS, "content-type"):
        assert len(answer.headers.get_list(name)) <= 1, name


def assert_content_type(answer: Any) -> None:
    """What is in the body is called by its name, text with its charset; an answer without a body needs no name."""
    kind = answer.headers.get("content-type")
    if answer.status_code == 204 or (300 <= answer.status_code < 400):
        assert b"" == answer.content
    elif answer.status_code >= 400:
        assert kind in (PROBLEM, HTML)
    else:
        wanted = {JSON, HTML, "text/plain; version=0.0.4; charset=utf-8", *TEXT.values()}
        assert kind in wanted, answer.request.url
    if kind in (JSON, PROBLEM) and answer.request.method != "HEAD":
        answer.json()


def ask(client: TestClient, endpoint: Endpoint, headers: dict[str, str]) -> Any:
    """One request of the kind a program sends."""
    method, path = endpoint
    client.cookies.clear()
    body = {"json": {"token": "t"}} if method in ("POST", "PUT", "PATCH") else {}
    return client.request(method, address_of(path), headers={**AS_A_PROXY, **headers}, **body)


@pytest.mark.parametrize("path", EVERY_PATH)
def test_s85_every_answer_of_every_route_and_method_carries_the_set(client, session, path):
    """With every method, without a credential, with a session and as operator: each answer is hardened."""
    for method in METHODS:
        for headers in ({}, session, as_admin()):
            answer = ask(client, (method, path), headers)
            assert_hardened(answer)
            assert_content_type(answer)
            assert answer.status_code < 500


@pytest.mark.parametrize("path", EVERY_PATH)
def test_s97_every_answer_to_a_browser_says_its_type_and_charset(client, session, path):
    """Asked for HTML, a page and a problem are HTML in UTF-8; what is JSON stays JSON."""
    for method in ("GET", "POST"):
        answer = ask(client, (method, path), {**session, "accept": "text/html"})
        assert_content_type(answer)


def test_s97_files_say_what_they_are(client):
    """Style sheets and scripts are text in UTF-8, the icon is a picture; nothing has to be guessed."""
    for name, kind in {"gatepost.css": ".css", "landing.js": ".js", "icon.svg": ".svg"}.items():
        answer = client.get(f"/gatepost/static/{name}")
        assert (200, TEXT[kind]) == (answer.status_code, answer.headers["content-type"])


def test_s85_refusals_of_every_status_carry_the_set(tmp_path):
    """400, 401, 403, 404, 405, 413, 415, 422, 429, 500 and 503 in production, with HSTS, all as problems."""
    house = in_production(tmp_path)

    @house.app.get("/broken")
    async def get_broken() -> None:
        raise ZeroDivisionError("at /work/secret.py")

    kind = {"content-type": "application/json"}
    answers = [house.client().post("/auth/verify/request", json={"email": "a@example.com"})]
    with house.client() as client:
        answers += [
            client.post("/auth/verify", json={"token": "t"}),
            client.get("/register", headers={"host": "evil.example"}),
            client.get("/auth/me"),
            client.post("/auth/verify", json={"token": "t"}, headers={"origin": "https://evil.example"}),
            client.get("/nowhere"),
            client.delete("/auth/verify"),
            client.post("/auth/verify", content=b"x" * 70_000, headers=kind),
            client.post("/auth/verify", content=b"token=t", headers={"content-type": "text/plain"}),
            client.post("/auth/verify", content=b"{", headers=kind),
            client.get("/broken"),
        ]
        for _ in range(200):
            answers.append(client.post("/auth/verify/request", json={"email": "a@example.com"}))
            if answers[-1].status_code == 429:
                break
    assert {202, 400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503} == {one.status_code for one in answers}
    for answer in answers:
        assert_hardened(answer, https=True)
        assert_content_type(answer)
        if answer.status_code >= 400:
            assert_problem(answer)


def assert_problem(answer: Any) -> None:
    """RFC 9457 with our members, a type from the table, the same status twice, and nothing of our insides."""
    body = answer.json()
    row = PROBLEMS[body["code"]]
    assert PROBLEM == answer.headers["content-type"]
    assert (row.type, row.title, answer.status_code) == (body["type"], body["title"], body["status"])
    assert answer.headers["x-request-id"] == body["request_id"]
    assert set(body) <= {"type", "title", "status", "detail", "code", "request_id", "errors", "reasons"}
    assert None is INSIDES.search(answer.text), answer.text


def test_s94_the_types_of_problems_are_stable():
    """Each code has one type, made of nothing but the code, and one status; programs may store them."""
    assert {code: "urn:gatepost:problem:" + code.replace("_", "-") for code in PROBLEMS} == {
        code: row.type for code, row in PROBLEMS.items()
    }
    assert [] == [code for code, row in PROBLEMS.items() if not 400 <= row.status <= 599]


@pytest.mark.parametrize("path", EVERY_PATH)
def test_s94_every_refusal_of_every_route_is_a_problem(client, session, path):
    """Whatever is sent to it, what is no success is RFC 9457 with a known code."""
    kind = {"content-type": "application/json"}
    for headers in ({}, session, as_admin()):
        for content in (b"", b"{", b"[]", b'{"email": 5, "token": [], "password": {}}', b"\xff", b"null"):
            answer = client.post(address_of(path), content=content, headers={**AS_A_PROXY, **kind, **headers})
            assert answer.status_code < 400 or answer.json()["code"] in PROBLEMS
            if answer.status_code >= 400:
                assert_problem(answer)


def test_s94_a_bug_shows_nothing_of_itself(house, client):
    """The last resort keeps stack, statement and path for the log."""

    @house.app.get("/broken")
    async def get_broken() -> None:
        raise RuntimeError("SELECT * FROM accounts WHERE address_key = 'ada' -- /work/secret.py")

    answer = client.get("/broken")
    assert 500 == answer.status_code
    assert_problem(answer)
    assert "SELECT" in house.failures()[-1].traceback


def test_s122_the_documents_exist_in_development_only(tmp_path):
    """/docs and /openapi.json are 404 in production, and so is everything else FastAPI could add."""
    house = in_production(tmp_path)
    with house.client() as client:
        paths = ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect", "/dev/mailbox", "/dev/templates")
        assert {404} == {client.get(path, headers=as_admin()).status_code for path in paths}
    assert not house.app.debug
    assert [] == [path for _, path in endpoints(house.app) if path.startswith(("/docs", "/dev", "/openapi"))]


def test_s122_no_answer_names_a_version_or_a_library(client, session):
    """Outside of the documents for developers nothing says what we are made of."""
    told = re.compile(rf"(?i)uvicorn|starlette|fastapi|python|pydantic|\b{re.escape(VERSION)}\b")
    for path in EVERY_PATH:
        if path in ("/docs", "/openapi.json") or "swagger-ui" in path:
            continue
        answer = ask(client, ("GET", path), session)
        assert set() == {"server", "x-powered-by"} & set(answer.headers)
        if path != "/metrics":  # for operators, with the version on purpose
            assert None is told.search(answer.text), path


def test_the_debug_of_the_framework_is_off_in_development_too(house):
    """Starlette's debug page would show the source around an error."""
    assert not house.app.debug


def test_a_page_that_failed_shows_nothing_of_it_either(client):
    """A bad token on the page is answered in words for people."""
    answer = send_form(client, "/verify?token=abc", token="'; DROP TABLE accounts; --")
    assert (400, HTML) == (answer.status_code, answer.headers["content-type"])
    assert None is INSIDES.search(answer.text)


def test_s85_in_a_host_application_the_routes_bring_the_set_themselves(house):
    """Whoever only includes our routers gets it too, on every route and for every refusal of ours."""
    host = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    host.include_router(house.gatepost.router(prefix="/members"))
    host.include_router(house.gatepost.operations_router())
    client = TestClient(host, base_url=house.settings.public_url, follow_redirects=False)
    seen = set()
    for method, path in endpoints(host):
        for sent in {method, "DELETE"}:
            answer = ask(client, (sent, path), {})
            assert_hardened(answer)
            seen.add(answer.status_code)
    assert {200, 400, 401, 404, 405} <= seen
