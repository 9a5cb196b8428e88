"""What operators read over HTTP is the same on every database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from gatepost.app import Gatepost, create_app
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport

ADMIN = "a" * 40
PASSWORD = "correct horse battery"


@pytest.fixture
def client(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A service on this test's database whose worker waits: nothing is sent while a test looks."""
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        database_url=database_url,
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        admin_token=ADMIN,
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )
    app = create_app(Gatepost(settings, transport=MemoryTransport()))
    with TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1)) as running:
        yield running


def _get(client: TestClient, path: str, **wanted: object) -> Any:
    answer = client.get(path, params=wanted, headers={"authorization": f"Bearer {ADMIN}"})
    assert 200 == answer.status_code, answer.text
    return answer.json()


def _register(client: TestClient, *names: str) -> None:
    for name in names:
        answer = client.post("/auth/register", json={"email": f"{name}@example.com", "password": PASSWORD})
        assert 202 == answer.status_code


def test_operators_page_through_all_messages(client: TestClient) -> None:
    """Page after page, by the `next` of the one before, every message is shown once, newest first."""
    _register(client, "ada", "bob", "cleo")
    everything = [one["id"] for one in _get(client, "/mail/messages")["messages"]]
    assert sorted(everything, reverse=True) == everything
    assert 6 == len(everything)
    shown, page = [], _get(client, "/mail/messages", limit=4)
    shown += [one["id"] for one in page["messages"]]
    page = _get(client, "/mail/messages", limit=4, before=page["next"])
    shown += [one["id"] for one in page["messages"]]
    assert (everything, None) == (shown, page["next"])


def test_programs_count_the_mail_of_a_window(client: TestClient) -> None:
    """An hour unless they say otherwise, a minute at least and a day at most."""
    _register(client, "ada")
    seen = _get(client, "/mail/stats")
    assert (3_600, 0, 2) == (seen["window_s"], seen["accepted"], seen["by_state"]["queued"])
    assert seen["oldest_waiting_at"] <= seen["at"]
    assert 86_400 == _get(client, "/mail/stats", window=86_400)["window_s"]
    refused = client.get("/mail/stats", params={"window": 59}, headers={"authorization": f"Bearer {ADMIN}"})
    assert (422, "window") == (refused.status_code, refused.json()["errors"][0]["field"])


def test_operators_narrow_by_recipient_template_and_state(client: TestClient) -> None:
    """A recipient as somebody typed it, a template, a state, and all of them together."""
    _register(client, "ada", "bob")
    _register(client, "ada")  # again: its verification waits already, and this one is born cancelled
    of_ada = _get(client, "/mail/messages", recipient="ADA@example.com")["messages"]
    assert {"ada@example.com"} == {one["recipient"] for one in of_ada}
    assert 4 == len(of_ada)
    assert 3 == len(_get(client, "/mail/messages", template="welcome")["messages"])
    assert 2 == len(_get(client, "/mail/messages", state="cancelled")["messages"])
    (one,) = _get(client, "/mail/messages", recipient="ada@example.com", state="cancelled", template="verification")[
        "messages"
    ]
    assert "waiting" == one["reason"]
    summary = "Nothing was sent to example.com: another one is on its way, or less than 60 seconds old."
    shown = {
        "summary": summary,
        "message": one,
        "attempts": [],
        "feedback": [],
        "opens": [],
        "actions": [],
        "resent_as": [],
    }
    assert shown == _get(client, f"/mail/messages/{one['id']}")


def test_a_strangers_address_finds_why_nothing_came(client: TestClient) -> None:
    """An address without an account is found by whoever types it, and shown to nobody else."""
    assert 202 == client.post("/auth/password/reset/request", json={"email": "stranger@example.com"}).status_code
    (one,) = _get(client, "/mail/messages", recipient="Stranger@example.com")["messages"]
    assert ("no_account", None) == (one["reason"], one["recipient"])
    summary = _get(client, f"/mail/messages/{one['id']}")["summary"]
    assert "Nothing was sent: nobody has an account with this address." == summary


def test_metrics_show_the_depths_the_worker_and_the_log(client: TestClient, database_url: str) -> None:
    """What is not over is counted by state, the worker of this service as alive, and SQLite's log by its bytes."""
    families = {one.name: one for one in text_string_to_metric_families(client.get("/metrics").text)}
    shown = {sample.labels["state"] for sample in families["gatepost_queue_depth"].samples}
    assert {"queued", "sending", "committing", "deferred", "held", "unknown"} == shown
    assert [1.0] == [sample.value for sample in families["gatepost_workers"].samples]
    (log_bytes,) = (sample.value for sample in families["gatepost_database_log_bytes"].samples)
    assert (log_bytes > 0) == database_url.startswith("sqlite")
