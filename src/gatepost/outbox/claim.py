"""Take due messages for one worker: never more than it has free slots, whatever is waiting."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from gatepost.database.batch import in_batch
from gatepost.database.prepared import Prepared
from gatepost.mail.draft import IfUnknown, Priority
from gatepost.outbox.lifecycle import State
from gatepost.outbox.queue_hold import NOT_HELD, SEEMS_NOT_HELD
from gatepost.outbox.tables import IS_UNKNOWN_AND_DUE_LATER, IS_WAITING_ALONE, IS_WAITING_TOGETHER, messages
from gatepost.outbox.workers import IS_ALIVE

COPIES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message one worker may attempt now, as long as `claim_number` is still the row's."""

    id: uuid.UUID
    owner: str
    claim_number: int
    attempts: int
    unknowns: int
    template: str
    locale: str
    recipient: str
    values: Mapping[str, str]
    message_id: str
    account_id: uuid.UUID | None
    token_id: bytes | None
    request_id: str | None
    priority: int
    if_unknown: IfUnknown
    created_at: int
    expires_at: int
    recipient_domain: str = ""
    deaths: int = 0
    recipient_key: str = ""
    security: bool = False
    traceparent: str | None = None


@dataclass(frozen=True)
class Skip:
    """A claimed message is not sent: the state it moves to, and the reason that goes into its row."""

    reason: str
    state: State = State.CANCELLED


CLAIM_COLUMNS = (
    messages.c.id,
    messages.c.owner,
    messages.c.claim_number,
    messages.c.attempts,
    messages.c.unknowns,
    messages.c.template,
    messages.c.locale,
    messages.c.recipient,
    messages.c.template_values,
    messages.c.message_id,
    messages.c.account_id,
    messages.c.token_id,
    messages.c.request_id,
    messages.c.priority,
    messages.c.if_unknown,
    messages.c.created_at,
    messages.c.expires_at,
    messages.c.recipient_domain,
    messages.c.deaths,
    messages.c.recipient_key,
    messages.c.security,
    messages.c.traceparent,
)

# One priority at a time: over all of them the index would walk through every message that is not due yet.
_DUE = (
    select(messages.c.id)
    .where(
        IS_WAITING_TOGETHER,
        messages.c.priority == bindparam("of_priority"),
        messages.c.due_at <= bindparam("now_ms"),
        NOT_HELD,
    )
    .order_by(messages.c.due_at)
    .limit(bindparam("at_most"))
)
# One that may be what kills the process.
_DUE_ALONE = (
    select(messages.c.id)
    .where(IS_WAITING_ALONE, messages.c.due_at <= bindparam("now_ms"))
    .order_by(messages.c.due_at)
    .limit(1)
)


def claim_of(due: Select[tuple[uuid.UUID]]) -> ReturningUpdate[Any]:
    """Make the statement that claims what `due` finds, with the parameters `by` and `now_ms` besides."""
    return (
        update(messages)
        .where(in_batch(messages.c.id, due))
        .values(
            state=str(State.SENDING),
            reason=None,
            owner=bindparam("by"),
            claim_number=messages.c.claim_number + 1,
            started_at=bindparam("now_ms"),
        )
        .returning(*CLAIM_COLUMNS)
    )


_CLAIM = Prepared(claim_of(_DUE))
_CLAIM_WHILE_ALIVE = Prepared(claim_of(_DUE.where(IS_ALIVE)))
_CLAIM_ALONE = Prepared(claim_of(_DUE_ALONE.where(NOT_HELD)))
_CLAIM_ALONE_WHILE_ALIVE = Prepared(claim_of(_DUE_ALONE.where(NOT_HELD, IS_ALIVE)))
_SUSPECT_IS_DUE = Prepared(_DUE_ALONE.where(SEEMS_NOT_HELD))
_COPY_IS_DUE = and_(IS_UNKNOWN_AND_DUE_LATER, messages.c.due_at <= bindparam("now_ms"))
_FEW_COPIES = select(messages.c.id).where(_COPY_IS_DUE).order_by(messages.c.due_at).limit(COPIES_AT_ONCE)
_TOO_LATE = messages.c.expires_at <= bindparam("now_ms")
# A copy that would come after the message's own end is not sent: it stays `unknown`, which is the truth about it.
_GIVE_UP_COPIES = update(messages).where(in_batch(messages.c.id, _FEW_COPIES.where(_TOO_LATE))).values(due_at=None)
_ALLOW_COPIES = (
    update(messages).where(in_batch(messages.c.id, _FEW_COPIES.where(~_TOO_LATE))).values(state=str(State.DEFERRED))
)


def allow_copies(tx: Connection, now_ms: int) -> None:
    """Make messages due again that the server may have taken, once their policy's delay has passed."""
    now = {"now_ms": now_ms}
    tx.execute(_GIVE_UP_COPIES, now)
    tx.execute(_ALLOW_COPIES, now)


def claim(tx: Connection, *, owner: str, limit: int, now_ms: int, while_alive: bool = False) -> list[Claimed]:
    """Move up to `limit` due messages to `sending` and return them, the most urgent and oldest first.

    Of several workers that claim at once each gets other messages; none waits for another. While the queue is held
    there is nothing to be claimed.

    Args:
        tx: the transaction.
        owner: who claims.
        limit: free slots.
        now_ms: wall time in milliseconds.
        while_alive: claim nothing unless the claimer's row in `workers` is fresh. A must where several processes
            share the database: what a worker claims that others hold for dead would be taken from it again at once.
    """
    statement = _CLAIM_WHILE_ALIVE if while_alive else _CLAIM
    claimed: list[Claimed] = []
    for priority in Priority:
        if len(claimed) == limit:
            break
        wanted = {"of_priority": int(priority), "at_most": limit - len(claimed), "by": owner, "now_ms": now_ms}
        rows = sorted(statement.run(tx, wanted), key=itemgetter(0))
        claimed.extend(as_claimed(row) for row in rows)
    return claimed


def suspect_is_due(tx: Connection, now_ms: int) -> bool:
    """Whether a message waits that must be tried alone, because its process died too often while it was in flight."""
    return _SUSPECT_IS_DUE.run(tx, {"now_ms": now_ms}).first() is not None


def claim_suspect(tx: Connection, *, owner: str, now_ms: int, while_alive: bool) -> list[Claimed]:
    """Claim one message that must be tried alone, the one that waits longest; see `claim` for the arguments.

    The claimer has nothing in flight, and claims nothing until this one is settled.
    """
    statement = _CLAIM_ALONE_WHILE_ALIVE if while_alive else _CLAIM_ALONE
    return [as_claimed(row) for row in statement.run(tx, {"by": owner, "now_ms": now_ms})]


def as_claimed(row: Sequence[Any]) -> Claimed:
    """Read a row that begins with CLAIM_COLUMNS, as the database has them or as SQLAlchemy gives them."""
    row_id, owner, number, attempts, unknowns, template, locale, recipient, values, message_id, *others = row
    account_id, token_id, request_id, priority, if_unknown, created_at, expires_at, domain, deaths = others[:9]
    recipient_key, security, traceparent = others[9:12]
    return Claimed(
        id=_uuid(row_id),
        owner=owner,
        claim_number=number,
        attempts=attempts,
        unknowns=unknowns,
        template=template,
        locale=locale,
        recipient=recipient,
        values=json.loads(values),
        message_id=message_id,
        account_id=None if account_id is None else _uuid(account_id),
        token_id=token_id,
        request_id=request_id,
        priority=priority,
        if_unknown=IfUnknown(if_unknown),
        created_at=created_at,
        expires_at=expires_at,
        recipient_domain=domain or "",
        deaths=deaths,
        recipient_key=recipient_key,
        security=bool(security),
        traceparent=traceparent,
    )


def _uuid(key: bytes | uuid.UUID) -> uuid.UUID:
    return key if isinstance(key, uuid.UUID) else uuid.UUID(bytes=key)
