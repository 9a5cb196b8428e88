"""Somebody with a proved address at a house, and mailed tokens of every kind for the asking."""

import base64
import json
import uuid
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from gatepost.accounts.tables import accounts, tokens
from gatepost.accounts.tokens import Purpose
from gatepost.database.columns import metadata
from gatepost.outbox.tables import messages
from tests.security.house import House
from tests.support.minting import mint, void

ROUTES = {
    Purpose.VERIFICATION: "/auth/verify",
    Purpose.PASSWORD_RESET: "/auth/password/reset",
    Purpose.ADDRESS_CHANGE: "/auth/email/confirm",
    Purpose.ADDRESS_UNDO: "/auth/email/undo",
}
PAGES = {
    Purpose.VERIFICATION: "/verify",
    Purpose.PASSWORD_RESET: "/reset",
    Purpose.ADDRESS_CHANGE: "/email/confirm",
    Purpose.ADDRESS_UNDO: "/email/undo",
}


class Person:
    """The account, and what the database holds of it."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house, self.client = house, client
        self.email = house.person(client)
        self.gate = house.gatepost.gate
        query = select(accounts.c.id).where(accounts.c.address_key == self.email)
        self.id: uuid.UUID = self.ask(
            self.gate.database.read, lambda connection: connection.execute(query).scalar_one()
        )

    def ask(self, work: Any, *given: Any) -> Any:
        """Run a coroutine function on the service's own loop."""
        assert self.client.portal is not None
        return self.client.portal.call(work, *given)

    def mint(self, purpose: Purpose) -> str:
        return str(self.ask(mint, self.gate, purpose, self.id, self.email))

    def void(self, purpose: Purpose) -> None:
        self.ask(void, self.gate, purpose, self.id)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""

        def query(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

        return dict(self.ask(self.gate.database.read, query))

    def wait_for_all_mail(self) -> None:
        """Until the worker has nothing left to write."""
        meant = select(func.count()).select_from(messages).where(messages.c.state != "cancelled")
        self.house.wait_for_mail(
            self.ask(self.gate.database.read, lambda connection: connection.execute(meant).scalar_one())
        )

    def token_row(self, token: str) -> Any:
        wanted = base64.urlsafe_b64decode(token)[:16]
        query = select(tokens).where(tokens.c.id == wanted)
        return self.ask(self.gate.database.read, lambda connection: connection.execute(query).mappings().one())


def shape(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All of an answer but what differs for every request."""
    request_id = answer.headers["x-request-id"]
    fields = [(name, value) for name, value in answer.headers.multi_items() if name != "x-request-id"]
    return answer.status_code, answer.content.replace(request_id.encode(), b"-"), fields


def redeem(client: TestClient, purpose: Purpose, token: Any) -> Any:
    sent = json.dumps({"token": token, "password": "another quartz ladle"})
    return client.post(ROUTES[purpose], content=sent, headers={"content-type": "application/json"})


def bad(client: TestClient, purpose: Purpose) -> tuple[int, bytes, list[tuple[str, str]]]:
    """How garbage is answered."""
    answer = redeem(client, purpose, "garbage")
    assert (400, "bad_token") == (answer.status_code, answer.json()["code"])
    return shape(answer)
