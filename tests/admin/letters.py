"""Messages for tests of the operators' pages: of real registrations."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from gatepost.audit.trail import Signature
from gatepost.outbox.queue_hold import hold_queue, release_queue
from gatepost.outbox.tables import messages
from tests.admin.site import PASSWORD, Site

PATIENCE_S = 10
BY = Signature(actor="operator mira", reason="the provider is down")


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


@contextmanager
def queue_held(house: Site) -> Iterator[None]:
    """Nothing goes out meanwhile."""
    parts = (house.gatepost.write, house.gatepost.clock, house.gatepost.events, BY)
    house.call(hold_queue, *parts)
    try:
        yield
    finally:
        house.call(release_queue, *parts)
