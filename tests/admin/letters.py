"""Messages for tests of the operators' pages: of real registrations, in a state of choice."""

import time
import uuid
from typing import Any

from sqlalchemy import select, update

from gatepost.outbox.tables import messages
from tests.admin.site import PASSWORD, Site

PATIENCE_S = 10


def register(house: Site, address: str, name: str = "Ada Lovelace") -> uuid.UUID:
    """Sign up; returns the id of the verification message."""
    body = {"email": address, "password": PASSWORD, "name": name}
    assert 202 == house.browser.post("/auth/register", json=body).status_code
    return newest(house, "verification")


def newest(house: Site, template: str) -> uuid.UUID:
    """The id of the newest message of a template."""
    query = select(messages.c.id).where(messages.c.template == template).order_by(messages.c.id.desc()).limit(1)
    id: uuid.UUID = house.read(lambda connection: connection.execute(query).scalar_one())
    return id


def row(house: Site, id: uuid.UUID) -> Any:
    """A message as it is stored."""
    return house.read(lambda connection: connection.execute(select(messages).where(messages.c.id == id)).one())


def accepted(house: Site, id: uuid.UUID) -> uuid.UUID:
    """Wait until the development mail server has taken a message."""
    until = time.monotonic() + PATIENCE_S
    while row(house, id).state != "accepted":
        assert time.monotonic() < until, row(house, id)
    return id


def change(house: Site, id: uuid.UUID, **values: Any) -> None:
    """Write what became of a message into its row."""

    async def write() -> None:
        query = update(messages).where(messages.c.id == id).values(**values)
        await house.gatepost._database.write(lambda tx: tx.execute(query))

    house.call(write)
