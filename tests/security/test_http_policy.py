"""One policy for library, HTTP and pages; and what answers may show of an account."""

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.accounts.password_reset import request_reset, reset_password
from gatepost.accounts.registration import register
from gatepost.accounts.sign_in import sign_in
from gatepost.errors import InvalidInput
from tests.security.house import PASSWORD, House, as_admin, send_form

REFUSED = {
    "a short password": {"password": "short"},
    "a common password": {"password": "password1234"},
    "the product's name": {"password": "gatepost gatepost"},
    "the address as password": {"email": "adalovelace@example.com", "password": "adalovelace-2026"},
    "a long password": {"password": "a" * 1025},
    "no address": {"email": "ada"},
    "an empty address": {"email": ""},
    "two addresses": {"email": "a@example.com,b@example.com"},
    "a quoted address": {"email": '"a b"@example.com'},
    "an IP address": {"email": "ada@[127.0.0.1]"},
    "a long local part": {"email": "a" * 65 + "@example.com"},
    "a long name": {"name": "a" * 81},
}
NEW_PASSWORDS = [one["password"] for name, one in REFUSED.items() if set(one) == {"password"} and "address" not in name]
GOOD = {"email": "grace@example.com", "password": PASSWORD, "name": "Grace"}
# No answer has a member of such a name; the one token there is belongs to signing in.
NEVER_SHOWN = re.compile(r"hash|digest|salt|secret|\bmac\b|token|key|password|registrations|prefix|address_key", re.I)
ALLOWED = {("SignedInBody", "token")}


def call(client: TestClient, flow: Any, *given: Any, **wishes: Any) -> list[tuple[str, str]]:
    """Call a flow as a host's own code does, and return what it refused: field and code."""

    async def ask() -> list[tuple[str, str]]:
        try:
            await flow(*given, request_id="library-call", **wishes)
        except InvalidInput as error:
            return [(one.field, one.code) for one in error.errors]
        return []

    assert client.portal is not None
    return client.portal.call(ask)  # type: ignore[no-any-return]


def refused(answer: Any) -> list[tuple[str, str]]:
    """What an answer refused: field and code."""
    assert 422 == answer.status_code, answer.text
    return [(one["field"], one["code"]) for one in answer.json()["errors"]]


def details(answer: Any) -> set[str]:
    """The sentences of a problem."""
    return {one["detail"] for one in answer.json()["errors"]}


@pytest.mark.parametrize("name", REFUSED)
def test_s98_a_registration_is_refused_alike_everywhere(house, client, name):
    """The library raises what HTTP answers and the page says; none of them stores anything."""
    wishes = GOOD | REFUSED[name]
    by_library = call(client, register, house.gatepost.gate, locale=None, **wishes)
    by_http = client.post("/auth/register", json=wishes)
    page = send_form(client, "/register", **wishes)
    assert by_library == refused(by_http) != []
    assert 422 == page.status_code
    for sentence in details(by_http):
        assert sentence in page.text.replace("&#39;", "'").replace("&#34;", '"')
    assert "grace@example.com" not in emails(house)


@pytest.mark.parametrize("password", NEW_PASSWORDS, ids=lambda one: one[:20])
def test_s98_a_new_password_is_refused_alike_everywhere(house, client, password):
    """Reset by library, HTTP and page, and change by HTTP and page: one policy, and the link still works."""
    email = house.person(client)
    client.post("/auth/password/reset/request", json={"email": email})
    token = house.token("assword", email)
    session = house.session(client, email)
    by_library = call(client, reset_password, house.gatepost.gate, token=token, password=password)
    by_reset = client.post("/auth/password/reset", json={"token": token, "password": password})
    change = {"current_password": PASSWORD, "password": password}
    by_change = client.post("/auth/password/change", json=change, headers=as_admin(session))
    page = send_form(client, f"/reset?token={token}", token=token, password=password)
    assert by_library == refused(by_reset) == refused(by_change) != []
    assert 422 == page.status_code
    done = client.post("/auth/password/reset", json={"token": token, "password": "a heron in the reeds"})
    assert 204 == done.status_code


@pytest.mark.parametrize("email", ["ada", "", "a@example.com,b@example.com", "a" * 65 + "@example.com"])
def test_s98_an_address_is_refused_alike_everywhere(house, client, email):
    """Asking for a reset by library, HTTP and page."""
    by_library = call(client, request_reset, house.gatepost.gate, email=email)
    by_http = client.post("/auth/password/reset/request", json={"email": email})
    assert by_library == refused(by_http) != []
    assert 422 == send_form(client, "/reset/request", email=email).status_code


def test_s98_the_longest_password_is_the_same_for_signing_in(house, client):
    """More than 1,024 characters are refused before any hash, by library, HTTP and page."""
    wishes = {"email": "ada@example.com", "password": "a" * 1025}
    by_library = call(client, sign_in, house.gatepost.gate, **wishes)
    assert by_library == refused(client.post("/auth/login", json=wishes)) != []
    assert 422 == send_form(client, "/login", **wishes).status_code


def emails(house: House) -> set[str]:
    """Every address there is an account for."""
    with closing(sqlite3.connect(f"file:{house.folder}/gatepost.db?mode=ro", uri=True)) as connection:
        return {email for (email,) in connection.execute("SELECT email FROM accounts")}


# ---- what is shown ---------------------------------------------------------------------------------------------------


def members(schema: Any, components: dict[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """Every member an answer of this schema may have, with the name of the component it stands in."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = components[name]
    for member, inner in schema.get("properties", {}).items():
        yield name, member
        yield from members(inner, components, name)
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), schema.get("items", {})):
        yield from members(inner, components, name) if inner else ()


def answers(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The schema of each success in JSON, by operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for status, response in operation["responses"].items():
                content = response.get("content", {}).get("application/json")
                if status.startswith("2") and content:
                    yield f"{method} {path} {status}", content["schema"]


@pytest.mark.parametrize("reveal", [False, True])
def test_s100_answers_are_lists_of_what_may_be_shown(tmp_path, reveal):
    """Each success names every member it may have, and none is a hash, a key, or a token but that of signing in."""
    document = House(tmp_path, reveal_accounts=reveal).app.openapi()
    components = document["components"]["schemas"]
    for operation, schema in answers(document):
        shown = set(members(schema, components))
        assert shown, operation
        secret = {(name, member) for name, member in shown if NEVER_SHOWN.search(member)}
        assert secret <= ALLOWED, operation
    assert {"additionalProperties"} & set(re.findall(r"\w+", json.dumps(dict(answers(document))))) == set()


def test_s100_no_answer_holds_a_value_that_only_the_database_may(house, client):
    """After a whole life of an account no answer to anybody holds a stored hash, digest, key or token id."""
    email = house.person(client)
    session = house.session(client, email)
    client.post("/auth/password/reset/request", json={"email": email})
    house.mail("assword", email)
    mine = [client.get(path, headers=as_admin(session)) for path in ("/auth/me", "/auth/sessions")]
    account = mine[0].json()["id"]
    listed = client.get("/mail/messages", params={"limit": 200}, headers=as_admin())
    operators = [
        client.get("/accounts", params={"email": email}, headers=as_admin()),
        client.get(f"/accounts/{account}/sessions", headers=as_admin()),
        *(client.get(f"/mail/messages/{one['id']}", headers=as_admin()) for one in listed.json()["messages"]),
    ]
    assert {200} == {one.status_code for one in (*mine, listed, *operators)}
    told = "".join(one.text for one in (*mine, listed, *operators)).lower()
    secrets = stored_secrets(house)
    assert len(secrets) >= 6
    assert [] == [secret for secret in secrets if secret in told]
    assert session.lower() not in told


def stored_secrets(house: House) -> set[str]:
    """What the database keeps and nobody is shown: hashes and digests, as text and in hexadecimal."""
    found: set[str] = set()
    with closing(sqlite3.connect(f"file:{house.folder}/gatepost.db?mode=ro", uri=True)) as connection:
        for table, column in (("accounts", "password_hash"), ("sessions", "digest"), ("tokens", "id")):
            for (value,) in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL"):
                text = (value.hex() if isinstance(value, bytes) else str(value)).lower()
                found |= {text, str(uuid.UUID(text))} if len(text) == 32 else {text}
    return found
