"""The service as a whole application: hosts, unknown addresses, probes, messages, documents, real flows."""

import hashlib
import re
import uuid
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepost import web
from gatepost.web.accounts import accounts_router
from gatepost.web.docs import docs_router
from gatepost.web.health import health_router
from gatepost.web.hosts import install_service_handlers
from gatepost.web.messages import messages_router
from gatepost.web.pages import pages_router
from tests.web.site import PRODUCTION, SECURITY_HEADERS, Site

TOKEN = {"authorization": f"Bearer {'t' * 40}"}
VENDOR = Path(web.__file__).parent / "static" / "vendor"


def application(site: Site) -> FastAPI:
    """The service application without its worker."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    for router in (accounts_router, pages_router, health_router, messages_router):
        app.include_router(router(site.context))
    if site.context.in_development:
        app.include_router(docs_router(site.context, app))
    install_service_handlers(app, site.context)
    return app


def service(site: Site, **options: object) -> TestClient:
    options = {"base_url": site.settings.public_url, "follow_redirects": False, **options}
    return TestClient(application(site), **options)


@pytest.mark.parametrize(
    "host", ["evil.example", "gate.example.com.evil.example", "evil.example:443", "localhost", "a@gate.example.com", ""]
)
def test_an_unknown_host_is_refused(host):
    """In production only PUBLIC_URL's host is answered; the three probes answer everybody."""
    client = service(Site(PRODUCTION))
    answer = client.get("/register", headers={"host": host})
    probes = [client.get(path, headers={"host": host}) for path in ("/healthz", "/readyz")]
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_host")
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []
    assert [probe.status_code for probe in probes] == [200, 200]
    assert client.get("/metrics", headers={"host": host, **TOKEN}).status_code == 200


@pytest.mark.parametrize("host", ["gate.example.com", "GATE.example.com:443"])
def test_our_own_host_is_answered(host):
    """Letter case and port do not matter."""
    assert service(Site(PRODUCTION)).get("/register", headers={"host": host}).status_code == 200


def test_two_hosts_are_no_host():
    """A proxy and we could read different ones."""
    answer = service(Site(PRODUCTION)).get("/register", headers=[("host", "gate.example.com"), ("host", "x.example")])
    assert answer.status_code == 400


def test_in_development_this_machine_has_many_names():
    """localhost, 127.0.0.1 and [::1] are all answered, another name is not."""
    client = service(Site())
    hosts = ("localhost:8000", "127.0.0.1:8000", "[::1]:8000", "rebound.example:8000")
    assert [client.get("/register", headers={"host": host}).status_code for host in hosts] == [200, 200, 200, 400]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("POST", "/auth/nowhere", 404, "not_found"),
        ("DELETE", "/auth/register", 405, "method_not_allowed"),
        ("TRACE", "/register", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_what_nobody_offers_is_a_problem(method, path, status, code):
    """Unknown addresses and methods are problem+json with every security header."""
    answer = service(Site(PRODUCTION)).request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []
    assert ("allow" in answer.headers) == (status == 405)


def test_a_bug_outside_our_routes_is_a_problem_too():
    """The last resort answers 500 with every header field, shows nothing, and leaves its traceback in one event."""
    site = Site(PRODUCTION)
    app = application(site)

    @app.get("/broken")
    async def get_broken() -> None:
        raise ZeroDivisionError("inside")

    answer = TestClient(app, base_url=site.settings.public_url).get("/broken")
    (failure,) = site.failures()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert (failure.request_id, failure.error) == (answer.headers["x-request-id"], "ZeroDivisionError")
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []
    assert "inside" not in answer.text


def test_readiness_names_its_reasons():
    """503 with every reason while something keeps the process from its work, 200 otherwise; HEAD answers alike."""
    site = Site()
    client = service(site)
    assert (client.get("/readyz").json(), client.head("/readyz").status_code) == ({"status": "ready"}, 200)
    site.reasons = ["stopping", "worker: not running"]
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["code"], answer.json()["reasons"]) == (503, "not_ready", site.reasons)
    assert client.get("/healthz").json() == {"status": "alive"}


def test_metrics_need_the_token_in_production_only():
    """A developer reads them freely; in production they are for whoever holds ADMIN_TOKEN."""
    in_development = service(Site()).get("/metrics")
    production = service(Site(PRODUCTION))
    assert (in_development.status_code, in_development.text) == (200, "gatepost_up 1\n")
    assert in_development.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert production.get("/metrics").status_code == 401
    assert production.get("/metrics", headers=TOKEN).text == "gatepost_up 1\n"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Bearer"},
        {"authorization": f"Basic {'t' * 40}"},
        {"authorization": "Bearer " + "é" * 40},
    ],
)
@pytest.mark.parametrize("path", ["/mail/messages", f"/mail/messages/{uuid.UUID(int=1)}", "/mail/messages/nonsense"])
def test_messages_are_for_operators(path, headers):
    """Without the admin token every address below /mail/messages is 401 with a challenge, good or bad."""
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = service(Site(PRODUCTION)).get(path, headers=encoded)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gatepost"'


def test_without_a_token_set_the_answer_says_how_to_set_one():
    """While ADMIN_TOKEN is unset nothing opens the list, an empty token included."""
    client = service(Site())
    answers = [client.get("/mail/messages", headers={"authorization": value}) for value in ("Bearer ", "Bearer x")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert "set ADMIN_TOKEN" in answers[0].json()["detail"]


def test_there_are_no_documents_in_production():
    """/docs and /openapi.json are 404, and no other document page exists."""
    client = service(Site(PRODUCTION))
    assert [client.get(path).status_code for path in ("/docs", "/redoc", "/openapi.json")] == [404, 404, 404]
    with pytest.raises(ValueError, match="development only"):
        docs_router(Site(PRODUCTION).context, FastAPI())


def test_documents_come_from_our_own_files():
    """The page names files of ours only, they exist, and no script stands in the page."""
    client = service(Site())
    page = client.get("/docs")
    addresses = re.findall(r'(?:href|src)="([^"]+)"', page.text)
    assert {client.get(address).status_code for address in addresses} == {200}
    assert [address for address in addresses if not address.startswith("/gatepost/static/")] == []
    assert "script-src 'self';" in page.headers["content-security-policy"]
    assert re.findall(r"<script[^>]*>[^<]", page.text) == []


@pytest.mark.parametrize("folder", sorted(VENDOR.iterdir()), ids=lambda folder: folder.name)
def test_vendored_files_are_what_their_readme_says(folder: Path):
    """Every checksum in the README is that of its file, and no source map is asked for."""
    rows = re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == {path.name for path in folder.iterdir()} - {"README.md"}
    for name, checksum in rows:
        content = (folder / name).read_bytes()
        assert (name, checksum) == (name, hashlib.sha256(content).hexdigest())
        assert b"sourceMappingURL=" not in content


def test_the_document_describes_every_problem():
    """Each JSON route documents its problems as problem+json, and shows no field that no answer has."""
    document = service(Site()).get("/openapi.json").json()
    register = document["paths"]["/auth/register"]["post"]["responses"]
    assert list(register["422"]["content"]) == ["application/problem+json"]
    assert {"202", "403", "409", "413", "415", "422", "429", "503"} == set(register)
    account = document["components"]["schemas"]["AccountBody"]["properties"]
    assert set(account) == {"id", "email", "name", "locale", "verified_at", "created_at"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_where_accounts_may_be_revealed_the_document_says_so():
    """201 and 409 stand in place of 202."""
    document = service(Site({"reveal_accounts": True})).get("/openapi.json").json()
    register = document["paths"]["/auth/register"]["post"]["responses"]
    assert ("201" in register, "202" in register, "409" in register) == (True, False, True)
