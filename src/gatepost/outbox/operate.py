"""Hold, release, cancel and resend one message: the move and its row in `audit`, in one transaction.

The message's row is taken first. From there to the commit no worker can claim it (claims pass over what others hold),
and a worker that has claimed it has committed that: so the operator decides by what is true, and wins whole or is
refused whole. On SQLite one transaction writes at a time anyhow.
"""

import json
import uuid
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, RowMapping, and_, bindparam, insert, or_, select, update

from gatepost.audit.trail import Signature, record
from gatepost.clock import Clock, minute
from gatepost.database.connection import Work
from gatepost.database.work import traceparent_of
from gatepost.errors import ActionRefused, NoSuchMessage
from gatepost.events import Events, OperatorActed
from gatepost.mail.draft import Draft, IfUnknown, Priority
from gatepost.outbox.actions import (
    BY_OPERATOR,
    COPY_DUE_TEXT,
    FORGOTTEN_TEXT,
    LEADS_TO,
    NOBODY_TEXT,
    NOT_WANTED_TEXT,
    SENT_AGAIN_TEXT,
    TIME_IS_UP_TEXT,
    Action,
    check,
)
from gatepost.outbox.enqueue import new_row
from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.tables import messages


@dataclass(frozen=True)
class Acted:
    """What came of it: `result` is the new message of a resend, otherwise None and the message itself has moved."""

    message: uuid.UUID
    action: Action
    result: uuid.UUID | None
    state_before: State
    state_after: State

    @property
    def shown(self) -> uuid.UUID:
        """The message to look at now."""
        return self.result or self.message


# Not against those that only refer to it, as a worker's row in `attempts` does.
_TAKE = select(messages).where(messages.c.id == bindparam("of_id")).with_for_update(key_share=True)
_MOVE = (
    update(messages)
    .where(messages.c.id == bindparam("of_id"))
    .values(
        state=bindparam("to_state"),
        reason=bindparam("for_reason"),
        due_at=bindparam("next_due_at"),
        settled_at=bindparam("at_ms"),
    )
)
_RELEASE = _MOVE.values(deaths=0)  # an operator has looked: it is no longer suspected of killing its process
_INSERT = insert(messages)
_SENT_AGAIN = (
    select(messages.c.id)
    .where(
        messages.c.resent_from == bindparam("of_id"),
        or_(
            messages.c.state.in_(sorted(UNACCEPTED)),
            and_(messages.c.state == str(State.UNKNOWN), messages.c.due_at.is_not(None)),
        ),
    )
    .limit(1)
)


class Write(Protocol):
    """Runs a work in one durable transaction, and rings the worker after it."""

    async def __call__(self, work: Work[Acted], /) -> Acted: ...


async def operate(
    write: Write, clock: Clock, events: Events, action: Action, message_id: uuid.UUID, by: Signature
) -> Acted:
    """Act in a transaction of its own, and tell of it; see `act`.

    Raises:
        TryLater: nothing was done, or nobody knows.
    """
    now_ms = clock.now_ms()
    acted = await write(partial(act, action=action, message_id=message_id, by=by, now_ms=now_ms))
    events.emit(
        OperatorActed(
            actor=by.actor,
            action=str(action),
            message=str(message_id),
            result=None if acted.result is None else str(acted.result),
            state_before=str(acted.state_before),
            state_after=str(acted.state_after),
            request_id=by.request_id,
        )
    )
    return acted


def act(tx: Connection, action: Action, message_id: uuid.UUID, by: Signature, now_ms: int) -> Acted:
    """Do to one message what an operator wants, and write down who did it.

    Args:
        tx: the transaction.
        action: what to do.
        message_id: the row's id.
        by: who acts and why.
        now_ms: wall time in milliseconds.

    Raises:
        NoSuchMessage: there is none with this id.
        MessageInFlight: a worker has it at this moment.
        ActionRefused: it does not fit what became of it; the text says what to do instead.
    """
    row = tx.execute(_TAKE, {"of_id": message_id}).mappings().one_or_none()
    if row is None:
        raise NoSuchMessage(f"there is no message with the id {message_id}")
    before = State(row["state"])
    check(action, before)
    if action is Action.RESEND:
        acted = Acted(message_id, action, _resend(tx, row, by, now_ms), before, before)
    else:
        _move(tx, action, row, now_ms)
        acted = Acted(message_id, action, None, before, LEADS_TO[action])
    deed = by.deed(str(action), now_ms, before=str(before), after=str(acted.state_after), result=acted.result)
    record(tx, message_id, deed)
    return acted


def _move(tx: Connection, action: Action, row: RowMapping, now_ms: int) -> None:
    where = {"of_id": row["id"], "to_state": str(LEADS_TO[action])}
    if action is Action.RELEASE:
        if row["expires_at"] <= now_ms:
            raise ActionRefused(TIME_IS_UP_TEXT)
        tx.execute(_RELEASE, {**where, "for_reason": None, "next_due_at": now_ms, "at_ms": None})
    else:
        tx.execute(_MOVE, {**where, "for_reason": BY_OPERATOR, "next_due_at": None, "at_ms": now_ms})


def _resend(tx: Connection, row: RowMapping, by: Signature, now_ms: int) -> uuid.UUID:
    """Promise the same once more as a message of its own, with its own Message-ID and as much time."""
    if row["recipient"] is None:
        raise ActionRefused(NOBODY_TEXT)
    if row["recipient"] == ANONYMISED:
        raise ActionRefused(FORGOTTEN_TEXT)
    if row["state"] == State.CANCELLED and row["reason"] != BY_OPERATOR:
        raise ActionRefused(NOT_WANTED_TEXT)
    if row["state"] == State.UNKNOWN and row["due_at"] is not None:
        raise ActionRefused(COPY_DUE_TEXT)
    # The row is taken: of two that resend at once the second one sees what the first one wrote.
    if tx.execute(_SENT_AGAIN, {"of_id": row["id"]}).first() is not None:
        raise ActionRefused(SENT_AGAIN_TEXT)
    domain = row["message_id"].rpartition("@")[2].rstrip(">")
    new: dict[str, Any] = new_row(_draft(row, by), now_ms=now_ms, domain=domain, traceparent=traceparent_of(tx))
    new["expires_at"] = now_ms + row["expires_at"] - row["created_at"]
    tx.execute(_INSERT, {**new, "resent_from": row["id"]})
    row_id: uuid.UUID = new["id"]
    return row_id


def _draft(row: RowMapping, by: Signature) -> Draft:
    # A notice says when something happened: the copy says the same minute, and not that of the operator.
    values = {"when": minute(row["created_at"]), **json.loads(row["template_values"])}
    return Draft(
        template=row["template"],
        recipient=row["recipient"],
        locale=row["locale"],
        values=values,
        account_id=row["account_id"],
        request_id=by.request_id,
        priority=Priority(row["priority"]),
        if_unknown=IfUnknown(row["if_unknown"]),
        recipient_key=row["recipient_key"],
        token_id=row["token_id"],
        security=bool(row["security"]),
    )
