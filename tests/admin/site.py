"""The service with operators: real routes, a real SQLite file, a browser that is signed in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.audit.trail import Signature
from gatepost.clock import Clock
from gatepost.events import Event
from gatepost.operators.crew import Crew
from gatepost.operators.role import Role
from gatepost.settings import Settings
from tests.support.issued_secrets import ISSUED

CHEAP = {"argon2_memory_kib": 8, "argon2_time_cost": 1}
PASSWORD = "seven lanterns by the tide"
BY = Signature(actor="the tests", reason="so that there is one")
_FORM_KEY = re.compile(r'name="form_key" value="([0-9a-f]+)"')


@dataclass
class Site:
    """A running service; `browser` is nobody's."""

    gatepost: Gatepost
    browser: TestClient
    happened: list[Event] = field(default_factory=list)

    def add(self, name: str, role: Role) -> None:
        """Add an operator with PASSWORD."""

        async def add() -> None:
            ISSUED.note("password", PASSWORD)
            hashed = await self.gatepost.gate.passwords.hash(PASSWORD)
            crew = Crew(self.gatepost.write, self.gatepost.clock, self.gatepost.events)
            await crew.add(name, role, hashed, BY)

        self.call(add)

    def call(self, function: Any, *arguments: Any) -> Any:
        """Run a coroutine function where the service runs."""
        assert self.browser.portal is not None
        return self.browser.portal.call(function, *arguments)

    def read(self, query: Any) -> Any:
        """Read the database."""
        return self.call(self.gatepost._context.database.read, query)

    def browser_of(self, role: Role) -> "Browser":
        """A browser in which an operator of this role is signed in; it makes the operator."""
        name = f"{role}.{len(self.happened)}"
        self.add(name, role)
        client = TestClient(self.browser.app, base_url=str(self.browser.base_url), follow_redirects=False)
        client.portal = self.browser.portal  # the same event loop: the same service
        browser = Browser(client)
        answer = browser.send("/admin/login", {"name": name, "password": PASSWORD}, page="/admin/login")
        assert answer.status_code == 303, answer.text
        return browser


@dataclass
class Browser:
    """A browser with its cookies."""

    client: TestClient

    def get(self, path: str, **options: Any) -> Any:
        """Open a page."""
        return self.client.get(path, headers={"accept": "text/html", **options.pop("headers", {})}, **options)

    def send(self, path: str, fields: dict[str, str], *, page: str) -> Any:
        """Send a form as the page `page` has it."""
        key = _FORM_KEY.search(self.get(page).text)
        assert key is not None, page
        headers = {"accept": "text/html", "origin": str(self.client.base_url).rstrip("/")}
        return self.client.post(path, data={"form_key": key[1], **fields}, headers=headers)


@contextmanager
def site(folder: Path, *, clock: Clock | None = None, **settings: Any) -> Iterator[Site]:
    """Run a service of a folder, by the machine's clock unless told."""
    wanted = {"database_url": f"sqlite:///{folder / 'gatepost.db'}", "rate_limits": False, **CHEAP, **settings}
    gatepost = Gatepost(Settings(**wanted), clock=clock)
    made = Site(gatepost, TestClient(create_app(gatepost), base_url="http://127.0.0.1:8000", follow_redirects=False))
    gatepost.events.subscribe(made.happened.append)
    with made.browser:
        yield made
