"""What happens to requests while a part of the service fails: they are refused, and nobody gets in by it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.challenge import Asked
from tests.security.house import PASSWORD, House, as_admin, send_form
from tests.security.routes import OPERATOR, SESSION, Endpoint, address_of

NEW = {"email": "new@example.com", "password": PASSWORD}


@contextmanager
def without_table(house: House, name: str) -> Iterator[None]:
    """Take a table away from under the running service, and give it back."""
    file = house.folder / "gatepost.db"

    def rename(one: str, other: str) -> None:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            # Only the table: references and triggers keep the old name, so that it comes back as it was.
            connection.execute("PRAGMA legacy_alter_table = ON")
            connection.execute(f"ALTER TABLE {one} RENAME TO {other}")

    rename(name, f"{name}_gone")
    try:
        yield
    finally:
        rename(f"{name}_gone", name)


@contextmanager
def write_lock(house: House) -> Iterator[None]:
    """Hold the write lock of the database as a foreign program can."""
    with closing(sqlite3.connect(house.folder / "gatepost.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def ask(client: TestClient, endpoint: Endpoint, headers: dict[str, str]) -> Any:
    """Send what succeeds, or is refused for its content, while everything works."""
    body = {"name": "Ada", "current_password": PASSWORD, "password": "a heron in the reeds", "email": "a@example.com"}
    with_body = {"json": body} if endpoint[0] in ("POST", "PATCH") else {}
    return client.request(endpoint[0], address_of(endpoint[1]), headers=headers, **with_body)


@pytest.mark.parametrize("table", ["sessions", "accounts"])
@pytest.mark.parametrize("endpoint", sorted(SESSION), ids=" ".join)
def test_s121_without_its_tables_nobody_is_signed_in(house, client, endpoint, table):
    """A session that cannot be looked up opens nothing: 5xx as a problem, and never what it would have opened."""
    session = as_admin(house.session(client))
    with without_table(house, table):
        answer = ask(client, endpoint, session)
        stranger = ask(client, endpoint, as_admin("x" * 43))
    for one in (answer, stranger):
        assert one.status_code in (500, 503)
        assert "application/problem+json" == one.headers["content-type"]
    assert 200 == client.get("/auth/me", headers=session).status_code


@pytest.mark.parametrize("table", ["accounts", "sessions", "tokens", "messages"])
def test_s121_without_its_tables_nobody_signs_in(house, client, table):
    """With the right password: no token, no cookie, no session, and the next try works when all is well again."""
    email = house.person(client)
    with without_table(house, table):
        answer = client.post("/auth/login", json={"email": email, "password": PASSWORD})
        wrong = client.post("/auth/login", json={"email": email, "password": "wrong"})
        page = send_form(client, "/login", email=email, password="wrong")
    if table in ("accounts", "sessions"):
        assert answer.status_code in (500, 503)
        assert "set-cookie" not in answer.headers
        assert "token" not in answer.text
    for one in (wrong, page):
        assert one.status_code in (401, 500, 503)
        assert "gatepost=" not in one.headers.get("set-cookie", "").replace("gatepost-csrf=", "")
    client.cookies.clear()
    assert 200 == client.post("/auth/login", json={"email": email, "password": PASSWORD}).status_code
    client.cookies.clear()


@pytest.mark.parametrize("endpoint", sorted(OPERATOR), ids=" ".join)
def test_s121_without_its_tables_an_operator_is_asked_first(house, client, endpoint):
    """The token is looked at before the database: a wrong one is 401 whatever else is broken."""
    with without_table(house, "accounts"), without_table(house, "messages"), without_table(house, "suppressions"):
        assert 401 == ask(client, endpoint, as_admin("wrong")).status_code
        assert ask(client, endpoint, as_admin()).status_code >= 400


def test_s121_while_nothing_can_be_written_nobody_signs_in(house, client):
    """Signing in waits for its commit: 503 with Retry-After, no token, no cookie; who is signed in stays so."""
    email = house.person(client)
    session = as_admin(house.session(client, email))
    with write_lock(house):
        answer = client.post("/auth/login", json={"email": email, "password": PASSWORD})
        mine = client.get("/auth/me", headers=session)
    assert (503, "try_later") == (answer.status_code, answer.json()["code"])
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers
    assert 200 == mine.status_code


def test_s121_a_change_that_was_not_written_was_not_made(house, client):
    """503 for a new password: the old one still signs in, the new one does not."""
    email = house.person(client)
    session = as_admin(house.session(client, email))
    body = {"current_password": PASSWORD, "password": "a heron in the reeds"}
    with write_lock(house):
        assert 503 == client.post("/auth/password/change", json=body, headers=session).status_code
    tried = [client.post("/auth/login", json={"email": email, "password": one}) for one in body.values()]
    client.cookies.clear()
    assert [200, 401] == [answer.status_code for answer in tried]


def test_s121_before_and_after_its_life_the_service_opens_nothing(tmp_path: Path):
    """A right session and the admin token get 503 while the lifespan does not run."""
    house = House(tmp_path, rate_limits=False)
    with house.client() as client:
        session = as_admin(house.session(client))
    stopped = house.client()
    for endpoint in sorted(SESSION):
        assert 503 == ask(stopped, endpoint, session).status_code
    assert 503 == stopped.get("/mail/messages", headers=as_admin()).status_code
    assert 401 == stopped.get("/mail/messages", headers=as_admin("wrong")).status_code


def test_s121_a_subscriber_that_fails_changes_no_answer(house, client):
    """What only listens can neither refuse a request nor let one through."""

    def broken(_: object) -> None:
        raise RuntimeError("the log is gone")

    house.gatepost.events.subscribe(broken)
    email = house.person(client)
    assert 401 == client.post("/auth/login", json={"email": email, "password": "wrong"}).status_code
    assert 401 == client.get("/auth/me", headers=as_admin("x" * 43)).status_code
    assert 200 == client.get("/auth/me", headers=as_admin(house.session(client, email))).status_code


class Check:
    """A host's check of strangers that does what the test says."""

    def __init__(self) -> None:
        self.says: bool | Exception = True

    async def __call__(self, asked: Asked) -> bool:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.mark.parametrize(("says", "status"), [(RuntimeError("the captcha is away"), 503), (False, 403)])
def test_s121_a_check_of_strangers_that_fails_lets_nobody_through(tmp_path, says, status):
    """A hook that raises refuses as one that says no does: nothing is registered, mailed or signed in."""
    check = Check()
    house = House(tmp_path, rate_limits=False, challenge=check)
    with house.client() as client:
        email = house.person(client)
        check.says = says
        asked = {
            "/auth/register": NEW,
            "/auth/login": {"email": email, "password": PASSWORD},
            "/auth/verify/request": {"email": email},
            "/auth/password/reset/request": {"email": email},
        }
        statuses = {path: client.post(path, json=body).status_code for path, body in asked.items()}
        page = send_form(client, "/login", email=email, password=PASSWORD)
        with closing(sqlite3.connect(tmp_path / "gatepost.db")) as connection:
            (known,) = connection.execute("SELECT count(*) FROM accounts WHERE email = 'new@example.com'").fetchone()
            (sessions,) = connection.execute("SELECT count(*) FROM sessions").fetchone()
    assert dict.fromkeys(asked, status) == statuses
    assert (status, 0, 0) == (page.status_code, known, sessions)


def test_s121_one_broken_request_leaves_the_next_one_alone(house, client):
    """The last-resort handler answers 500 once; what comes after it is served, and no cookie or session leaks over."""
    session = as_admin(house.session(client))
    with without_table(house, "sessions"):
        assert client.get("/auth/me", headers=session).status_code in (500, 503)
    assert 401 == client.get("/auth/me").status_code
    assert 200 == client.get("/auth/me", headers=session).status_code
