"""What an operator does over HTTP is the same on every database."""

import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.audit.trail import MAX_REASON_CHARACTERS
from gatepost.delivery.worker import Worker
from gatepost.events import Event, Events, OperatorActed
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport
from gatepost.transport.reply_table import explain

ADMIN = {"authorization": f"Bearer {'a' * 40}"}
OVER = {"accepted", "unknown", "failed", "cancelled"}


@pytest.fixture
def heard() -> list[Event]:
    """What the service told."""
    return []


@pytest.fixture
def client(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: list[Event]
) -> Iterator[TestClient]:
    """A service on this test's database whose server accepts everything, and whose worker waits for the bell."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Worker.__init__.__kwdefaults__, "poll_s", 3600.0)
    settings = Settings(
        database_url=database_url,
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        admin_token="a" * 40,
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )
    events = Events()
    events.subscribe(heard.append)
    app = create_app(Gatepost(settings, events=events, transport=MemoryTransport()))
    with TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1)) as running:
        yield running


def _act(client: TestClient, id: str, action: str, status: int = 202, **body: object) -> Any:
    answer = client.post(f"/mail/messages/{id}/{action}", json=body or None, headers=ADMIN)
    assert status == answer.status_code, answer.text
    return answer.json()


def _show(client: TestClient, id: str) -> Any:
    answer = client.get(f"/mail/messages/{id}", headers=ADMIN)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def _until_over(client: TestClient, id: str) -> Any:
    give_up_at = time.monotonic() + 20
    while (shown := _show(client, id))["message"]["state"] not in OVER:
        assert time.monotonic() < give_up_at, shown["message"]["state"]
    return shown


@pytest.fixture
def welcome(client: TestClient) -> str:
    """The id of a welcome that was accepted."""
    body = {"email": "ada@example.com", "password": "correct horse battery"}
    assert 202 == client.post("/auth/register", json=body).status_code
    (one,) = client.get("/mail/messages?template=welcome", headers=ADMIN).json()["messages"]
    assert "accepted" == _until_over(client, one["id"])["message"]["state"]
    id: str = one["id"]
    return id


def test_a_message_is_sent_again_at_once_and_both_rows_say_so(
    client: TestClient, welcome: str, heard: list[Event]
) -> None:
    """202 with the new message; the bell was rung, so it goes out; the event tells the same."""
    new = _act(client, welcome, "resend", reason="  her mailbox is repaired ")["message"]
    assert (welcome, "welcome", "ada@example.com") == (new["resent_from"], new["template"], new["recipient"])
    assert "accepted" == _until_over(client, new["id"])["message"]["state"]
    old = _show(client, welcome)
    assert ([new["id"]], "accepted", None) == (
        old["resent_as"],
        old["message"]["state"],
        old["message"]["resent_from"],
    )
    (deed,) = old["actions"]
    assert datetime.fromisoformat(deed.pop("at"))
    assert deed.pop("request_id")
    assert {
        "actor": "admin token",
        "action": "resend",
        "result": new["id"],
        "state_before": "accepted",
        "state_after": "accepted",
        "reason": "her mailbox is repaired",
    } == deed
    (event,) = [one for one in heard if isinstance(one, OperatorActed)]
    assert (welcome, new["id"], "admin token", "resend") == (event.message, event.result, event.actor, event.action)


def test_what_does_not_fit_is_409_with_what_to_do(client: TestClient, welcome: str) -> None:
    """A problem with a code of its own, in the language of the request; nothing is written."""
    refused = _act(client, welcome, "cancel", 409)
    assert ("action_refused", "A server has taken it: it cannot be called back.") == (
        refused["code"],
        refused["detail"],
    )
    chinese = client.post(
        f"/mail/messages/{welcome}/hold", headers=ADMIN | {"accept-language": "zh-CN"}, content=b""
    ).json()
    assert ("现在无法这样做", "它已经结束，没有可以扣留的内容。") == (chinese["title"], chinese["detail"])
    assert [] == _show(client, welcome)["actions"]


def test_an_unknown_message_is_404(client: TestClient) -> None:
    """For every action, as for a look."""
    for action in ("hold", "release", "cancel", "resend"):
        assert "There is no message with this id." == _act(client, str(uuid.uuid4()), action, 404)["detail"]
        assert "invalid_input" == _act(client, "x", action, 422)["code"]


@pytest.mark.parametrize(
    ("reason", "code"),
    [("x" * (MAX_REASON_CHARACTERS + 1), "too_long"), ("a\0b", "invalid_text"), (7, "wrong_type")],
    ids=["long", "nul", "number"],
)
def test_a_reason_that_cannot_be_kept_is_422(client: TestClient, welcome: str, reason: object, code: str) -> None:
    """Named with its field, and nothing is done."""
    refused = _act(client, welcome, "resend", 422, reason=reason)
    assert [("reason", code)] == [(one["field"], one["code"]) for one in refused["errors"]]
    assert ([], []) == (_show(client, welcome)["actions"], _show(client, welcome)["resent_as"])


def test_half_of_a_character_is_422(client: TestClient, welcome: str) -> None:
    """JSON can write a lone surrogate; no database can keep it."""
    body = b'{"reason": "\\ud800"}'
    headers = ADMIN | {"content-type": "application/json"}
    answer = client.post(f"/mail/messages/{welcome}/resend", content=body, headers=headers)
    assert (422, "invalid_text") == (answer.status_code, answer.json()["errors"][0]["code"])


def test_the_longest_reason_is_kept_to_the_letter(client: TestClient, welcome: str) -> None:
    """Whatever characters it has, as many as are allowed."""
    reason = "\U0001f600" * MAX_REASON_CHARACTERS
    _act(client, welcome, "resend", reason=reason)
    assert [reason] == [deed["reason"] for deed in _show(client, welcome)["actions"]]


@pytest.mark.parametrize("body", [{}, {"reason": None}, {"reason": " "}, {"more": 1}], ids=str)
def test_no_reason_is_no_hindrance(client: TestClient, welcome: str, body: dict[str, object]) -> None:
    """An empty one is none, and an unknown member is ignored."""
    answer = client.post(f"/mail/messages/{welcome}/resend", json=body, headers=ADMIN)
    assert 202 == answer.status_code
    assert [None] == [deed["reason"] for deed in _show(client, welcome)["actions"]]


def test_only_operators_act(client: TestClient, welcome: str) -> None:
    """Without the admin token it is 401, whatever the message and the body; nothing is done."""
    for action in ("hold", "release", "cancel", "resend"):
        for headers in ({}, {"authorization": "Bearer wrong"}):
            answer = client.post(f"/mail/messages/{welcome}/{action}", headers=headers)
            assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    foreign = client.post(f"/mail/messages/{welcome}/resend", headers=ADMIN | {"origin": "https://evil.example"})
    assert (403, "foreign_origin") == (foreign.status_code, foreign.json()["code"])
    assert [] == _show(client, welcome)["actions"]


def test_each_attempt_is_explained_in_one_sentence(client: TestClient, welcome: str) -> None:
    """What support reads first, and can pass on."""
    (attempt,) = _show(client, welcome)["attempts"]
    assert ("accepted", explain("accepted", attempt["phase"], attempt["reply_code"], None)) == (
        attempt["outcome"],
        attempt["explanation"],
    )
    assert attempt["explanation"].endswith(".")
