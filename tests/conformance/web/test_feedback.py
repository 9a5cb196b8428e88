"""A provider posts, over the whole service: the message moves, the address is suppressed, operators see it."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport

ADMIN = "a" * 40
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
UNKNOWN = "01a206d6-9067-72c2-a4e9-e0a822f04cc3"


@pytest.fixture
def client(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service on this test's database that a program of the product's own may tell of messages."""
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        database_url=database_url,
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        admin_token=ADMIN,
        feedback_standard_secrets=SECRET,
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )
    app = create_app(Gatepost(settings, transport=MemoryTransport()))
    with TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1)) as running:
        yield running


def _show(client: TestClient, id: str) -> Any:
    answer = client.get(f"/mail/messages/{id}", headers={"authorization": f"Bearer {ADMIN}"})
    assert 200 == answer.status_code, answer.text
    return answer.json()


def _accepted(client: TestClient) -> str:
    """Register somebody, and wait until the verification is accepted; its id."""
    client.post("/auth/register", json={"email": "ada@example.com", "password": "correct horse battery"})
    listed = client.get("/mail/messages", headers={"authorization": f"Bearer {ADMIN}"}).json()["messages"]
    (id,) = [one["id"] for one in listed if one["template"] == "verification"]
    give_up_at = time.monotonic() + 20
    while _show(client, id)["message"]["state"] != "accepted":
        assert time.monotonic() < give_up_at
    return str(id)


def _post(client: TestClient, event_id: str, kind: str, *, key: bytes = KEY, **data: str) -> Any:
    body = json.dumps({"type": f"message.{kind}", "timestamp": "2026-11-24T00:00:00Z", "data": data}).encode()
    at = str(int(time.time()))
    signature = base64.b64encode(hmac.digest(key, f"{event_id}.{at}.".encode() + body, "sha256")).decode()
    headers = {"webhook-id": event_id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}
    return client.post("/feedback/standard", content=body, headers=headers)


def test_a_bounce_travels_from_the_post_to_the_operator(client: TestClient) -> None:
    """One signed post: bounced, suppressed, and shown with the words of the recipient's server."""
    id = _accepted(client)
    answer = _post(client, "e1", "bounced", id=id, status="5.1.1", detail="550 5.1.1 no such user")
    assert (200, {"status": "ok"}) == (answer.status_code, answer.json())
    shown = _show(client, id)
    assert "bounced" == shown["message"]["state"]
    (one,) = shown["feedback"]
    assert ("standard", "bounced", "hard", "5.1.1", "550 5.1.1 no such user") == (
        one["source"],
        one["kind"],
        one["bounce"],
        one["status"],
        one["detail"],
    )
    assert one["received_at"] == one["applied_at"]
    found = client.get("/mail/suppressions", headers={"authorization": f"Bearer {ADMIN}"}).json()["suppressions"]
    assert [("ada@example.com", "hard_bounce", id)] == [(s["address"], s["reason"], s["message"]) for s in found]


def test_s114_a_post_may_come_again_and_in_any_order(client: TestClient) -> None:
    """Twice the same, and a delivery after the bounce: all are answered alike, and the message stays bounced."""
    id = _accepted(client)
    answers = [
        _post(client, name, kind, id=id) for name, kind in (("e2", "bounced"), ("e1", "delivered"), ("e2", "bounced"))
    ]
    assert [(200, b'{"status":"ok"}')] * 3 == [(one.status_code, one.content) for one in answers]
    shown = _show(client, id)
    assert ("bounced", ["bounced", "delivered"]) == (
        shown["message"]["state"],
        [one["kind"] for one in shown["feedback"]],
    )


def test_s114_a_forged_id_is_answered_like_a_right_one(client: TestClient) -> None:
    """Nothing moves, and whoever asks cannot tell the two apart."""
    id = _accepted(client)
    forged = _post(client, "e1", "bounced", id=UNKNOWN, message_id=f"{UNKNOWN}@gatepost.example")
    right = _post(client, "e2", "delayed", id=id)
    assert (200, right.content) == (forged.status_code, forged.content)
    assert sorted(right.headers) == sorted(forged.headers)
    assert "accepted" == _show(client, id)["message"]["state"]


def test_s114_without_the_key_nothing_moves(client: TestClient) -> None:
    """Another key, and a provider for whom none is set: 401."""
    id = _accepted(client)
    assert 401 == _post(client, "e1", "bounced", key=b"x" * 32, id=id).status_code
    assert 401 == client.post("/feedback/ses", content=b"{}").status_code
    assert ("accepted", []) == (_show(client, id)["message"]["state"], _show(client, id)["feedback"])
