"""The real service over HTTP: routes, pages, flows, database, worker and mailbox together."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.events import Event, Events, MessageAccepted
from gatepost.settings import Settings
from gatepost.transport.folder import Mailbox
from gatepost.web.accounts import accounts_router
from tests.web.site import Site
from tests.web.test_pages import send

ADMIN = "a" * 40
PASSWORD = "correct horse battery"


class Service:
    """A running service, its mailbox and everything it said."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.heard: list[Event] = []
        self._accepted = threading.Condition()
        events = Events()
        events.subscribe(self._hear)
        self.settings = Settings(
            database_url=f"sqlite:///{folder}/gatepost.db",
            argon2_memory_kib=8,
            argon2_time_cost=1,
            admin_token=ADMIN,
            **settings,
        )
        self.gatepost = Gatepost(self.settings, events=events)
        self.mailbox = Mailbox(folder / "mailbox")

    def client(self, app: FastAPI | None = None) -> TestClient:
        return TestClient(app or create_app(self.gatepost), base_url=self.settings.public_url, client=("127.0.0.1", 1))

    def _hear(self, event: Event) -> None:
        self.heard.append(event)
        if isinstance(event, MessageAccepted):
            with self._accepted:
                self._accepted.notify_all()

    def mail(self, subject: str, to: str) -> str:
        """Wait until the message is accepted, and return its text."""
        with self._accepted:
            assert self._accepted.wait_for(lambda: self._find(subject, to) is not None, timeout=10), (subject, to)
        return self._find(subject, to) or ""

    def _find(self, subject: str, to: str) -> str | None:
        names = [one.name for one in self.mailbox.list(100) if subject in one.subject and one.recipient == to]
        message = self.mailbox.read(names[0]) if names else None
        return message.text if message else None

    def token(self, subject: str, to: str) -> str:
        found = re.search(r"token=([\w-]+)", self.mail(subject, to))
        assert found is not None
        return found[1]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with service.client() as running:
        yield running


def test_the_whole_way_over_json(service, client):
    """Register, verify with the mailed token, reset the password: each with the status of the contract."""
    registered = client.post(
        "/auth/register", json={"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "is_verified": True}
    )
    assert (registered.status_code, registered.json()) == (202, {"status": "check_your_inbox"})
    verified = client.post("/auth/verify", json={"token": service.token("erify", "ada@example.com")})
    assert verified.status_code == 200
    body = verified.json()
    assert set(body) == {"id", "email", "name", "locale", "verified_at", "created_at"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["verified_at"])
    asked = client.post("/auth/password/reset/request", json={"email": "ada@example.com"})
    assert (asked.status_code, asked.json()) == (202, {"status": "check_your_inbox"})
    token = service.token("assword", "ada@example.com")
    done = client.post("/auth/password/reset", json={"token": token, "password": "another long sentence"})
    assert (done.status_code, done.content) == (204, b"")
    again = client.post("/auth/password/reset", json={"token": token, "password": "another long sentence"})
    assert (again.status_code, again.json()["code"]) == (400, "bad_token")


def test_the_whole_way_over_pages(service, client):
    """Sign up on the page, open the mailed link any number of times, press the button: verified."""
    assert "Check your inbox" in send(client, "/register", email="ada@example.com", password=PASSWORD).text
    token = service.token("erify", "ada@example.com")
    assert [client.get(f"/verify?token={token}").status_code for _ in range(20)] == [200] * 20
    assert "Address verified" in send(client, "/verify", token=token).text
    assert send(client, "/verify", token=token).status_code == 400
    send(client, "/reset/request", email="ada@example.com")
    token = service.token("new password", "ada@example.com")
    assert send(client, "/reset", token=token, password="short").status_code == 422
    assert "New password set" in send(client, "/reset", token=token, password="another long sentence").text


def test_a_registration_is_answered_by_mail_in_the_language_of_its_request(tmp_path):
    """Without a locale the account gets the one of Accept-Language, and its mail comes in it; a locale wins."""
    service = Service(tmp_path, reveal_accounts=True)
    asked = [
        ("en@example.com", {}, {}, "en"),
        ("zh@example.com", {}, {"accept-language": "zh-Hans-CN, en;q=0.5"}, "zh-CN"),
        ("tw@example.com", {}, {"accept-language": "zh-TW,zh;q=0.9,en;q=0.8"}, "en"),
        ("fr@example.com", {}, {"accept-language": "fr-FR"}, "en"),
        ("de@example.com", {"locale": "de-AT"}, {"accept-language": "zh"}, "de-AT"),
    ]
    with service.client() as client:
        for address, body, headers, locale in asked:
            sent = {"email": address, "password": PASSWORD, **body}
            answer = client.post("/auth/register", json=sent, headers=headers)
            assert (answer.status_code, answer.json()["locale"]) == (201, locale)
        assert "zh@example.com" in service.mail("邮箱", "zh@example.com")
        assert "en@example.com" in service.mail("erify", "en@example.com")


@pytest.mark.parametrize(
    "token",
    [None, "", " ", "abc", 5, 1.5, True, [], {}, ["a"], {"a": "b"}, "\ud800", "é" * 64, "A" * 64, "A" * 60_000, "\x00"],
)
@pytest.mark.parametrize("path", ["/auth/verify", "/auth/password/reset"])
def test_every_bad_token_is_the_same_400(client, path, token):
    """Whatever JSON value stands for the token, the problem differs in nothing but its request id."""
    reference = client.post(path, json={"token": "x", "password": PASSWORD}).json()
    body = json.dumps({"token": token, "password": PASSWORD})
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert {**answer.json(), "request_id": ""} == {**reference, "request_id": ""}


def test_a_missing_token_is_a_bad_token(client):
    """Leaving it out is no better and no worse."""
    assert client.post("/auth/verify", json={}).json()["code"] == "bad_token"
    assert client.post("/auth/password/reset", json={"password": PASSWORD}).json()["code"] == "bad_token"


def test_a_known_and_an_unknown_address_get_the_same_answer(service, client):
    """Status, body and header fields, their names and their order, are the same; only the request id differs."""

    def shape(answer):
        fixed = [(name, value) for name, value in answer.headers.items() if name != "x-request-id"]
        return answer.status_code, answer.content, fixed, list(answer.headers)

    first = client.post("/auth/register", json={"email": "ada@example.com", "password": PASSWORD})
    client.post("/auth/verify", json={"token": service.token("erify", "ada@example.com")})
    taken = client.post("/auth/register", json={"email": "ada@example.com", "password": PASSWORD})
    assert shape(first) == shape(taken)
    for path in ("/auth/verify/request", "/auth/password/reset/request"):
        known, unknown = (client.post(path, json={"email": f"{who}@example.com"}) for who in ("ada", "bob"))
        assert shape(known) == shape(unknown)


@pytest.mark.parametrize("path", ["/auth/register", "/auth/verify/request", "/auth/password/reset/request"])
@pytest.mark.parametrize(
    "email", ["", "ada", "a@b@c", "ada@example.com\r\nBcc: x@y.example", "a" * 400, "\x00@b.example"]
)
def test_a_bad_address_names_its_field(client, path, email):
    """422 with the field `email`, on every route that takes one."""
    answer = client.post(path, json={"email": email, "password": PASSWORD})
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, ["email"])


def test_where_accounts_may_be_revealed_the_account_is_the_answer(tmp_path):
    """201 with the account, then 409 naming the field, and no mail for the refused one."""
    service = Service(tmp_path, reveal_accounts=True)
    with service.client() as client:
        body = {"email": "ada@example.com", "password": PASSWORD}
        first, second = client.post("/auth/register", json=body), client.post("/auth/register", json=body)
    assert (first.status_code, first.json()["email"], first.json()["verified_at"]) == (201, "ada@example.com", None)
    assert (second.status_code, second.json()["code"], second.json()["errors"][0]["field"]) == (
        409,
        "address_taken",
        "email",
    )


def test_a_second_registration_must_choose_its_password(service, client):
    """With two candidates verify answers `choose_password`, and the next call brings it."""
    for password in (PASSWORD, "a quite different sentence"):
        client.post("/auth/register", json={"email": "ada@example.com", "password": password})
    token = service.token("erify", "ada@example.com")
    first = client.post("/auth/verify", json={"token": token})
    assert (first.status_code, first.json()) == (200, {"status": "choose_password"})
    assert client.post("/auth/verify", json={"token": token, "password": "short"}).status_code == 422
    second = client.post("/auth/verify", json={"token": token, "password": PASSWORD})
    assert (second.status_code, second.json()["email"]) == (200, "ada@example.com")


def test_operators_see_every_message_and_its_attempts(service, client):
    """The list is newest first, narrowed by recipient, state and template, and paged by `before`."""
    operator = {"authorization": f"Bearer {ADMIN}"}
    for who in ("ada", "bob"):
        client.post("/auth/register", json={"email": f"{who}@example.com", "password": PASSWORD})
        service.mail("erify", f"{who}@example.com")
        service.mail("elcome", f"{who}@example.com")

    def listed(**wanted):
        answer = client.get("/mail/messages", params=wanted, headers=operator)
        assert answer.status_code == 200
        return answer.json()

    everything = listed()["messages"]
    assert len(everything) == 4
    assert [one["id"] for one in everything] == sorted((one["id"] for one in everything), reverse=True)
    mine = listed(recipient="ADA@example.com", template="verification")["messages"]
    assert [(one["recipient"], one["template"]) for one in mine] == [("ada@example.com", "verification")]
    assert listed(recipient="nobody@example.com")["messages"] == []
    page = listed(limit=3)
    rest = listed(limit=3, before=page["next"])
    assert [one["id"] for one in page["messages"] + rest["messages"]] == [one["id"] for one in everything]
    assert rest["next"] is None

    shown = client.get(f"/mail/messages/{mine[0]['id']}", headers=operator).json()
    assert shown["message"]["message_id"] == mine[0]["message_id"]
    assert shown["message"]["created_at"].endswith("Z")
    assert "token" not in json.dumps(shown)
    unknown = client.get("/mail/messages/00000000-0000-7000-8000-000000000000", headers=operator)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"before": "x"}, "before"),
        ({"template": "a\0b"}, "template"),
        ({"recipient": "a\0b"}, "recipient"),
    ],
)
def test_a_wrong_filter_names_itself(client, wanted, field):
    """422 with the parameter's name, and nothing of its value."""
    answer = client.get("/mail/messages", params=wanted, headers={"authorization": f"Bearer {ADMIN}"})
    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field])


def test_no_event_holds_a_secret(service, client):
    """Neither the token nor the password of a whole way stands in any event."""
    send(client, "/register", email="ada@example.com", password=PASSWORD)
    token = service.token("erify", "ada@example.com")
    client.get(f"/verify?token={token}")
    send(client, "/verify", token=token)
    client.post("/auth/verify", json={"token": token})
    said = repr(service.heard)
    assert (token in said, PASSWORD in said, "ada@example.com" in said) == (False, False, False)


def test_the_router_alone_keeps_every_promise(service):
    """In a host application that only includes the router, errors are problems and every header field is there."""
    host = FastAPI()
    host.include_router(service.gatepost.router(prefix="/members"))
    with service.client(host) as client:
        good = client.post("/members/register", json={"email": "ada@example.com", "password": PASSWORD})
        bad = client.post("/members/register", json={"email": "ada"})
        page = client.get("/register")
        style = client.get("/gatepost/static/gatepost.css")
        foreign = client.post("/members/register", json={}, headers={"origin": "https://evil.example"})
        service.mail("erify", "ada@example.com")
    assert [one.status_code for one in (good, bad, page, style, foreign)] == [202, 422, 200, 200, 403]
    assert bad.headers["content-type"] == "application/problem+json"
    assert foreign.headers["x-content-type-options"] == "nosniff"


def test_before_the_lifespan_runs_the_answer_says_so(service):
    """A TestClient without `with` gets 503 and the reason, and nothing is half done."""
    answer = service.client().post("/auth/register", json={"email": "ada@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (503, "not_started")


def test_json_routes_need_a_prefix():
    """/register itself is a page, so the JSON routes cannot stand at the root."""
    with pytest.raises(ValueError, match="prefix"):
        accounts_router(Site().context, prefix="")


def test_the_bare_service_leads_from_its_root_to_the_sign_up_page(tmp_path: Path) -> None:
    """The button of the welcome message opens PUBLIC_URL: it must not end at "not found"."""
    with Service(tmp_path).client() as client:
        answer = client.get("/", follow_redirects=False)
        chinese = client.get("/?locale=zh-CN", follow_redirects=False)
    assert (303, "/register") == (answer.status_code, answer.headers["location"])
    assert "/register?locale=zh-CN" == chinese.headers["location"]
