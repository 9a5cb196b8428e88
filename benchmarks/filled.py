"""A database as a product has it after a month: messages in every state, with their attempts, accounts and feedback."""

import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, update

from gatepost.accounts.tables import accounts, link_opens
from gatepost.audit.tables import audit
from gatepost.database.connection import Database
from gatepost.feedback.tables import feedback
from gatepost.outbox.tables import attempts, messages
from gatepost.suppression.tables import suppressions

DAYS = 30
DAY_MS = 24 * 3600 * 1000
EACH_ACCOUNT = 5  # messages
AT_ONCE = 2_000
DOMAINS = ("gmail.com", "outlook.com", "icloud.com", "example.com", "example.org", "quay.example")
# Of a hundred messages: up to which number, what becomes of it, and why.
_ENDS = (
    (50, "delivered", None),
    (82, "accepted", None),
    (88, "failed", "refused"),
    (91, "bounced", None),
    (94, "suppressed", "hard_bounce"),
    (98, "cancelled", "no_account"),
    (99, "unknown", "no_final_reply"),
    (100, "held", "operator"),
)
_BORN = ("suppressed", "cancelled")
# The way a message takes, as the triggers allow it: from where, to where, for which ends.
_STEPS = (
    ("queued", "sending", ("delivered", "accepted", "failed", "bounced", "unknown", "deferred")),
    ("queued", "held", ("held",)),
    ("sending", "failed", ("failed",)),
    ("sending", "deferred", ("deferred",)),
    ("sending", "committing", ("delivered", "accepted", "bounced", "unknown")),
    ("committing", "unknown", ("unknown",)),
    ("committing", "accepted", ("delivered", "accepted", "bounced")),
    ("accepted", "delivered", ("delivered",)),
    ("accepted", "bounced", ("bounced",)),
)
_SAID: Mapping[str, tuple[str, str, int, str, str]] = {  # outcome, phase, code, status, text
    "failed": ("permanent", "rcpt", 550, "5.1.1", "5.1.1 The email account that you tried to reach does not exist"),
    "deferred": ("transient", "rcpt", 452, "4.2.2", "4.2.2 The email account that you tried to reach is over quota"),
    "unknown": ("unknown", "final_reply", 0, "", ""),
}
_TAKEN = ("accepted", "final_reply", 250, "2.0.0", "2.0.0 Ok: queued as 4XyZ9k1")
WAITING = 500  # the newest ones


async def fill(database: Database, count: int) -> list[uuid.UUID]:
    """Write so many messages with all that belongs to them; returns the id of a message in each state."""
    now_ms = time.time_ns() // 1_000_000
    shown: dict[str, uuid.UUID] = {}
    for first in range(0, count, AT_ONCE):
        rows = [_message(number, count, now_ms) for number in range(first, min(first + AT_ONCE, count))]
        shown |= {row["to"]: row["id"] for row in rows}
        await database.write(lambda tx, rows=rows: _live(tx, rows))
    return list(shown.values())


def _live(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    _put(tx, rows)
    these = messages.c.id.between(rows[0]["id"], rows[-1]["id"])
    for before, after, ends in _STEPS:
        owner = "bench" if after in ("sending", "committing") else None
        of_these = messages.c.reason.in_([f"to:{end}" for end in ends])
        tx.execute(update(messages).where(these, messages.c.state == before, of_these).values(state=after, owner=owner))
    for end, reason in (*((end, reason) for _, end, reason in _ENDS), ("deferred", "transient")):
        if end not in _BORN:
            tx.execute(update(messages).where(these, messages.c.reason == f"to:{end}").values(reason=reason))


def _message(number: int, count: int, now_ms: int) -> dict[str, Any]:
    at = now_ms - DAYS * DAY_MS + number * DAYS * DAY_MS // count
    waits = number >= count - WAITING
    end, reason = next((end, reason) for below, end, reason in _ENDS if number % 100 < below)
    end, reason = ("deferred", "transient") if waits else (end, reason)
    address = f"person.{number // EACH_ACCOUNT}@{DOMAINS[number // EACH_ACCOUNT % len(DOMAINS)]}"
    known = end != "cancelled"
    return {
        "to": end,
        "id": _id(at, number),
        "state": end if end in _BORN else "queued",
        "reason": reason if end in _BORN else f"to:{end}",
        "template": "password_reset" if number % EACH_ACCOUNT == 1 else "verification",
        "locale": "zh-CN" if number % 7 == 0 else "en",
        "recipient": address if known else None,
        "recipient_key": address if known else f"hidden:{number:032x}",
        "recipient_domain": address.partition("@")[2] if known else None,
        "template_values": '{"name": "Mira Lind"}',
        "message_id": f"<{number}.{uuid.UUID(int=number).hex}@gatepost.example>",
        "account_id": _account_id(number, count, now_ms) if known else None,
        "token_id": number.to_bytes(16, "big"),
        "request_id": str(uuid.UUID(int=number)),
        "priority": 0,
        "if_unknown": "again",
        "created_at": at,
        "expires_at": now_ms + 3 * DAY_MS if waits else at + DAY_MS,
        "due_at": now_ms + DAY_MS if waits else at,
        "claim_number": 1,
        "attempts": 1,
        "unknowns": 0,
        "settled_at": None if end in ("deferred", "held") else at + 1500 + number % 4000,
        "security": 1,
    }


def _account_id(number: int, count: int, now_ms: int) -> uuid.UUID:
    """The account's first message is as old as it is."""
    first = number // EACH_ACCOUNT * EACH_ACCOUNT
    return _id(now_ms - DAYS * DAY_MS + first * DAYS * DAY_MS // count, number // EACH_ACCOUNT)


def _id(at: int, number: int) -> uuid.UUID:
    return uuid.UUID(int=at << 80 | 7 << 76 | 2 << 62 | number)


def _put(tx: Connection, rows: Sequence[dict[str, Any]]) -> None:
    tx.execute(insert(messages), [{name: value for name, value in row.items() if name != "to"} for row in rows])
    _each(tx, accounts, (_account(row) for row in rows[::EACH_ACCOUNT] if row["account_id"]))
    _each(tx, attempts, (_attempt(row) for row in rows if row["to"] not in (*_BORN, "held")))
    _each(tx, feedback, (_fact(row) for row in rows if row["to"] in ("delivered", "bounced")))
    _each(tx, suppressions, (_suppression(row) for row in rows if row["to"] == "bounced"))
    _each(tx, audit, (_deed(row) for row in rows if row["to"] == "held"))
    _each(tx, link_opens, (_opened(row) for row in rows if row["to"] in ("delivered", "accepted")))


def _each(tx: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    if found := list(rows):
        tx.execute(insert(table), found)


def _account(row: Mapping[str, Any]) -> dict[str, Any]:
    verified = row["to"] in ("delivered", "accepted")
    return {
        "id": row["account_id"],
        "email": row["recipient"],
        "address_key": row["recipient"],
        "name": "Mira Lind",
        "locale": row["locale"],
        "created_at": row["created_at"],
        "verified_at": row["created_at"] + 60_000 if verified else None,
        "registrations": 1,
    }


def _attempt(row: Mapping[str, Any]) -> dict[str, Any]:
    outcome, phase, code, status, text = _SAID.get(row["to"], _TAKEN)
    return {
        "message": row["id"],
        "claim_number": 1,
        "number": 1,
        "phase": phase,
        "outcome": outcome,
        "reply_code": code or None,
        "enhanced_status": status or None,
        "reply_text": text or None,
        "server": "smtp.acme.example:465",
        "started_at": row["created_at"] + 1000,
        "duration_ms": 300,
    }


def _fact(row: Mapping[str, Any]) -> dict[str, Any]:
    bounced = row["to"] == "bounced"
    return {
        "id": _id(row["created_at"] + 9000, row["id"].int & 0xFFFFFFFF),
        "source": "ses",
        "event": hashlib.sha256(row["id"].bytes).digest()[:16],
        "kind": row["to"],
        "bounce": "hard" if bounced else None,
        "message": row["id"],
        "status": "5.1.1" if bounced else None,
        "detail": "550 5.1.1 no such user" if bounced else None,
        "at": row["created_at"] + 9000,
        "received_at": row["created_at"] + 9500,
        "applied_at": row["created_at"] + 9500,
    }


def _suppression(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(row["created_at"] + 9500, row["id"].int & 0xFFFFFFFF),
        "address_key": f"{row['id'].int & 0xFFFFFF}.{row['recipient']}",
        "address": row["recipient"],
        "scope": "all",
        "reason": "hard_bounce",
        "source": "ses",
        "detail": "550 5.1.1 no such user",
        "message": row["id"],
        "created_at": row["created_at"] + 9500,
    }


def _deed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(row["created_at"] + 9500, row["id"].int & 0xFFFFFFFF),
        "at": row["created_at"] + 9500,
        "actor": "mira",
        "action": "hold",
        "subject": row["id"],
        "state_before": "queued",
        "state_after": "held",
        "reason": "She asked for it by phone.",
    }


def _opened(row: Mapping[str, Any]) -> dict[str, Any]:
    opener = "scanner" if int.from_bytes(row["token_id"], "big") % 3 == 0 else "person"
    return {"token_id": row["token_id"], "opener": opener, "opened_at": row["created_at"] + 30_000}
