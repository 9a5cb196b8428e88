"""What operators do to suppressions over HTTP stops mail and lets it out again, on every database."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.audit.trail import MAX_REASON_CHARACTERS, Signature, done_to
from gatepost.events import AddressSuppressed, Event, SuppressionLifted
from gatepost.settings import Settings
from gatepost.suppression.by_hand import Wanted
from gatepost.suppression.lift import hide
from gatepost.suppression.page import MAX_PAGE
from gatepost.suppression.reason import Reason
from gatepost.transport.memory import MemoryTransport
from tests.support.clock import MovableClock
from tests.support.suppressing import DAY_MS

ADMIN = {"authorization": f"Bearer {'a' * 40}"}
ADA = "Ada@example.com"


class Service:
    """A service on this test's database, its client, and what it told."""

    def __init__(self, gatepost: Gatepost, client: TestClient) -> None:
        self.gatepost, self.client = gatepost, client
        self.told: list[Event] = []
        gatepost.events.subscribe(self.told.append)

    def ask(self, method: str, path: str = "", **more: Any) -> Any:
        return self.client.request(method, f"/mail/suppressions{path}", headers=ADMIN, **more)

    def add(self, **wanted: Any) -> dict[str, Any]:
        answer = self.ask("POST", json={"address": ADA, **wanted})
        assert 201 == answer.status_code, answer.text
        row: dict[str, Any] = answer.json()["suppression"]
        return row

    def listed(self, **which: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", params=which)
        assert 200 == answer.status_code, answer.text
        rows: list[dict[str, Any]] = answer.json()["suppressions"]
        return rows

    def write(self, work: Callable[..., Any]) -> Any:
        assert self.client.portal is not None
        return self.client.portal.call(partial(self.gatepost.write, work))

    def deeds(self, id: str) -> list[Any]:
        return list(self.write(partial(done_to, subject=uuid.UUID(id))))


@pytest.fixture
def service(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
) -> Iterator[Service]:
    """A service whose mail stays in memory."""
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        database_url=database_url,
        secret_keys="0123456789abcdefghijklmnopqrstuv",
        admin_token="a" * 40,
        argon2_memory_kib=8,
        argon2_time_cost=1,
    )
    gatepost = Gatepost(settings, transport=MemoryTransport(), clock=clock)
    app = create_app(gatepost)
    with TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1)) as client:
        yield Service(gatepost, client)


def test_an_address_is_suppressed_and_lifted_again(service: Service, clock: MovableClock) -> None:
    """Each is done, written down with who and why, and told; a second lift finds nothing."""
    row = service.add(detail=" on the phone ", expires_in_days=30)
    assert {"address": ADA, "scope": "all", "reason": "operator", "source": "admin token"}.items() <= row.items()
    assert ("on the phone", None, None) == (row["detail"], row["message"], row["let_through_at"])
    assert [row] == service.listed()
    path = f"/{row['id']}"
    assert 204 == service.ask("DELETE", path, params={"reason": "she is back"}).status_code
    assert (404, "not_found") == ((gone := service.ask("DELETE", path)).status_code, gone.json()["code"])
    assert "There is no suppression with this id." == gone.json()["detail"]
    assert [] == service.listed()
    assert [("suppress", "admin token", "on the phone"), ("lift", "admin token", "she is back")] == [
        (deed.action, deed.actor, deed.reason) for deed in service.deeds(row["id"])
    ]
    added, lifted = [one for one in service.told if isinstance(one, AddressSuppressed | SuppressionLifted)]
    assert isinstance(added, AddressSuppressed)
    assert (row["id"], "operator", "admin token", 30 * DAY_MS // 1000) == (
        added.suppression,
        added.reason,
        added.source,
        added.expires_in_s,
    )
    assert row["id"] == lifted.suppression
    assert "ada" not in f"{added.recipient}{lifted.recipient}".lower()


def test_the_same_address_again_renews_what_stands(service: Service) -> None:
    """However it is capitalised: one row and one event, a scope that only widens, an end that only moves back."""
    first = service.add(scope="all_but_security", expires_in_days=30)
    again = service.add(address=ADA.upper(), scope="all", expires_in_days=1, detail="more")
    assert first["id"] == again["id"]
    assert ("all", "more", first["expires_at"]) == (again["scope"], again["detail"], again["expires_at"])
    for_good = service.add(scope="all_but_security")
    assert ("all", None) == (for_good["scope"], for_good["expires_at"])
    assert 1 == len(service.listed())
    assert 1 == len([one for one in service.told if isinstance(one, AddressSuppressed)])
    assert [None, "operator", "operator"] == [deed.state_before for deed in service.deeds(first["id"])]


def test_what_is_suppressed_is_not_mailed_and_what_is_lifted_is(service: Service) -> None:
    """The answer to a stranger stays the same, the message is stopped with the reason, and a resend goes out."""
    row = service.add()
    body = {"email": ADA, "password": "correct horse battery"}
    assert 202 == service.client.post("/auth/register", json=body).status_code

    def messages() -> Any:
        answer = service.client.get("/mail/messages", params={"template": "verification"}, headers=ADMIN)
        return answer.json()["messages"]

    def until(state: str) -> Any:
        give_up_at = time.monotonic() + 30
        while (one := messages()[0])["state"] != state:
            assert time.monotonic() < give_up_at, one
        return one

    stopped = until("suppressed")
    assert ("operator", 0) == (stopped["reason"], stopped["attempts"])
    assert 204 == service.ask("DELETE", f"/{row['id']}").status_code
    resent = service.client.post(f"/mail/messages/{stopped['id']}/resend", headers=ADMIN)
    assert 202 == resent.status_code, resent.text
    assert resent.json()["message"]["id"] == until("accepted")["id"]


def test_the_list_is_paged_and_narrowed(service: Service) -> None:
    """Page after page each one once, newest first; by address and by reason."""
    for name in ("ada", "bob", "cleo"):
        service.add(address=f"{name}@example.com")
    everything = [one["address"] for one in service.listed()]
    assert ["cleo@example.com", "bob@example.com", "ada@example.com"] == everything
    page = service.ask("GET", params={"limit": 2}).json()
    rest = service.ask("GET", params={"limit": 2, "before": page["next"]}).json()
    assert everything == [one["address"] for one in page["suppressions"] + rest["suppressions"]]
    assert None is rest["next"]
    assert ["bob@example.com"] == [one["address"] for one in service.listed(recipient="BOB@example.com")]
    assert [] == service.listed(recipient="no address")
    assert ([], 3) == (service.listed(reason="hard_bounce"), len(service.listed(reason="operator")))


def test_who_was_erased_is_found_only_by_the_address(service: Service) -> None:
    """The list shows that somebody is suppressed and not whom; renewed, it stays hidden."""
    row = service.add(detail="her name is Ada")
    hiding = service.gatepost._hiding
    service.write(lambda tx: hide(tx, hiding, "ada@example.com"))
    (shown,) = service.listed()
    assert (None, None) == (shown["address"], shown["detail"])
    assert "ada" not in str({**shown, "id": None}).lower()  # in an id these may stand as digits
    assert [shown] == service.listed(recipient=ADA)
    assert [] == service.listed(recipient="bob@example.com")
    again = service.add(detail="Ada again")
    assert (row["reason"], None, None) == (again["reason"], again["address"], again["detail"])
    assert 1 == len(service.listed())


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "address"),
        ({"address": "nobody"}, "address"),
        ({"address": "a\u0000@example.com"}, "address"),
        ({"address": "x" * 310 + "@example.com"}, "address"),
        ({"address": 7}, "address"),
        ({"address": ADA, "scope": "some"}, "scope"),
        ({"address": ADA, "expires_in_days": 0}, "expires_in_days"),
        ({"address": ADA, "expires_in_days": 3651}, "expires_in_days"),
        ({"address": ADA, "expires_in_days": "7"}, "expires_in_days"),
        ({"address": ADA, "expires_in_days": True}, "expires_in_days"),
        ({"address": ADA, "detail": "x" * (MAX_REASON_CHARACTERS + 1)}, "detail"),
        ({"address": ADA, "detail": "\u0000"}, "detail"),
        ({"address": ADA, "detail": 7}, "detail"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_by_field(service: Service, body: dict[str, Any], field: str) -> None:
    """By the name the body has for it, and nothing is written."""
    answer = service.ask("POST", json=body)
    assert (422, "invalid_input") == (answer.status_code, answer.json()["code"])
    assert [field] == [error["field"] for error in answer.json()["errors"]]
    assert [] == service.listed()


@pytest.mark.parametrize(
    "which",
    [
        {"limit": 0},
        {"limit": MAX_PAGE + 1},
        {"reason": "none"},
        {"before": "x"},
        {"recipient": "\0"},
        {"recipient": "x" * 321},
    ],
    ids=str,
)
def test_a_question_out_of_bounds_is_refused(service: Service, which: dict[str, Any]) -> None:
    """422, whatever is wrong with it."""
    assert 422 == service.ask("GET", params=which).status_code


def test_a_reason_that_cannot_be_kept_lifts_nothing(service: Service) -> None:
    """Too long, or with NUL."""
    row = service.add()
    for reason in ("x" * (MAX_REASON_CHARACTERS + 1), "a\0b"):
        assert 422 == service.ask("DELETE", f"/{row['id']}", params={"reason": reason}).status_code
    assert [row] == service.listed()


@pytest.mark.parametrize("token", [None, "x" * 40], ids=["none", "wrong"])
def test_only_the_admin_token_opens_suppressions(service: Service, token: str | None) -> None:
    """Nothing is looked up or changed for anybody else."""
    row = service.add()
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{row['id']}")):
        body = {"json": {"address": "bob@example.com"}} if method == "POST" else {}
        answer = service.client.request(method, f"/mail/suppressions{path}", headers=headers, **body)
        assert (401, "unauthorized") == (answer.status_code, answer.json()["code"])
    assert [row] == service.listed()


def test_many_at_once_leave_one_suppression(service: Service) -> None:
    """Eight operators who say the same at the same moment: one row, eight deeds, one that is told."""

    async def all_at_once() -> None:
        from_all = service.gatepost._context.suppressions
        await asyncio.gather(*(from_all.add(Wanted(ADA), Signature(actor="admin token")) for _ in range(8)))

    assert service.client.portal is not None
    service.client.portal.call(all_at_once)
    (row,) = service.listed()
    assert (8, 1) == (
        len(service.deeds(row["id"])),
        len([one for one in service.told if isinstance(one, AddressSuppressed)]),
    )
    assert Reason.OPERATOR == row["reason"]
