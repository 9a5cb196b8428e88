"""Write a message into the outbox, in the caller's transaction: from its commit on the message is promised."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert

from gatepost.database.columns import new_row_id
from gatepost.database.work import traceparent_of
from gatepost.mail.draft import Draft
from gatepost.outbox.lifecycle import State
from gatepost.outbox.tables import messages

_INSERT = insert(messages)


@dataclass(frozen=True)
class Enqueued:
    """What became of a draft: the row's id, and its reason when it was born cancelled."""

    id: uuid.UUID
    skipped: str | None


def enqueue(
    tx: Connection, draft: Draft, *, now_ms: int, domain: str, skip: str | None = None, schema: str | None = None
) -> Enqueued:
    """Store `draft` as a message that is due now, or as one that will never go out.

    Args:
        tx: the transaction that also writes what the message is about.
        draft: what to say and to whom.
        now_ms: wall time in milliseconds.
        domain: right-hand side of the Message-ID, which is made here and kept over all attempts.
        skip: why nothing goes out (`no_account`, `told_today`, …): the row is born cancelled, so that support sees why
            nothing came and a stranger sees no difference.
        schema: PostgreSQL schema of our tables, where `tx` is a host's own transaction with another search path.
    """
    row = new_row(draft, now_ms=now_ms, domain=domain, skip=skip, traceparent=traceparent_of(tx))
    tx.execute(_INSERT, row, execution_options={"schema_translate_map": {None: schema}} if schema else None)
    return Enqueued(row["id"], skip)


def new_row(
    draft: Draft, *, now_ms: int, domain: str, skip: str | None = None, traceparent: str | None = None
) -> dict[str, Any]:
    """Make the row of a message that nobody has tried yet; see `enqueue`."""
    row_id = new_row_id()
    return {
        "id": row_id,
        "state": State.CANCELLED if skip else State.QUEUED,
        "reason": skip,
        "template": draft.template,
        "locale": draft.locale,
        "recipient": draft.recipient,
        "recipient_key": draft.recipient_key,
        "recipient_domain": draft.recipient_key.rpartition("@")[2] if draft.recipient else None,
        "template_values": json.dumps(dict(draft.values), ensure_ascii=False, separators=(",", ":")),
        "message_id": f"<{row_id.hex}@{domain}>",
        "account_id": draft.account_id,
        "token_id": draft.token_id,
        "request_id": draft.request_id,
        "client": draft.client,
        "traceparent": draft.traceparent or traceparent,
        "security": int(draft.security),
        "priority": int(draft.priority),
        "if_unknown": str(draft.if_unknown),
        "created_at": now_ms,
        "expires_at": now_ms + draft.expires_in_s * 1000,
        "due_at": None if skip else now_ms,
        "claim_number": 0,
        "attempts": 0,
        "unknowns": 0,
        "settled_at": now_ms if skip else None,
    }
