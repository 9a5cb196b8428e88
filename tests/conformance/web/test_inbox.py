"""The page "Check your inbox" over the real flows: whoever has the address, it is the same to the byte."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from gatepost.accounts.tables import accounts
from gatepost.app import Gatepost, create_app
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport
from tests.support.clock import StillClock

PASSWORD = "correct horse battery"
# Of one length, so that a page with one differs from a page with another in nothing else.
UNKNOWN, WAITING, TAKEN, DELETED, DISABLED, LIMITED = PEOPLE = [f"person{number}@gmail.com" for number in range(6)]
FORMS: dict[str, dict[str, str]] = {
    "/register": {"name": "Mira", "password": "a walrus under the pier"},
    "/verify/request": {},
    "/reset/request": {},
}
ASKED: list[tuple[str, dict[str, str]]] = [(path, {}) for path in FORMS] + [
    ("/verify/request", {"again": "registered"}),
    ("/verify/request", {"again": "verification"}),
    ("/reset/request", {"again": "reset"}),
]
MANY = 4  # one more than go out in an hour


class House:
    """A service whose clock stands still, and everybody who asks comes from a network of their own."""

    def __init__(self, database_url: str) -> None:
        self.clock = StillClock()
        settings = Settings(
            database_url=database_url,
            secret_keys="0123456789abcdefghijklmnopqrstuv",
            argon2_memory_kib=8,
            argon2_time_cost=1,
            trusted_proxies="127.0.0.0/8",
        )
        self.gatepost = Gatepost(settings, transport=MemoryTransport(), clock=self.clock)
        app = create_app(self.gatepost)
        self.client = TestClient(app, base_url=settings.public_url, client=("127.0.0.1", 1))
        self._networks = 0

    def somebody(self) -> dict[str, str]:
        """The header fields of somebody who never asked before."""
        self._networks += 1
        return {"x-forwarded-for": f"198.18.{self._networks // 250}.{self._networks % 250 + 1}", "accept": "text/html"}

    def send(self, path: str, **fields: str) -> Any:
        """Open a page as a stranger does, fill in its form and send it; the key of the form is taken out."""
        self.client.cookies.clear()
        stranger = self.somebody()
        key = re.findall(r'name="form_key" value="([0-9a-f]{64})"', self.client.get(path, headers=stranger).text)[0]
        answer = self.client.post(path, data={"form_key": key, **fields}, headers=stranger)
        return answer.status_code, answer.text.replace(key, "the key")

    def set(self, email: str, **values: Any) -> None:
        """Change the account of an address."""
        changed = update(accounts).where(accounts.c.email == email).values(**values)
        assert self.client.portal is not None
        self.client.portal.call(self.gatepost.write, lambda tx: tx.execute(changed).rowcount)


@pytest.fixture
def house(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """With an account of every standing, each in Chinese, and none for the first address."""
    monkeypatch.chdir(tmp_path)
    house = House(database_url)
    with house.client:
        for email in PEOPLE[1:]:
            body = {"email": email, "password": PASSWORD, "locale": "zh-CN"}
            assert 202 == house.client.post("/auth/register", json=body, headers=house.somebody()).status_code
        now_ms = house.clock.now_ms()
        for email in (TAKEN, DELETED, DISABLED):
            house.set(email, verified_at=now_ms, name="The owner")
        house.set(DELETED, deleted_at=now_ms)
        house.set(DISABLED, disabled_at=now_ms)
        for _ in range(MANY):
            house.clock.move(61)
            for path in ("/auth/verify/request", "/auth/password/reset/request"):
                house.client.post(path, json={"email": LIMITED}, headers=house.somebody())
        yield house


def test_s20_every_address_gets_the_same_page(house: House) -> None:
    """Unknown, waiting, verified, deleted, disabled, or written to as often as may be: asked for, and asked again."""
    for path, again in ASKED:
        pages = {email: house.send(path, email=email, **FORMS[path], **again) for email in PEOPLE}
        assert {(200, True)} == {(status, email in text) for email, (status, text) in pages.items()}
        assert 1 == len({text.replace(email, "the address") for email, (_, text) in pages.items()}), (path, again)
        assert "Check your inbox" in pages[UNKNOWN][1]
        assert "Open Gmail" in pages[UNKNOWN][1]
        assert ("Asked again" in pages[UNKNOWN][1]) == bool(again)
        assert "The owner" not in pages[TAKEN][1]
