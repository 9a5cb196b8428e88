"""Read the outbox: pages of messages, one message with its attempts, counts. Changes nothing."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, func, select

from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.tables import IS_WAITING, WAS_MEANT_TO_GO_OUT, attempts, messages

MAX_PAGE = 200


@dataclass(frozen=True)
class MessageRow:
    """One message as a list shows it. Instants are milliseconds since the epoch."""

    id: uuid.UUID
    state: str
    reason: str | None
    template: str
    locale: str
    recipient: str | None
    message_id: str
    account_id: uuid.UUID | None
    request_id: str | None
    attempts: int
    created_at: int
    expires_at: int
    due_at: int | None
    settled_at: int | None


@dataclass(frozen=True)
class AttemptRow:
    """One try. `number` is None when it does not count, `phase` and `duration_ms` when the process died under way."""

    claim_number: int
    number: int | None
    phase: str | None
    outcome: str
    reply_code: int | None
    enhanced_status: str | None
    reply_text: str | None
    server: str | None
    started_at: int
    duration_ms: int | None


@dataclass(frozen=True)
class MessageDetail:
    """One message with every try."""

    message: MessageRow
    attempts: tuple[AttemptRow, ...]


@dataclass(frozen=True)
class Depths:
    """How much is where, and since when the oldest unaccepted due message waits (None: nothing waits)."""

    by_state: dict[str, int]
    oldest_due_at: int | None


_ROW = [messages.c[name] for name in MessageRow.__dataclass_fields__]
_TRY = [attempts.c[name] for name in AttemptRow.__dataclass_fields__]
# Made once: every registration asks it.
_LATEST = (
    select(messages.c.state, messages.c.created_at, messages.c.due_at)
    .where(
        messages.c.account_id == bindparam("of_account"),
        messages.c.template == bindparam("of_template"),
        WAS_MEANT_TO_GO_OUT,
    )
    .order_by(messages.c.created_at.desc())
    .limit(1)
)


def page(
    connection: Connection,
    *,
    recipient_keys: Sequence[str] | None = None,
    state: str | None = None,
    template: str | None = None,
    before: uuid.UUID | None = None,
    limit: int = 50,
) -> list[MessageRow]:
    """Return messages, newest first, at most MAX_PAGE.

    Args:
        connection: a reading connection.
        recipient_keys: only to these address keys (or keyed hashes of one).
        state: only in this state.
        template: only of this template.
        before: only older than this message: the last one of the page before.
        limit: how many.
    """
    query = select(*_ROW).order_by(messages.c.id.desc()).limit(min(limit, MAX_PAGE))
    if recipient_keys is not None:
        query = query.where(messages.c.recipient_key.in_(recipient_keys))
    if state is not None:
        query = query.where(messages.c.state == state)
    if template is not None:
        query = query.where(messages.c.template == template)
    if before is not None:
        query = query.where(messages.c.id < before)
    return [MessageRow(**row._mapping) for row in connection.execute(query)]


def find(connection: Connection, message_id: uuid.UUID) -> MessageDetail | None:
    """Return one message with its attempts in order, or None."""
    row = connection.execute(select(*_ROW).where(messages.c.id == message_id)).one_or_none()
    if row is None:
        return None
    tries = connection.execute(
        select(*_TRY).where(attempts.c.message == message_id).order_by(attempts.c.claim_number)
    ).all()
    return MessageDetail(MessageRow(**row._mapping), tuple(AttemptRow(**one._mapping) for one in tries))


def depths(connection: Connection) -> Depths:
    """Count the messages of every state and find how long the oldest due one waits."""
    counts: dict[str, int] = dict.fromkeys(map(str, State), 0)
    for state, count in connection.execute(select(messages.c.state, func.count()).group_by(messages.c.state)):
        counts[state] = count
    oldest = connection.scalar(select(func.min(messages.c.created_at)).where(IS_WAITING))
    return Depths(counts, oldest)


def latest(connection: Connection, account_id: uuid.UUID, template: str) -> RowMapping | None:
    """The newest message of one kind to one account that was meant to go out: `state`, `created_at`, `due_at`."""
    wanted = {"of_account": account_id, "of_template": template}
    return connection.execute(_LATEST, wanted).mappings().one_or_none()


def on_its_way(row: RowMapping) -> bool:
    """Whether the message (of `latest`) is not accepted yet and may still become so."""
    return row["state"] in UNACCEPTED or (row["state"] == State.UNKNOWN and row["due_at"] is not None)
