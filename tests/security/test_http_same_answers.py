"""An address somebody has and one nobody has: the same answer to the byte, with the mail server up, down and silent."""

import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.security.house import PASSWORD, House

# What differs between any two answers, whoever asked for whatever.
OF_EACH_ANSWER = ("x-request-id", "date")
OTHER_PASSWORD = "a walrus under the pier"
ASKING = {
    "/auth/register": {"password": OTHER_PASSWORD},
    "/auth/verify/request": {},
    "/auth/password/reset/request": {},
    "/auth/login": {"password": OTHER_PASSWORD},
}


def shape(answer: Any) -> Any:
    """Everything a stranger can compare: status, names and order of the header fields, their values, the body."""
    fields = [(name, len(value) if name in OF_EACH_ANSWER else value) for name, value in answer.headers.multi_items()]
    body = answer.text.replace(answer.headers["x-request-id"], "")
    return answer.status_code, answer.http_version, fields, body


def standings(house: House, client: TestClient) -> dict[str, str]:
    """An address of every standing an account can have, by name."""
    known = {name: house.person(client, f"{name}@example.com") for name in ("verified", "deleted", "disabled")}
    client.post("/auth/register", json={"email": "waiting@example.com", "password": PASSWORD})
    with closing(sqlite3.connect(house.folder / "gatepost.db", isolation_level=None)) as connection:
        connection.execute("UPDATE accounts SET deleted_at = created_at WHERE email = 'deleted@example.com'")
        connection.execute("UPDATE accounts SET disabled_at = created_at WHERE email = 'disabled@example.com'")
    return known | {"waiting": "waiting@example.com", "unknown": "somebodyelse@example.com"}


def assert_all_alike(client: TestClient, people: dict[str, str]) -> None:
    """Each request about each address, twice: one shape for all."""
    for path, rest in ASKING.items():
        for _ in range(2):
            shapes = {who: shape(client.post(path, json={"email": email} | rest)) for who, email in people.items()}
            client.cookies.clear()
            assert [shapes["unknown"]] * len(people) == list(shapes.values()), path
            assert shapes["unknown"][0] == (401 if path == "/auth/login" else 202)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A mail server that takes the connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"smtp://127.0.0.1:{listener.getsockname()[1]}"


def closed_port() -> str:
    """Where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"smtp://127.0.0.1:{listener.getsockname()[1]}"


def with_people_of_its_own(folder: Path, smtp_url: str) -> tuple[House, dict[str, str]]:
    """A house that knew people before its mail server went away."""
    before = House(folder, rate_limits=False)
    with before.client() as client:
        people = standings(before, client)
    return House(folder, rate_limits=False, smtp_url=smtp_url, shutdown_grace_s=1), people


def test_s20_a_known_and_an_unknown_address_get_the_same_answer(house, client):
    """Verified, waiting, deleted, disabled and unknown: status, fields, their order and lengths, and body are one."""
    assert_all_alike(client, standings(house, client))


def test_s20_the_pages_answer_alike_too(house, client):
    """The page after the form differs in nothing but the address that was typed into it."""
    people = {"known": house.person(client), "unknown": "nobody1@example.com"}
    for path, rest in (("/register", {"password": OTHER_PASSWORD}), ("/reset/request", {}), ("/verify/request", {})):
        seen = []
        for email in people.values():
            client.cookies.clear()
            key = client.get(path).text.partition('name="form_key" value="')[2][:64]
            answer = client.post(path, data={"form_key": key, "email": email} | rest)
            status, version, fields, body = shape(answer)
            named = [name for name, _ in fields]
            seen.append((status, version, named, body.replace(email, "").replace(key, "")))
        assert seen[0] == seen[1]
        assert 200 == seen[0][0]


@pytest.mark.parametrize("server", ["refuses", "is silent"])
def test_s22_the_answer_is_the_same_without_a_mail_server(tmp_path, silent_server, server):
    """Nobody there, or somebody who never speaks: no answer waits for it and none differs."""
    house, people = with_people_of_its_own(tmp_path, closed_port() if server == "refuses" else silent_server)
    with house.client() as client:
        assert_all_alike(client, people)
    assert [] == house.failures()


def locked(file: Path) -> Callable[[], None]:
    """Hold the database's write lock as a foreign program can; returns how to let go."""
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        connection.execute("ROLLBACK")
        connection.close()

    return let_go


def test_s22_the_answer_is_the_same_while_the_disk_is_slow(house, client):
    """While writes wait for half a second the known and the unknown address wait alike, and are answered alike."""
    people = {"known": house.person(client), "unknown": "nobody2@example.com"}
    for path, rest in ASKING.items():
        shapes = []
        for email in people.values():
            timer = threading.Timer(0.3, locked(house.folder / "gatepost.db"))
            timer.start()
            shapes.append(shape(client.post(path, json={"email": email} | rest)))
            timer.join()
            client.cookies.clear()
        assert shapes[0] == shapes[1]


def test_s22_nobody_is_told_apart_while_nothing_can_be_written(tmp_path):
    """With the tables gone each answer is the same refusal for the known and the unknown address."""
    house = House(tmp_path, rate_limits=False)
    with house.client() as client:
        people = {"known": house.person(client), "unknown": "nobody3@example.com"}
        with closing(sqlite3.connect(tmp_path / "gatepost.db", isolation_level=None)) as connection:
            connection.execute("ALTER TABLE messages RENAME TO messages_gone")
        for path, rest in ASKING.items():
            statuses = {client.post(path, json={"email": email} | rest).status_code for email in people.values()}
            assert 1 == len(statuses), path
            assert statuses.isdisjoint({200, 202})
