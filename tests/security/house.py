"""A whole service for these tests: real routes, flows, database and worker, a clock that moves, and its mailbox."""

import itertools
import re
import threading
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.events import Event, Events, MessageAccepted, RequestAnswered, RequestFailed
from gatepost.settings import Settings
from gatepost.transport.folder import FolderTransport, Mailbox
from tests.support.clock import MovableClock
from tests.web.site import PRODUCTION

ADMIN = "operators-and-nobody-else-" + "a" * 16
PASSWORD = "sandpiper quartz ladle"
MAIL_TIMEOUT_S = 15
_FORM_KEY = re.compile(r'name="form_key" value="([0-9a-f]{64})"')


class House:
    """One service on a SQLite file of its own.

    Args:
        folder: where the database and the mailbox lie.
        transport: how messages are submitted; the development mailbox when None.
        challenge: the product's own check of strangers; none when None.
        settings: further settings.
    """

    def __init__(self, folder: Path, *, transport: Any = None, challenge: Any = None, **settings: Any) -> None:
        self.folder = folder
        self.clock = MovableClock()
        self.heard: list[Event] = []
        self._accepted = threading.Condition()
        events = Events()
        events.subscribe(self._hear)
        cheap = {"argon2_memory_kib": 8, "argon2_time_cost": 1} if settings.get("environment") != "production" else {}
        self.settings = Settings(
            **{
                "database_url": f"sqlite:///{folder}/gatepost.db",
                "admin_token": ADMIN,
                "welcome": "off",
                **cheap,
                **settings,
            }
        )
        self.gatepost = Gatepost(
            self.settings, events=events, clock=self.clock, transport=transport, challenge=challenge
        )
        self.app: FastAPI = create_app(self.gatepost)
        self.mailbox = Mailbox(folder / "mailbox")
        self._names = (f"person{number}@example.com" for number in itertools.count())

    def client(self, **options: Any) -> TestClient:
        """A client at PUBLIC_URL; entered with `with` it runs the service."""
        options = {"base_url": self.settings.public_url, "follow_redirects": False, **options}
        return TestClient(self.app, **{"client": ("127.0.0.1", 1), "raise_server_exceptions": False, **options})

    # ---- people ---------------------------------------------------------------------------------------------

    def person(self, client: TestClient, email: str | None = None, password: str = PASSWORD) -> str:
        """Register and prove an address; returns it."""
        email = email or next(self._names)
        registered = client.post("/auth/register", json={"email": email, "password": password})
        assert registered.status_code == 202, registered.text
        verified = client.post("/auth/verify", json={"token": self.token("erify", email)})
        assert verified.status_code == 200, verified.text
        client.cookies.clear()
        return email

    def session(self, client: TestClient, email: str | None = None, password: str = PASSWORD) -> str:
        """Sign in; returns the session's token. The client keeps no cookie."""
        email = email or self.person(client, password=password)
        signed_in = client.post("/auth/login", json={"email": email, "password": password})
        assert signed_in.status_code == 200, signed_in.text
        client.cookies.clear()
        return str(signed_in.json()["token"])

    # ---- mail -----------------------------------------------------------------------------------------------

    def mail(self, subject: str, to: str) -> str:
        """Wait until a message is accepted, and return its text."""
        with self._accepted:
            assert self._accepted.wait_for(lambda: self._find(subject, to) is not None, MAIL_TIMEOUT_S), (subject, to)
        return self._find(subject, to) or ""

    def token(self, subject: str, to: str) -> str:
        """The token in the newest such message."""
        found = re.search(r"token=([\w-]+)", self.mail(subject, to))
        assert found is not None
        return found[1]

    def wait_for_mail(self, count: int) -> None:
        """Wait until so many messages are accepted."""
        with self._accepted:
            assert self._accepted.wait_for(lambda: len(self.of(MessageAccepted)) >= count, MAIL_TIMEOUT_S)

    def _find(self, subject: str, to: str) -> str | None:
        names = [one.name for one in self.mailbox.list(200) if subject in one.subject and one.recipient == to]
        message = self.mailbox.read(names[0]) if names else None
        return message.text if message else None

    # ---- what was said --------------------------------------------------------------------------------------

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one kind, oldest first."""
        return [event for event in list(self.heard) if isinstance(event, kind)]

    def failures(self) -> list[RequestFailed]:
        """Every bug that answered 500."""
        return self.of(RequestFailed)

    def answers(self) -> list[RequestAnswered]:
        """Every answer that was told."""
        return self.of(RequestAnswered)

    def _hear(self, event: Event) -> None:
        with self._accepted:
            self.heard.append(event)
            if isinstance(event, MessageAccepted):
                self._accepted.notify_all()


def as_admin(token: str = ADMIN) -> dict[str, str]:
    """The header field that an operator sends, or anybody with another token."""
    return {"authorization": f"Bearer {token}"}


def send_form(client: TestClient, path: str, **fields: str) -> Any:
    """Open a page as a browser does, fill in its form and send it."""
    found = _FORM_KEY.search(client.get(path, headers={"accept": "text/html"}).text)
    assert found is not None, path
    return client.post(path.partition("?")[0], data={"form_key": found[1], **fields}, headers={"accept": "text/html"})


def in_production(folder: Path, **settings: Any) -> House:
    """A house as production runs it: https, limits, real hashes; its mail stays in the folder all the same."""
    wanted = {**PRODUCTION, "admin_token": ADMIN, **settings}
    return House(folder, transport=FolderTransport(folder / "mailbox"), **wanted)
