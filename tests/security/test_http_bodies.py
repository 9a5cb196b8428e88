"""Bodies: one string for an address, JSON in the one form all readers share, no member beside the contract's."""

import itertools
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.security.house import PASSWORD, House, as_admin
from tests.security.routes import OPERATOR, PUBLIC, SESSION, address_of

WITH_EMAIL = (
    "/auth/register",
    "/auth/verify/request",
    "/auth/password/reset/request",
    "/auth/login",
    "/auth/email/change",
)
WITH_BODY = sorted(
    one for one in PUBLIC | SESSION | OPERATOR if one[0] in ("POST", "PATCH") and one[1] != "/auth/logout"
)
REST = {"password": PASSWORD, "current_password": PASSWORD}
KIND = {"content-type": "application/json"}
NO_STRING = [
    ["ada@example.com"],
    ["ada@example.com", "eve@example.com"],
    [],
    {"0": "ada@example.com"},
    {"email": "ada@example.com"},
    {"$ne": None},
    None,
    5,
    True,
]
TWO_ADDRESSES = [
    "ada@example.com,eve@example.com",
    "ada@example.com;eve@example.com",
    "ada@example.com eve@example.com",
    "ada@example.com\neve@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com%0aBcc:eve@example.com",
    "ada@example.com\x00eve@example.com",
    "ada@example.com|eve@example.com",
    "ada@example.com&email=eve@example.com",
    "<ada@example.com>",
    "Ada <ada@example.com>",
    '"ada@example.com" <eve@example.com>',
    "ada@example.com>\r\nRCPT TO:<eve@example.com",
    "=?utf-8?q?ada=40example.com?= <eve@example.com>",
]


@pytest.fixture(scope="module")
def session(house: House, client: TestClient) -> dict[str, str]:
    """Somebody who is signed in."""
    return as_admin(house.session(client))


def post(client: TestClient, path: str, body: bytes | Any, headers: dict[str, str]) -> Any:
    """Send a body as it is, or as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers=KIND | headers)


@pytest.mark.parametrize("path", WITH_EMAIL)
def test_s37_an_address_is_one_string(house, client, session, path):
    """An array, an object, a number or nothing is 422 and names the field; no mail goes to anybody."""
    before = len(house.mailbox.list(200))
    for email in NO_STRING:
        answer = post(client, path, REST | {"email": email}, session)
        assert (422, ["email"]) == (answer.status_code, [one["field"] for one in answer.json()["errors"]]), email
    assert before == len(house.mailbox.list(200))


@pytest.mark.parametrize("path", WITH_EMAIL)
def test_s37_a_repeated_address_is_refused(client, session, path):
    """Two members of the same name, in every order and spelling of JSON, are 422: readers disagree which counts."""
    one, other = b'"email": "ada@example.com"', b'"email": "eve@example.com"'
    rest = b'"password": "p", "current_password": "p"'
    for members in (
        (one, other, rest),
        (other, rest, one),
        (one, rest, one),
        (one, rest, b'"\\u0065mail": "e@b.example"'),
    ):
        answer = post(client, path, b"{" + b",".join(members) + b"}", session)
        found = [(error["field"], error["code"]) for error in answer.json()["errors"]]
        assert (422, [("email", "repeated")]) == (answer.status_code, found)


@pytest.mark.parametrize("path", WITH_EMAIL)
def test_s37_two_addresses_are_not_one(house, client, session, path):
    """Lists, names around an address and line ends are no address; signing in only says that it failed."""
    for email in TWO_ADDRESSES:
        answer = post(client, path, REST | {"email": email}, session)
        assert answer.status_code == (401 if path == "/auth/login" else 422), email
    assert [] == [one for one in house.mailbox.list(200) if one.recipient == "eve@example.com"]


@pytest.mark.parametrize("path", ["/register", "/verify/request", "/reset/request", "/login"])
def test_s37_a_repeated_form_field_is_refused(client, path):
    """A form with two addresses is 422 on every page, in every order and beside whatever else there is."""
    shown = client.get(path).text
    key = shown.partition('name="form_key" value="')[2][:64]
    for pair in itertools.permutations(("email=ada%40example.com", "email=eve%40example.com")):
        body = "&".join((f"form_key={key}", *pair, "password=sandpiper+quartz+ladle"))
        kind = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
        assert 422 == client.post(path, content=body, headers=kind).status_code


def test_s37_a_reset_goes_to_the_stored_address(house, client):
    """Asked for in other letters, the mail goes to the address as its owner wrote it, and to nobody else."""
    house.person(client, "Ada.Lovelace@example.com")
    for typed in ("ada.lovelace@example.com", "ADA.LOVELACE@EXAMPLE.COM", " Ada.Lovelace@example.com".strip()):
        assert 202 == client.post("/auth/password/reset/request", json={"email": typed}).status_code
    house.mail("assword", "Ada.Lovelace@example.com")
    recipients = {one.recipient for one in house.mailbox.list(200) if "lovelace" in one.recipient.lower()}
    assert {"Ada.Lovelace@example.com"} == recipients


def test_s37_letters_that_only_look_like_the_address_reset_nothing(house, client):
    """A dotless i, a full-width letter or a Kelvin sign is another address, or none."""
    house.person(client, "mike@example.com")
    for typed in ("mıke@example.com", "ｍike@example.com", "mi\u212ae@example.com", "mike@exampl\u00e9.com"):
        assert client.post("/auth/password/reset/request", json={"email": typed}).status_code in (202, 422)
    assert [] == [
        one for one in house.mailbox.list(200) if one.recipient == "mike@example.com" and "assword" in one.subject
    ]


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s95_json_may_not_be_deep_long_or_odd(client, session, endpoint):
    """Nesting, numbers of thousands of digits, NaN and what is no UTF-8 are 422, and more than 64 KiB is 413."""
    headers = as_admin() if endpoint in OPERATOR else session
    bodies = {
        b"[" * 60_000: 422,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000: 422,
        b'{"token": ' + b"9" * 60_000 + b"}": 422,
        b'{"token": NaN}': 422,
        b'{"token": -Infinity}': 422,
        b"\xff\xfe{\x00}\x00": 422,
        b'\xef\xbb\xbf{"token": 1}': 422,
        b'{"token": "\xed\xa0\x80"}': 422,
        b"{'token': 1}": 422,
        b'{"token": 1,}': 422,
        b'{"token": 1} {"token": 2}': 422,
        b'{"token": "' + b"a" * 65_536 + b'"}': 413,
    }
    for body, status in bodies.items():
        answer = client.request(endpoint[0], address_of(endpoint[1]), content=body, headers=KIND | headers)
        assert status == answer.status_code, (body[:40], answer.text)


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s95_whatever_depth_json_has_it_breaks_nothing(house, client, session, endpoint):
    """Around every depth at which a reader may give up, in members we know and others: an ordinary refusal."""
    headers = as_admin() if endpoint in OPERATOR else session
    for depth in (10, 100, 250, 254, 255, 256, 330, 500, 900, *range(940, 1000, 3), 1500):
        for deep in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
            content = f'{{"email": {deep}, "token": {deep}, "x": {deep}}}'.encode()
            answer = client.request(endpoint[0], address_of(endpoint[1]), content=content, headers=KIND | headers)
            assert answer.status_code in (200, 202, 400, 404, 422), (depth, answer.text)
    assert [] == [failure.traceback for failure in house.failures()]


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s96_repeated_names_are_refused_at_every_depth(client, session, endpoint):
    """Known, unknown and nested: two members of one name are 422, and a name of the sender's is not shown back."""
    headers = as_admin() if endpoint in OPERATOR else session
    for body in (
        b'{"email": "a@b.example", "email": "a@b.example"}',
        b'{"evil": 1, "evil": 2}',
        b'{"token": {"evil": 1, "evil": 1}}',
        b'{"token": [[{"evil": 1, "\\u0065vil": 1}]]}',
    ):
        answer = client.request(endpoint[0], address_of(endpoint[1]), content=body, headers=KIND | headers)
        assert (422, "repeated") == (answer.status_code, answer.json()["errors"][0]["code"])
        assert "evil" not in answer.text


@pytest.mark.parametrize("field", ["email", "password", "name", "locale", "challenge"])
def test_s96_half_a_character_is_refused(client, field):
    """A lone surrogate can be written in JSON and nowhere else: 422 for every text of a registration."""
    body = {"email": "ada@example.com", "password": PASSWORD} | {field: "ada\ud800@example.com"}
    answer = post(client, "/auth/register", body, {})
    assert (422, [field]) == (answer.status_code, [one["field"] for one in answer.json()["errors"]])


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=" ".join)
def test_s96_half_a_character_is_harmless_everywhere(house, client, session, endpoint):
    """In every member, also those we do not know, and as a name: an ordinary answer, and no bug."""
    headers = as_admin() if endpoint in OPERATOR else session
    names = ("email", "password", "current_password", "name", "locale", "token", "challenge", "reason", "session", "x")
    for half in ("\\ud800", "\\udfff", "\\ud800\\ud800", "a\\udc00b"):
        members = ",".join(f'"{name}": "{half}"' for name in names) + f', "{half}": 1'
        content = ("{" + members + "}").encode()
        answer = client.request(endpoint[0], address_of(endpoint[1]), content=content, headers=KIND | headers)
        assert answer.status_code in (400, 401, 404, 422)
    assert [] == house.failures()
