"""Read the audit log: pages of it, newest first. Changes nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from gatepost.audit.tables import audit

# A filter that no index serves is asked of so many deeds and no more.
LOOKED_THROUGH = 50_000
MAX_PAGE = 10_000
_LAST_ID = uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True)
class DeedRow:
    """One thing an operator did, and to what. `at` is in milliseconds since the epoch."""

    id: uuid.UUID
    at: int
    actor: str
    action: str
    subject: uuid.UUID
    result: uuid.UUID | None
    state_before: str | None
    state_after: str | None
    reason: str | None
    request_id: str | None


@dataclass(frozen=True)
class Wanted:
    """Which deeds are asked for; None means any.

    Args:
        actor: part of who did it.
        action: what was done.
        subject: the row it was done to.
        before: only older than this one: the last one of the page before.
    """

    actor: str | None = None
    action: str | None = None
    subject: uuid.UUID | None = None
    before: uuid.UUID | None = None


_ROW = [audit.c[name] for name in DeedRow.__dataclass_fields__]


def page(connection: Connection, wanted: Wanted, *, limit: int) -> Sequence[DeedRow]:
    """Return deeds, newest first, at most MAX_PAGE.

    Actor and action are looked for in the LOOKED_THROUGH deeds before `before`, those of one subject by their index.

    Args:
        connection: a reading connection.
        wanted: which ones.
        limit: how many.
    """
    newest = select(*_ROW).where(audit.c.id < (wanted.before or _LAST_ID)).order_by(audit.c.id.desc())
    if wanted.subject is not None:
        newest = newest.where(audit.c.subject == wanted.subject)
    if wanted.actor is not None or wanted.action is not None:
        newest = _among(newest, wanted)
    return [DeedRow(*row) for row in connection.execute(newest.limit(min(limit, MAX_PAGE)))]


def _among(newest: Select[Any], wanted: Wanted) -> Select[Any]:
    looked = newest.limit(LOOKED_THROUGH).subquery()
    query = select(looked).order_by(looked.c.id.desc())
    if wanted.actor is not None:
        query = query.where(looked.c.actor.contains(wanted.actor, autoescape=True))
    return query if wanted.action is None else query.where(looked.c.action == wanted.action)
