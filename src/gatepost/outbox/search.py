"""Read the outbox: pages of messages, one message with its attempts and what was done to it. Changes nothing."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    Text,
    bindparam,
    literal_column,
    select,
    union_all,
)

from gatepost.audit.trail import Deed, done_to
from gatepost.outbox.lifecycle import UNACCEPTED, State
from gatepost.outbox.stretch import stretch
from gatepost.outbox.tables import attempts, messages

MAX_PAGE = 200


@dataclass(frozen=True)
class MessageRow:
    """One message as a list shows it. Instants are milliseconds since the epoch.

    `resent_from` is the message an operator had sent again as this one.
    """

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
    resent_from: uuid.UUID | None


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
    """One message with every try, what operators did to it, and the messages it was sent again as, oldest first."""

    message: MessageRow
    attempts: tuple[AttemptRow, ...]
    actions: tuple[Deed, ...]
    resent_as: tuple[uuid.UUID, ...]


_ROW = [messages.c[name] for name in MessageRow.__dataclass_fields__]
_TRY = [attempts.c[name] for name in AttemptRow.__dataclass_fields__]
_RESENT_AS = (
    select(messages.c.id)
    .where(messages.c.resent_from == bindparam("of_id"))
    .order_by(messages.c.id.desc())
    .limit(MAX_PAGE)
)
_NOTHING = literal_column("''", Text)


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

    What it costs grows with `limit`, and with how many messages a recipient has whose state or template is asked for
    as well; never with how many messages there are.

    Args:
        connection: a reading connection.
        recipient_keys: only to these address keys (or keyed hashes of one).
        state: only in this state.
        template: only of this template.
        before: only older than this message: the last one of the page before.
        limit: how many.
    """
    limit = min(limit, MAX_PAGE)
    conditions = {name: value for name, value in (("template", template), ("state", state)) if value is not None}
    stretches: list[dict[str, str]]
    if recipient_keys is not None:
        stretches = [{"recipient_key": key} for key in recipient_keys]
    elif template is not None and state is None:
        stretches = [{"template": template, "state": one} for one in State]
    else:
        stretches = [conditions]
    if not stretches:
        return []
    newest = [_newest(one, conditions, before, limit).subquery() for one in stretches]
    found = union_all(*(select(one.c.id) for one in newest)).subquery()
    chosen = select(found.c.id).order_by(found.c.id.desc()).limit(limit)
    query = select(*_ROW).where(messages.c.id.in_(chosen)).order_by(messages.c.id.desc())
    return [MessageRow(**row._mapping) for row in connection.execute(query)]


def find(connection: Connection, message_id: uuid.UUID) -> MessageDetail | None:
    """Return one message with its attempts in order, or None."""
    message = find_row(connection, message_id)
    if message is None:
        return None
    tries = connection.execute(
        select(*_TRY).where(attempts.c.message == message_id).order_by(attempts.c.claim_number)
    ).all()
    copies = connection.execute(_RESENT_AS, {"of_id": message_id}).scalars()
    return MessageDetail(
        message,
        tuple(AttemptRow(**one._mapping) for one in tries),
        done_to(connection, message_id),
        tuple(copies)[::-1],
    )


def find_row(connection: Connection, message_id: uuid.UUID) -> MessageRow | None:
    """Return one message alone, or None."""
    row = connection.execute(select(*_ROW).where(messages.c.id == message_id)).one_or_none()
    return None if row is None else MessageRow(**row._mapping)


def on_its_way(row: RowMapping) -> bool:
    """Whether a message (its `state` and `due_at`) is not accepted yet and may still become so."""
    return row["state"] in UNACCEPTED or (row["state"] == State.UNKNOWN and row["due_at"] is not None)


def _newest(
    along: Mapping[str, str], conditions: Mapping[str, str], before: uuid.UUID | None, limit: int
) -> Select[tuple[uuid.UUID]]:
    query = stretch(along, newest_first=True, before=before)
    for name in sorted(conditions.keys() - along.keys()):
        # Written so that no index can serve it: PostgreSQL would leave the recipient's few for the state's many.
        query = query.where(messages.c[name] + _NOTHING == conditions[name])
    return query.limit(limit)
