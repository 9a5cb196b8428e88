"""The services a walk through all pages needs, and the people who sign up there."""

import email
import email.policy
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.support.service import Service

PASSWORD = "tide tables and a lantern"
WITHIN_S = 20.0
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1"
LAPTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
_LINK = re.compile(r"http://[\w.:-]+/(?:(\S+?)\?token=[\w.-]+\S*|(mail/unsubscribe)/[\w-]+)")


class House:
    """The services that the states need, each started when it is first needed, and people who sign up there.

    Args:
        folder: where they run.
        settings: of all of them, by their names without GATEPOST_.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._settings = {
            "PRODUCT_NAME": "Tidewater",
            "SENDER": "Tidewater <hello@tidewater.example>",
            **settings,
        }
        self._services: dict[str, Service] = {}
        self._ending = ExitStack()
        self._people = 0

    def close(self) -> None:
        """End all of them."""
        self._ending.close()

    @property
    def everyday(self) -> Service:
        """The one with people and mail in it."""
        return self._service("everyday")

    @property
    def strict(self) -> Service:
        """One that limits requests, and has never sent any mail."""
        return self._service("strict", RATE_LIMITS="on")

    @property
    def workshop(self) -> Service:
        """One whose development mail server misbehaves."""
        return self._service("workshop")

    @property
    def cut_off(self) -> Service:
        """One whose mail server is away, so that mail is delayed for everybody."""
        if "cut off" not in self._services:
            nobody = socket.socket()  # taken and not listening, so that nobody else comes to listen there
            self._ending.callback(nobody.close)
            nobody.bind(("127.0.0.1", 0))
            service = self._service("cut off", nobody.getsockname()[1])
            assert 202 == service.post("/auth/register", email=self.stranger(), password=PASSWORD)[0]
            _wait_until(lambda: b"notice" in service.get("/gatepost/mail-delay")[2], "mail is not called delayed")
        return self._services["cut off"]

    def _service(self, name: str, smtp_port: int | None = None, **more: str) -> Service:
        if name not in self._services:
            folder = self._folder / name
            folder.mkdir()
            service = Service(folder, smtp_port, **self._settings, **more)
            self._ending.callback(service.close)
            service.start()
            service.wait_until_ready()
            self._services[name] = service
        return self._services[name]

    def stranger(self) -> str:
        """An address nobody has used yet."""
        self._people += 1
        return f"mira.lind{self._people}@example.com"

    def register(self, address: str, password: str = PASSWORD) -> None:
        """Sign up."""
        assert 202 == self.everyday.post("/auth/register", email=address, password=password, name="Mira Lind")[0]

    def person(self) -> str:
        """Somebody with a verified address; returns it."""
        address = self.stranger()
        self.register(address)
        token = self.link(address, "verify").partition("token=")[2].partition("&")[0]
        assert 200 == self.everyday.post("/auth/verify", token=token)[0]
        return address

    def sign_in(self, address: str, browser: str) -> str:
        """Sign in somewhere; returns the value of the session's cookie."""
        body = f'{{"email": "{address}", "password": "{PASSWORD}"}}'.encode()
        status, fields, _ = self.everyday.request("POST", "/auth/login", body, User_Agent=browser)
        assert 200 == status
        return fields["set-cookie"].partition(";")[0].partition("=")[2]

    def link(self, address: str, kind: str) -> str:
        """The newest link of this kind in a message to this address, once there is one.

        Args:
            address: of the recipient.
            kind: the path it leads to, such as `verify` or `email/undo`, or `mail/unsubscribe`.
        """
        return self._message(address, kind)[1]

    def message(self, address: str, kind: str) -> str:
        """The name, in the mailbox, of the newest message to this address with a link of this kind."""
        return self._message(address, kind)[0]

    def _message(self, address: str, kind: str) -> tuple[str, str]:
        found: list[tuple[str, str]] = []
        _wait_until(lambda: bool(found.extend(self._links(address, kind)) or found), f"no /{kind} came to {address}")
        return found[0]

    def _links(self, address: str, kind: str) -> Iterator[tuple[str, str]]:
        for path in sorted((self.everyday.folder / "mailbox").glob("*.eml"), reverse=True):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            text = message.get_body(("plain",))
            if message["To"] and address in message["To"] and text is not None:
                yield from ((path.name, one[0]) for one in _LINK.finditer(text.get_content()) if kind in one.groups())


def _wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < give_up_at, otherwise
        time.sleep(0.02)  # a file that appears tells nobody
