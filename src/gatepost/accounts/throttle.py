"""How often one address is written to: what a stranger can cause must never become a nuisance."""

import uuid
from enum import StrEnum

from sqlalchemy import Connection

from gatepost.outbox.search import latest, on_its_way

MIN_APART_S = 60
TOLD_AGAIN_AFTER_S = 24 * 3600


class Wish(StrEnum):
    """Whether a message may go out, and the reason in its row when it may not."""

    GRANTED = "granted"
    WAITING = "waiting"
    TOLD_TODAY = "told_today"

    @property
    def reason(self) -> str | None:
        """What the row born cancelled says; None when the message goes out."""
        return None if self is Wish.GRANTED else str(self)


def waiting(connection: Connection, account_id: uuid.UUID, template: str, now_ms: int) -> Wish:
    """Not another one while one is on its way or younger than a minute."""
    before = latest(connection, account_id, template)
    if before is None:
        return Wish.GRANTED
    young = before["created_at"] > now_ms - MIN_APART_S * 1000
    return Wish.WAITING if young or on_its_way(before) else Wish.GRANTED


def told_today(connection: Connection, account_id: uuid.UUID, now_ms: int) -> Wish:
    """Tell an owner at most once a day that somebody tried to register with the address."""
    before = latest(connection, account_id, "account_exists")
    if before is None or before["created_at"] <= now_ms - TOLD_AGAIN_AFTER_S * 1000:
        return Wish.GRANTED
    return Wish.TOLD_TODAY
