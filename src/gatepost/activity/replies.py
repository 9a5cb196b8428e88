"""What the servers said last, from the tries of the newest messages. Reads only, and costs the same whatever is stored.

No index leads to the newest tries. They belong to messages that were settled last, or that wait for another try.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select

from gatepost.outbox.lifecycle import State
from gatepost.outbox.stretch import stretch
from gatepost.outbox.tables import IS_SETTLED, attempts, messages

SHOWN = 20
# Looked at of each kind: what was settled without a try is among them.
_SETTLED, _WAITING = 60, 20
_TRIED = (State.DEFERRED, State.QUEUED, State.UNKNOWN)
_TRIES_EACH = 3

_NEWEST_SETTLED = (
    select(messages.c.id).where(IS_SETTLED).order_by(messages.c.settled_at.desc()).limit(bindparam("most"))
)
_COLUMNS = ("message", "phase", "outcome", "reply_code", "enhanced_status", "reply_text", "server", "started_at")
_TRIES = (
    select(*(attempts.c[name] for name in (*_COLUMNS, "duration_ms")))
    .where(attempts.c.message == bindparam("of_id"))
    .order_by(attempts.c.claim_number.desc())
    .limit(_TRIES_EACH)
)


@dataclass(frozen=True)
class Said:
    """What one server said in one try; see `gatepost.outbox.search.AttemptRow`."""

    message: uuid.UUID
    phase: str | None
    outcome: str
    reply_code: int | None
    enhanced_status: str | None
    reply_text: str | None
    server: str | None
    started_at: int
    duration_ms: int | None


def last_replies(connection: Connection) -> Mapping[str, tuple[Said, ...]]:
    """Return the newest tries of each server, newest first, at most SHOWN; "" has those that reached no server."""
    ids = set(connection.execute(_NEWEST_SETTLED, {"most": _SETTLED}).scalars())
    for state in _TRIED:
        ids.update(connection.execute(stretch({"state": state}, newest_first=True).limit(_WAITING)).scalars())
    # Each by itself: for a list of messages PostgreSQL may read through all tries there are.
    tries = [Said(**row._mapping) for one in ids for row in connection.execute(_TRIES, {"of_id": one})]
    found: dict[str, list[Said]] = {}
    for said in sorted(tries, key=lambda said: said.started_at, reverse=True):
        of_server = found.setdefault(said.server or "", [])
        if len(of_server) < SHOWN:
            of_server.append(said)
    return {server: tuple(several) for server, several in found.items()}
