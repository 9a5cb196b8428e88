"""Read the audit log: pages of it, newest first. Changes nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

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
    looked = select(*_ROW).where(audit.c.id < (wanted.before or _LAST_ID)).order_by(audit.c.id.desc())
    if wanted.subject is not None:
        looked = looked.where(audit.c.subject == wanted.subject)
    stretch = looked.limit(LOOKED_THROUGH).subquery()
    query = select(stretch).order_by(stretch.c.id.desc())
    if wanted.actor is not None:
        query = query.where(stretch.c.actor.contains(wanted.actor, autoescape=True))
    if wanted.action is not None:
        query = query.where(stretch.c.action == wanted.action)
    return [DeedRow(*row) for row in connection.execute(query.limit(min(limit, MAX_PAGE)))]
