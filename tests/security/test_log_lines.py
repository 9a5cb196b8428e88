"""What strangers type never becomes a line, a field or a colour of the log; addresses stand there masked."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from gatepost.observe.log import DEBUG, LibraryRecords, Log
from tests.security.house import ADMIN, PASSWORD, House, as_admin

FORGED = '{"event": "password_was_reset", "level": "info", "account_id": "forged"}'
# Line ends of every kind, the codes of terminals, direction marks, NUL, lone surrogates, escapes of JSON and of logs.
CORPUS = [
    f"x\n{FORGED}",
    f"x\r\n{FORGED}\r\n",
    f"x\r{FORGED}",
    f"x\x0b{FORGED}",
    f"x\x0c{FORGED}",
    f"x\x85{FORGED}",
    f"x\u2028{FORGED}",
    f"x\u2029{FORGED}",
    f'x", "event": "forged", "level": "info{FORGED}',
    "x\\n" + FORGED,
    "\x1b[2J\x1b[1;31mforged\x1b[0m",
    "\x1b]0;forged\x07",
    "\x9b31mforged",
    "x\x00forged",
    "x\x08\x08\x08forged",
    "\u202eforged\u202c",
    "\u2066forged\u2069",
    "\ufefffor\u200bged",
    "%0a%0dforged",
    "%(message)s {0} ${jndi:ldap://forged.example/a}",
    "forged" * 2_000,
]
# Header fields of a request that reach, or could reach, what is told.
FIELDS = ("user-agent", "x-request-id", "x-forwarded-for", "forwarded", "x-real-ip", "accept-language", "referer")


class Told:
    """A house and what it tells, as a machine and as a person read it."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client
        self._streams = io.StringIO(), io.StringIO()
        self._logs = [
            Log(stream, level=DEBUG, pretty=pretty, colour=False)
            for stream, pretty in zip(self._streams, (False, True), strict=True)
        ]
        for log in self._logs:
            house.gatepost.gate.events.subscribe(log.on_event)

    def texts(self) -> tuple[str, str]:
        """The lines for machines, and those for people."""
        assert all(log.flush(10) for log in self._logs)
        machines, people = (stream.getvalue() for stream in self._streams)
        return machines, people

    def close(self) -> None:
        for log in self._logs:
            log.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, TestClient]]:
    """One service for all that is typed."""
    house = House(tmp_path_factory.mktemp("house"), rate_limits=False)
    with house.client() as client:
        yield house, client


@pytest.fixture
def told(running: tuple[House, TestClient]) -> Iterator[Told]:
    """Everything that is told from now on."""
    made = Told(*running)
    yield made
    made.close()


def in_fields(value: str) -> dict[str, bytes]:
    """The value as header fields, as far as HTTP lets it be one."""
    sent = value.encode("utf-8", "surrogatepass").translate(None, b"\0\r\n\x0b\x0c")[:4000]
    return dict.fromkeys(FIELDS, sent)


def type_everywhere(client: TestClient, value: str) -> None:
    """Put it into every field a person or a program can fill, over JSON, forms, paths, queries and header fields."""
    fields: Any = in_fields(value)
    whole = {name: value for name in ("email", "name", "locale", "challenge", "token")}
    whole |= {"password": f"{value} as a password", "current_password": f"{value} as a password"}
    good = {"email": "ada.lovelace@example.com", "password": PASSWORD}
    for path in ("register", "login", "verify", "verify/request", "password/reset/request", "password/reset"):
        client.post(f"/auth/{path}", json=whole, headers=fields)
    for name in ("name", "locale", "challenge"):
        client.post("/auth/register", json={**good, name: value}, headers=fields)
    for email in (f"{value[:30]}@example.com", f"ada@{value[:30]}.example", f'"{value[:30]}"@example.com'):
        client.post("/auth/login", json={"email": email, "password": PASSWORD}, headers=fields)
    client.post("/auth/register", json=good, headers={**fields, "idempotency-key": fields["user-agent"]})
    client.get("/auth/me", headers={**fields, "authorization": b"Bearer " + fields["user-agent"][:200]})
    for path in ("/", "/auth/", "/mail/messages/", "/gatepost/static/", "/dev/mailbox/messages/"):
        client.get(path + quote(value[:500], errors="replace"), headers=fields)
    client.get("/mail/messages", params={"recipient": value[:300], "template": value[:300]}, headers=as_admin(ADMIN))
    for page in ("/register", "/login", "/verify", "/reset/request"):
        client.post(page, data=whole, headers=fields)


@pytest.mark.parametrize("value", CORPUS, ids=range(len(CORPUS)))
def test_s116_nothing_typed_becomes_a_line_of_the_log(told: Told, value: str) -> None:
    """For machines: one JSON object a line, of an event of ours. For people: every line begins as ours do."""
    type_everywhere(told.client, value)
    machines, people = told.texts()
    lines = [json.loads(line) for line in machines.split("\n") if line]
    assert len(lines) > 20
    assert {"event", "time", "level"} <= set.intersection(*(set(line) for line in lines))
    assert [] == [line for line in lines if line.get("account_id") == "forged" or "forged" in line["event"]]
    assert machines.isascii()
    assert [] == [letter for letter in set(machines + people) if letter != "\n" and not letter.isprintable()]
    assert [] == [line for line in people.splitlines() if line[2:3] != ":" and not line.startswith("    | ")]


def test_s116_addresses_are_masked(told: Told) -> None:
    """Whoever reads the log sees the first letter and the domain, whatever happened to the account."""
    house, client = told.house, told.client
    email = house.person(client, "grace.hopper@example.com")
    token = house.session(client, email)
    client.post("/auth/login", json={"email": email, "password": "wrong"})
    client.post("/auth/register", json={"email": email, "password": PASSWORD})
    client.post("/auth/password/reset/request", json={"email": "grace.hopper+x@example.com"})
    client.post(
        "/auth/email/change",
        json={"email": "admiral.grace@example.org", "current_password": PASSWORD},
        headers=as_admin(token),
    )
    client.post("/auth/me/delete", json={"current_password": PASSWORD}, headers=as_admin(token))
    text = "".join([*told.texts(), *map(repr, house.heard)])  # the events too: the log masks a second time
    assert "g***@example.com" in text
    assert [] == [one for one in ("hopper", "admiral", "HOPPER") if one in text]
    assert [] == [one for one in (PASSWORD, token) if one in text]


@pytest.mark.parametrize("pretty", [False, True])
def test_s116_what_libraries_log_is_escaped_and_masked(*, pretty: bool) -> None:
    """A warning of the HTTP server may quote a request whole: it becomes one line, in both forms."""
    stream = io.StringIO()
    log = Log(stream, pretty=pretty, colour=False)
    listener = LibraryRecords(log)
    secret = "ada.lovelace@example.com token=T0ps3cr3t password: hunter2"
    for text in (*CORPUS, secret):
        listener.emit(logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "bad: %s", (text,), None))
    assert log.flush(10)
    log.close()
    lines = stream.getvalue().removesuffix("\n").split("\n")
    assert len(CORPUS) + 1 == len(lines)
    assert [] == [letter for line in lines for letter in line if not letter.isprintable()]
    if not pretty:
        assert stream.getvalue().isascii()
        assert {"library_record"} == {json.loads(line)["event"] for line in lines}
    assert [] == [one for one in ("lovelace", "T0ps3cr3t", "hunter2") if one in stream.getvalue()]
