"""The rows of a database that has been in use: 100,000 messages, and what belongs to them. The same on every run."""

import hashlib
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Any

from gatepost.accounts.tables import (
    accounts,
    candidates,
    idempotency_keys,
    known_clients,
    limits,
    link_opens,
    sessions,
    tokens,
)
from gatepost.audit.tables import audit
from gatepost.outbox.tables import attempts, messages, workers
from gatepost.suppression.reason import Reason
from gatepost.suppression.tables import soft_bounces, suppressions

ACCOUNTS = 25_000
NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3600 * 1000
OWNER = "host:1:abcdef"
HIDDEN = "hidden:0123456789abcdef"
FLOODED = 7  # the account a stranger asked verification messages for again and again
FLOOD = 2_000
GONE = 20_000  # addresses that are suppressed
BIG = (
    *(messages, attempts, accounts, candidates, tokens, idempotency_keys, audit, sessions, known_clients, limits),
    *(suppressions, soft_bounces, link_opens),
)
RESENT_EACH = 50  # so many messages are one that was resent, which was the one before it

_SETTLED = {
    "accepted": 82_500,
    "cancelled": 8_000,
    "failed": 2_500,
    "delivered": 1_200,
    "expired": 800,
    "unknown": 4_000,
    "bounced": 300,
    "suppressed": 200,
    "queued": 250,
    "deferred": 150,
    "held": 50,
    "sending": 30,
    "committing": 20,
}
_TEMPLATES = {"verification": 40, "welcome": 40, "password_reset": 10, "account_exists": 8, "password_changed": 2}
_STOPPED = {"cancelled": "told_today", "failed": "rejected", "held": "operator", "suppressed": "hard_bounce"}
_WAITING = ("queued", "deferred")

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Shape:
    """What the outbox holds: how many messages in which state."""

    name: str
    states: dict[str, int]


SETTLED = Shape("settled", _SETTLED)
BACKLOG = Shape("backlog", {"queued": 101_000, "deferred": 950, "sending": 30, "committing": 20})


def rows_of(shape: Shape) -> Iterator[tuple[Any, list[str], list[tuple[Any, ...]]]]:
    """Every table, the names of its columns and its rows, in an order that foreign keys allow."""
    chance = random.Random(2026)
    stored = list(_messages(shape, chance))
    for table, rows in (
        (accounts, _accounts()),
        (candidates, _candidates(chance)),
        (tokens, _tokens(stored)),
        (idempotency_keys, _idempotency_keys(chance)),
        (limits, _limits(chance)),
        (messages, stored),
        (link_opens, _link_opens(stored)),
        (attempts, _attempts(stored)),
        (audit, _audit(stored)),
        (sessions, _sessions()),
        (known_clients, _known_clients()),
        (suppressions, _suppressions()),
        (soft_bounces, _soft_bounces()),
        (workers, [{"owner": OWNER, "slots": 16, "started_at": NOW_MS, "beat_at": NOW_MS}]),
    ):
        names = [column.name for column in table.columns]
        yield table, names, [tuple(row.get(name) for name in names) for row in rows]


def row_id(number: int, instant_ms: int) -> bytes:
    """A UUID version 7 of this instant."""
    end = (number * 0x9E3779B97F4A7C15) & ((1 << 62) - 1)
    return (instant_ms << 80 | 7 << 76 | (number & 0xFFF) << 64 | 2 << 62 | end).to_bytes(16, "big")


def account_id(number: int) -> uuid.UUID:
    """The id of one of the ACCOUNTS."""
    return uuid.UUID(bytes=row_id(number, NOW_MS - 100 * DAY_MS + number))


def address_of(number: int) -> str:
    """The address of one of the ACCOUNTS."""
    return f"person{number}@example.com"


def token_id(number: int) -> bytes:
    """The id of the token one message carries; evenly spread, as random ones are."""
    return ((number * 0x9E3779B97F4A7C15F39CC0605CEDC835) & ((1 << 128) - 1)).to_bytes(16, "big")


def gone_address(number: int) -> str:
    """One of the GONE addresses."""
    return f"gone{number}@example.com"


def session_token(number: int) -> str:
    """The token of one session of an account; those from ACCOUNTS on belong to FLOODED."""
    return f"{number:043}"


def _accounts() -> Iterator[Row]:
    for number in range(ACCOUNTS):
        verified = number % 10 != 0
        yield {
            "id": account_id(number).bytes,
            "email": address_of(number),
            "address_key": address_of(number),
            "locale": "en",
            "password_hash": "argon2" if verified else None,
            "created_at": NOW_MS - 100 * DAY_MS + number,
            "verified_at": NOW_MS if verified else None,
            "registrations": 1,
        }


def _candidates(chance: random.Random) -> Iterator[Row]:
    for number in range(0, ACCOUNTS, 2):
        waits = number % 10 == 0
        yield {
            "id": row_id(number, NOW_MS - 100 * DAY_MS + number),
            "account_id": account_id(number).bytes,
            "password_hash": "argon2" if waits else None,
            "locale": "en",
            "created_at": NOW_MS - 100 * DAY_MS + number,
            "closed_at": None if waits else NOW_MS - chance.randrange(8 * DAY_MS),
        }


def _messages(shape: Shape, chance: random.Random) -> Iterator[Row]:
    states = [state for state, count in shape.states.items() for _ in range(count)]
    chance.shuffle(states)
    # What waits or is in flight is young, as it is in life.
    states.sort(key=lambda state: state in ("queued", "deferred", "sending", "committing"))
    names, weights = list(_TEMPLATES), list(accumulate(_TEMPLATES.values()))
    floods = (
        set(chance.sample([at for at, state in enumerate(states) if state == "cancelled"], FLOOD))
        if (shape.states.get("cancelled", 0) >= FLOOD)
        else set()
    )
    for number, state in enumerate(states):
        created = NOW_MS - (len(states) - number) * 60_000
        template = chance.choices(names, cum_weights=weights)[0]
        of = FLOODED if number in floods else chance.randrange(ACCOUNTS)
        nobodys = state == "cancelled" and number not in floods and chance.random() < 0.3
        in_flight = state in ("sending", "committing")
        waits = state in _WAITING or (state == "unknown" and chance.random() < 0.01)
        yield {
            "id": row_id(number, created),
            "state": state,
            "reason": _STOPPED.get(state),
            "template": "verification" if number in floods else template,
            "locale": "en",
            "recipient": None if nobodys else address_of(of),
            "recipient_key": f"{HIDDEN}{number % 500:04}" if nobodys else address_of(of),
            "template_values": json.dumps({"name": "Zoë", "when": created}),
            "message_id": f"<{number:032x}@gatepost.example>",
            "account_id": None if nobodys else account_id(of).bytes,
            "token_id": token_id(number) if template in ("verification", "password_reset") else None,
            "request_id": f"{number:026x}",
            "priority": 0 if template in ("verification", "password_reset") else 1,
            "if_unknown": "never_twice" if template == "welcome" else "again",
            "created_at": created,
            "expires_at": created + 200 * DAY_MS,
            "due_at": (created if chance.random() < 0.9 else NOW_MS + chance.randrange(DAY_MS)) if waits else None,
            "owner": OWNER if in_flight else None,
            "claim_number": 0 if state in ("queued", "cancelled") else 1,
            "attempts": 0 if state in ("queued", "cancelled", "sending", "committing") else 1,
            "unknowns": int(state == "unknown"),
            "recipient_domain": None if nobodys else address_of(of).rpartition("@")[2],
            "deaths": 0,
            "security": int(template != "welcome"),
            "resent_from": row_id(number - 1, created - 60_000) if number % RESENT_EACH == 1 else None,
            "started_at": NOW_MS if in_flight else None,
            "settled_at": None if waits or in_flight else created + 500,
        }


def _tokens(stored: list[Row]) -> Iterator[Row]:
    for message in stored:
        if message["token_id"] is not None:
            ended = message["created_at"] + 1000 if message["state"] not in _WAITING else None
            nobodys = message["account_id"] is None
            yield {
                "id": message["token_id"],
                "purpose": "password_reset" if message["template"] == "password_reset" else "verification",
                "account_id": message["account_id"],
                "address_key": message["recipient_key"],
                "key_id": "0123456789ab",
                "created_at": message["created_at"],
                "expires_at": message["created_at"] + DAY_MS,
                "used_at": None if nobodys else ended,
                "voided_at": message["created_at"] if nobodys else None,
            }


def _link_opens(stored: list[Row]) -> Iterator[Row]:
    opened = [message for message in stored if message["token_id"] is not None and message["state"] not in _WAITING]
    for number, message in enumerate(opened):
        openers = ("person", "scanner") if number % 3 == 0 else (("person", "scanner")[number % 2],)
        for opener in openers:
            yield {"token_id": message["token_id"], "opener": opener, "opened_at": message["created_at"] + 1000}


def _attempts(stored: list[Row]) -> Iterator[Row]:
    for message in stored:
        for number in repeat(1, message["attempts"]):
            yield {
                "message": message["id"],
                "claim_number": number,
                "number": number,
                "phase": "final_reply",
                "outcome": "accepted",
                "reply_code": 250,
                "reply_text": "2.0.0 Ok: queued as 4XyZ",
                "server": "smtp.example.com",
                "started_at": message["created_at"],
                "duration_ms": 12,
            }


def _audit(stored: list[Row]) -> Iterator[Row]:
    for number, message in enumerate(stored):
        if number % 5 == 0:
            at = message["created_at"] + 2000
            yield {
                "id": row_id(number, at),
                "at": at,
                "actor": "admin token",
                "action": "resend" if number % RESENT_EACH == 0 else "hold",
                "subject": message["id"],
                "state_before": message["state"],
                "state_after": message["state"],
            }


def _idempotency_keys(chance: random.Random) -> Iterator[Row]:
    for number in range(20_000):
        yield {
            "key_digest": chance.randbytes(32),
            "key_id": "0123456789ab",
            "body_mac": chance.randbytes(32),
            "account_id": account_id(number).bytes,
            "created_at": NOW_MS - chance.randrange(2 * DAY_MS),
        }


def _sessions() -> Iterator[Row]:
    for number in range(ACCOUNTS + 99):
        created_at = NOW_MS - (number % 40) * DAY_MS  # a quarter is over
        yield {
            "id": row_id(number, created_at),
            "digest": hashlib.sha256(session_token(number).encode()).digest(),
            "account_id": account_id(number if number < ACCOUNTS else FLOODED).bytes,
            "created_at": created_at,
            "seen_at": created_at,
            "expires_at": created_at + 30 * DAY_MS,
        }


def _known_clients() -> Iterator[Row]:
    for number in range(ACCOUNTS):
        yield {
            "account_id": account_id(number).bytes,
            "client": hashlib.sha256(str(number).encode()).digest()[:16],
            "seen_at": NOW_MS - (number % 100) * DAY_MS,
        }


def _suppressions() -> Iterator[Row]:
    reasons = list(Reason)
    for number in range(GONE):
        reason, created_at = reasons[number % len(reasons)], NOW_MS - (GONE - number) * 60_000
        ends = {Reason.HARD_BOUNCE: 365 * DAY_MS, Reason.SOFT_BOUNCES: 14 * DAY_MS}.get(reason)
        yield {
            "id": row_id(number, created_at),
            "address_key": gone_address(number),
            "address": gone_address(number),
            "scope": "all_but_security" if reason is Reason.UNSUBSCRIBED else "all",
            "reason": str(reason),
            "source": "smtp",
            "detail": "550 5.1.1 no such user here",
            "created_at": created_at,
            "expires_at": None if ends is None else created_at + ends,
        }


def _soft_bounces() -> Iterator[Row]:
    for number in range(GONE):
        yield {
            "address_key": gone_address(number // 4),
            "cause": token_id(number),
            "at": NOW_MS - (number % 40) * DAY_MS,
        }


def _limits(chance: random.Random) -> Iterator[Row]:
    for _ in range(40_000):
        yield {"key": chance.randbytes(16), "spent_until": NOW_MS + chance.randrange(-DAY_MS // 8, DAY_MS)}
