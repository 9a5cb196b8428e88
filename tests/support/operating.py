"""An operator as the tests of the outbox play one."""

import uuid
from functools import partial
from typing import Any

from sqlalchemy import insert, select, update

from gatepost.audit.trail import Signature
from gatepost.database.connection import Database
from gatepost.outbox.actions import Action
from gatepost.outbox.enqueue import new_row
from gatepost.outbox.operate import Acted, act
from gatepost.outbox.search import MessageDetail, find
from gatepost.outbox.tables import messages
from tests.support.outbox import NOW_MS, draft

ADA = Signature(actor="admin token", reason="she asked for it", request_id="request-9")


async def operate(
    database: Database, action: Action, message: uuid.UUID, *, by: Signature = ADA, now_ms: int = NOW_MS
) -> Acted:
    """Do it in a transaction of its own."""
    return await database.write(partial(act, action=action, message_id=message, by=by, now_ms=now_ms))


async def found(database: Database, message: uuid.UUID) -> MessageDetail:
    """One message with everything about it."""
    detail = await database.read(partial(find, message_id=message))
    assert detail is not None
    return detail


async def row_of(database: Database, message: uuid.UUID) -> dict[str, Any]:
    """One row of `messages`, every column."""
    query = select(messages).where(messages.c.id == message)
    return await database.read(lambda connection: dict(connection.execute(query).mappings().one()))


async def in_state(database: Database, state: str, **changes: Any) -> uuid.UUID:
    """A message in a state, brought there by the moves there are."""
    ways = {
        "sending": ["sending"],
        "deferred": ["sending", "deferred"],
        "committing": ["sending", "committing"],
        "accepted": ["sending", "committing", "accepted"],
        "delivered": ["sending", "committing", "accepted", "delivered"],
        "bounced": ["sending", "committing", "accepted", "bounced"],
        "failed": ["sending", "failed"],
        "unknown": ["sending", "committing", "unknown"],
    }
    born = state if state in ("queued", "cancelled", "suppressed") else "queued"
    row = new_row(draft(), now_ms=NOW_MS, domain="gatepost.example") | {"state": born}
    row |= {"reason": "superseded"} if state == "cancelled" else {"reason": "listed"} if state == "suppressed" else {}
    for later in [None, *ways.get(state, [] if state == born else [state])]:
        values: dict[str, Any] = {}
        if later is not None:
            in_flight = later in ("sending", "committing")
            values = {"state": later, "owner": "worker-1" if in_flight else None, "reason": "said so"}
            values["due_at"] = NOW_MS if later in ("sending", "committing", "deferred") else None
        await database.write(partial(_store, row=row, values=values))
    if changes:
        await database.write(partial(_store, row=row, values=changes))
    message: uuid.UUID = row["id"]
    return message


def _store(tx: Any, *, row: dict[str, Any], values: dict[str, Any]) -> None:
    if values:
        tx.execute(update(messages).where(messages.c.id == row["id"]).values(values))
    else:
        tx.execute(insert(messages), row)
