"""Sessions of operators, as those of accounts: opaque tokens, of which the database has only the SHA-256."""

import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.sessions import SEEN_EVERY_S, TOKEN_BYTES, digest_of
from gatepost.database.batch import in_batch
from gatepost.database.columns import new_row_id
from gatepost.errors import NotSignedIn, TryLater
from gatepost.operators.operator import COLUMNS, Operator, as_operator
from gatepost.operators.tables import operator_sessions as sessions
from gatepost.operators.tables import operators

PRUNE_BATCH = 500


@dataclass(frozen=True)
class CurrentOperator:
    """Who is signed in, and by which session."""

    operator: Operator
    session_id: uuid.UUID


_OF_TOKEN = (
    select(*COLUMNS, sessions.c.id.label("session_id"), sessions.c.seen_at)
    .join_from(sessions, operators, operators.c.id == sessions.c.operator_id)
    .where(
        sessions.c.digest == bindparam("of_digest"),
        sessions.c.expires_at > bindparam("now_ms"),
        sessions.c.seen_at > bindparam("idle_since"),
        operators.c.disabled_at.is_(None),
    )
)
_SEEN = (
    update(sessions)
    .where(sessions.c.id == bindparam("of_session"), sessions.c.seen_at < bindparam("now_ms"))
    .values(seen_at=bindparam("now_ms"))
)
_OVER = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= bindparam("now_ms"))
    .order_by(sessions.c.expires_at)
    .limit(bindparam("at_most"))
)
_PRUNE = delete(sessions).where(in_batch(sessions.c.id, _OVER))


def begin_operator_session(
    tx: Connection, gate: Gate, operator_id: uuid.UUID, client: Client | None, now_ms: int
) -> str:
    """Store a new session, in the transaction that proved who it is for; returns its token."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = {
        "id": new_row_id(),
        "digest": digest_of(token),
        "operator_id": operator_id,
        "created_at": now_ms,
        "seen_at": now_ms,
        "expires_at": now_ms + round(gate.session_lifetime_s * 1000),
        "network": (client.network or None) if client else None,
        "agent": client.agent if client else None,
    }
    tx.execute(insert(sessions), row)
    return token


async def find_operator(gate: Gate, token: object) -> CurrentOperator:
    """Find out which operator is signed in with this token.

    Raises:
        NotSignedIn: unknown, ended, idle for too long or too old; or the operator is disabled.
        TryLater: nobody knows.
    """
    digest = digest_of(token)
    if digest is None:
        raise NotSignedIn("the token has no token's form")
    now_ms = gate.clock.now_ms()
    values = {
        "of_digest": digest,
        "now_ms": now_ms,
        "idle_since": now_ms - round(gate.session_idle_s * 1000),
    }
    row = await gate.database.read(lambda connection: connection.execute(_OF_TOKEN, values).mappings().one_or_none())
    if row is None:
        raise NotSignedIn("no session of an operator that has not ended has this token")
    if now_ms - row["seen_at"] >= min(SEEN_EVERY_S, gate.session_idle_s / 10) * 1000:
        # A database that cannot be written to now must not sign anybody out; the next request tries again.
        with suppress(TryLater):
            seen = {"of_session": row["session_id"], "now_ms": now_ms}
            await gate.database.write(lambda tx: tx.execute(_SEEN, seen).rowcount)
    return CurrentOperator(as_operator(row), row["session_id"])


async def sign_out_operator(gate: Gate, token: object) -> None:
    """End the session of this token; nothing happens where there is none."""
    digest = digest_of(token)
    if digest is not None:
        await gate.database.write(lambda tx: tx.execute(delete(sessions).where(sessions.c.digest == digest)).rowcount)


def prune_operator_sessions(tx: Connection, now_ms: int) -> int:
    """Delete a batch of sessions that are over; returns how many."""
    return tx.execute(_PRUNE, {"now_ms": now_ms, "at_most": PRUNE_BATCH}).rowcount
