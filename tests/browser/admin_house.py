"""A service with operators and with mail that met everything: what the tests and pictures of /admin look at.

All of it is real: people signed up over HTTP, a submission server of ours was told to misbehave, a provider posted what
became of mail, and operators acted through the routes there are.
"""

import contextlib
import http.client
import http.cookies
import json
import re
import sqlite3
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from gatepost.database.columns import new_row_id
from gatepost.operators.role import Role
from gatepost.testing import Drop, Greylist, Refuse, Step, SubmissionServer
from tests.browser.house import LAPTOP, PASSWORD, PHONE, WITHIN_S
from tests.feedback.posting import SECRET, standard
from tests.support.issued_secrets import ISSUED
from tests.support.service import Service

ADMIN = "the-token-of-the-tests-of-operators-pages"
# Who they are, and what becomes of the mail to each.
FULL, GONE, GREY, LOST = "full@gmail.com", "gone@outlook.com", "late@grey.example", "lost@quay.example"
ADA, BO, ELSA, UNKNOWN = "ada@example.com", "bo@example.com", "elsa@example.com", "nobody@example.com"
HELD = "kept@example.com"
_KEY = re.compile(r'name="form_key" value="([0-9a-f]+)"')
_COOKIE = "gatepost-operator"


class AdminHouse:
    """The service, its submission server, and who operates it.

    Args:
        folder: where it runs.
        settings: of the service, by their names without GATEPOST_.

    Attributes:
        lived_at: when everything had happened.
    """

    def __init__(self, folder: Path, **settings: str) -> None:
        self._ending = ExitStack()
        self.mail = self._ending.enter_context(SubmissionServer.in_thread())
        self.service = Service(
            folder,
            self.mail.port,
            **{
                "PRODUCT_NAME": "Tidewater",
                "SENDER": "Tidewater <hello@tidewater.example>",
                "ADMIN_TOKEN": ADMIN,
                "FEEDBACK_STANDARD_SECRETS": SECRET,
                "WELCOME": "off",
                **settings,
            },
        )
        self._ending.callback(self.service.close)
        self.service.start()
        self.service.wait_until_ready()
        self._sessions: dict[Role, str] = {}
        self._accounts: dict[str, str] = {}
        self.lived_at = datetime.now(UTC)

    def close(self) -> None:
        """End both."""
        self._ending.close()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.service.port}"

    # People and their mail.

    def register(self, address: str, name: str = "Mira Lind") -> None:
        """Sign up."""
        assert 202 == self.service.post("/auth/register", email=address, password=PASSWORD, name=name)[0]

    def ask_for_reset(self, address: str) -> None:
        """Forget the password."""
        assert 202 == self.service.post("/auth/password/reset/request", email=address)[0]

    def verify(self, address: str) -> None:
        """Open the mailed link, after a scanner did, and press the button behind it."""
        token = self._link(address)
        fields = {"User_Agent": PHONE, "Accept_Language": "en", "Sec_Fetch_Mode": "navigate"}
        self.service.request("GET", f"/verify?token={token}", User_Agent="Barracuda Sentinel (EE)")
        self.service.request("GET", f"/verify?token={token}", **fields)
        assert 200 == self.service.post("/auth/verify", token=token)[0]

    def _link(self, address: str) -> str:
        found = [one for one in self.mail.messages if one.recipient == address]
        text = found[-1].content.replace(b"=\r\n", b"").replace(b"=3D", b"=").decode()
        match = re.search(r"/verify\?token=([\w.-]+)", text)
        assert match is not None, text
        return match[1]

    def sign_in(self, address: str, browser: str = LAPTOP) -> None:
        """Sign in as a person."""
        body = json.dumps({"email": address, "password": PASSWORD}).encode()
        assert 200 == self.service.request("POST", "/auth/login", body, User_Agent=browser)[0]

    def messages(self, address: str) -> list[tuple[str, str]]:
        """The messages to an address, newest first: id and state. Of UNKNOWN only a hash is kept."""
        whose = "recipient IS NULL" if address == UNKNOWN else f"recipient_key = '{address}'"
        query = f"SELECT id, state FROM messages WHERE {whose} ORDER BY id DESC"
        (rows,) = self.service.tables.read(query)
        return [(str(uuid.UUID(bytes=row[0])), str(row[1])) for row in rows]

    def message(self, address: str) -> str:
        """The id of the newest message to an address."""
        return self.messages(address)[0][0]

    def account(self, address: str) -> str:
        """The id of the account that had this address when it was first asked for."""
        if address not in self._accounts:
            (rows,) = self.service.tables.read(f"SELECT id FROM accounts WHERE email = '{address}'")
            self._accounts[address] = str(uuid.UUID(bytes=rows[0][0]))
        return self._accounts[address]

    def wait_for(self, address: str, state: str) -> str:
        """Wait until the newest message to an address is in a state; returns its id."""
        wait_until(
            lambda: bool(found := self.messages(address)) and found[0][1] == state, f"{address} never was {state}"
        )
        return self.message(address)

    def tell(self, kind: str, message: str, **more: str) -> None:
        """Post what a provider tells of a message."""
        event = {"type": f"message.{kind}", "data": {"id": message, **more}}
        posted = standard(event, at_s=int(time.time()), own_id=f"msg_{uuid.uuid4().hex}")
        fields = {name.replace("-", "_"): value for name, value in posted.headers.items()}
        assert 200 == self.service.request("POST", "/feedback/standard", posted.body, **fields)[0]

    def act(self, action: str, message: str, reason: str) -> None:
        """Do something to a message as a program with the token."""
        body = json.dumps({"reason": reason}).encode()
        status, _, said = self.service.request(
            "POST", f"/mail/messages/{message}/{action}", body, Authorization=f"Bearer {ADMIN}"
        )
        assert status in (200, 201, 202), said

    def lose_the_mail_server(self) -> None:
        """Let the mail server go away, and somebody sign up, until the service has noticed."""
        self.mail.go_away()
        self.register("mira.lind@example.com")
        self.service.wait_for_log("server_failed")

    # Operators.

    def session(self, role: Role) -> str:
        """The cookie of an operator of this role who is signed in; it makes the operator."""
        if role not in self._sessions:
            self._sessions[role] = self.sign_in_operator(self.operator(role))
        return self._sessions[role]

    def operator(self, role: Role, name: str = "") -> str:
        """Put an operator into the database, whose password is PASSWORD: starting the command line takes seconds."""
        name = name or f"mira.{role}"
        phc = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        row = (new_row_id().bytes, name, str(role), phc, int(time.time() * 1000))
        with contextlib.closing(sqlite3.connect(self.service.database)) as connection, connection:
            connection.execute("INSERT INTO operators VALUES (?, ?, ?, ?, ?, NULL)", row)
        ISSUED.note("password", PASSWORD)
        return name

    def sign_in_operator(self, name: str) -> str:
        """Sign in as an operator; returns the value of the session's cookie."""
        _, fields, page = self.service.request("GET", "/admin/login", Accept="text/html")
        key = _KEY.search(page.decode())
        assert key is not None, page
        form = urllib.parse.urlencode({"form_key": key[1], "name": name, "password": PASSWORD})
        sent = {"Cookie": fields["set-cookie"].partition(";")[0], "Origin": self.url, "Accept": "text/html"}
        sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=WITHIN_S)
        with contextlib.closing(connection):
            connection.request("POST", "/admin/login", form, sent)
            answer = connection.getresponse()
            cookies = [one for one in answer.headers.get_all("set-cookie", []) if one.startswith(f"{_COOKIE}=")]
            assert 303 == answer.status, answer.read()
        ISSUED.note_answer(b"", cookies)
        return http.cookies.SimpleCookie(cookies[-1])[_COOKIE].value

    def cookie(self, role: Role) -> dict[str, Any]:
        """The same as a browser's context takes it."""
        return {"name": _COOKIE, "value": self.session(role), "url": self.url}

    def get(self, path: str, role: Role = Role.OWNER) -> tuple[int, str]:
        """Open a page without a browser; returns its status and text."""
        answer = self.service.request("GET", path, Accept="text/html", Cookie=f"{_COOKIE}={self.session(role)}")
        return answer[0], answer[2].decode()


def wait_until(happened: Callable[[], bool], otherwise: str) -> None:
    """Ask again and again, as long as the tests of pages wait."""
    give_up_at = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < give_up_at, otherwise
        time.sleep(0.02)  # a row that changes in another process tells nobody


def live_through_everything(house: AdminHouse) -> None:
    """Let people sign up whose mail is taken, refused, put off, lost on its way, bounced, complained of and held."""
    server = house.mail
    quota = "452 4.2.2 The email account that you tried to reach is over quota. Ask them to clear out space"
    server.at(Step.RCPT, Refuse(quota), recipient=FULL)
    server.at(Step.RCPT, Refuse("550 5.1.1 Requested action not taken: mailbox unavailable"), recipient=GONE)
    server.at(Step.RCPT, Greylist(3600), recipient=GREY)
    server.at(Step.TAKEN, Drop(), recipient=LOST)
    for address in (FULL, GONE, GREY, LOST, ADA, BO, ELSA):
        house.register(address)
    house.tell("delivered", house.wait_for(ADA, "accepted"))
    house.verify(ADA)
    house.sign_in(ADA)
    house.sign_in(ADA, PHONE)
    house.tell("bounced", house.wait_for(BO, "accepted"), status="5.1.1", detail="550 5.1.1 <bo@example.com> unknown")
    house.tell("complained", house.wait_for(ELSA, "accepted"))
    house.ask_for_reset(UNKNOWN)
    for address, state in ((FULL, "deferred"), (GONE, "failed"), (GREY, "deferred"), (LOST, "unknown")):
        house.wait_for(address, state)
    house.act("resend", house.message(ADA), "She deleted the first one by mistake.")
    server.at(Step.RCPT, Refuse("450 4.7.1 Try again later"), recipient=HELD, times=1)
    house.register(HELD)
    house.act("hold", house.wait_for(HELD, "deferred"), "Waiting for an answer from the host of this domain.")


@contextlib.contextmanager
def lived_in(folder: Path, **settings: str) -> Iterator[AdminHouse]:
    """A house in which all of that has happened."""
    house = AdminHouse(folder, **settings)
    try:
        live_through_everything(house)
        house.lived_at = datetime.now(UTC)
        yield house
    finally:
        house.close()
