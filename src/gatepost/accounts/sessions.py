"""Sessions: opaque tokens of which the database has only the SHA-256; each ends when idle, at its age, or by hand.

The row goes when its session ends: what was a credential is none from that commit on. The account is read with it, so a
disabled or deleted one is signed in nowhere, whatever rows it has.
"""

import hashlib
import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from gatepost.accounts.account import COLUMNS, Account, as_account, public
from gatepost.accounts.client import Client
from gatepost.accounts.gate import Gate
from gatepost.accounts.tables import accounts, sessions
from gatepost.database.batch import in_batch
from gatepost.database.columns import new_row_id
from gatepost.errors import NoSuchSession, NotSignedIn, TryLater
from gatepost.events import SignedOut

TOKEN_BYTES = 32
TOKEN_LENGTH = 43  # base64url of 32 bytes, without padding
SEEN_EVERY_S = 300.0  # or a tenth of the idle time, if that is less
MAX_SESSIONS = 100  # of one account; the next one ends the oldest
PRUNE_BATCH = 500


@dataclass(frozen=True)
class Session:
    """A session as its owner may see it. Instants are milliseconds since the epoch."""

    id: uuid.UUID
    created_at: int
    seen_at: int
    expires_at: int
    network: str | None
    agent: str | None


@dataclass(frozen=True)
class Current:
    """Who is signed in, and by which session."""

    account: Account
    session_id: uuid.UUID


class Lasting(Protocol):
    """What says how long a session lasts without a request; a Gate is one."""

    @property
    def session_idle_s(self) -> float: ...


_SHOWN = [sessions.c[name] for name in Session.__dataclass_fields__]
_OF_TOKEN = (
    select(*COLUMNS, sessions.c.id.label("session_id"), sessions.c.seen_at)
    .join_from(sessions, accounts, accounts.c.id == sessions.c.account_id)
    .where(
        sessions.c.digest == bindparam("of_digest"),
        sessions.c.expires_at > bindparam("now_ms"),
        sessions.c.seen_at > bindparam("idle_since"),
        accounts.c.disabled_at.is_(None),
        accounts.c.deleted_at.is_(None),
    )
)
_OPEN = (
    select(*_SHOWN)
    .where(
        sessions.c.account_id == bindparam("of_account"),
        sessions.c.expires_at > bindparam("now_ms"),
        sessions.c.seen_at > bindparam("idle_since"),
    )
    .order_by(sessions.c.seen_at.desc(), sessions.c.id.desc())
    .limit(MAX_SESSIONS)
)
_SEEN = (
    update(sessions)
    .where(sessions.c.id == bindparam("of_session"), sessions.c.seen_at < bindparam("now_ms"))
    .values(seen_at=bindparam("now_ms"))
)
_TOO_MANY = (
    select(sessions.c.id)
    .where(sessions.c.account_id == bindparam("of_account"))
    .order_by(sessions.c.created_at.desc(), sessions.c.id.desc())
    .offset(MAX_SESSIONS)
)
_END_TOO_MANY = delete(sessions).where(in_batch(sessions.c.id, _TOO_MANY))
_OVER = (
    select(sessions.c.id)
    .where(sessions.c.expires_at <= bindparam("now_ms"))
    .order_by(sessions.c.expires_at)  # by its index: PostgreSQL guesses that a third is over, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(sessions).where(in_batch(sessions.c.id, _OVER))


def begin_session(
    tx: Connection, gate: Gate, account_id: uuid.UUID, client: Client | None, now_ms: int
) -> tuple[Session, str]:
    """Store a new session, in the transaction that proved who it is for; returns it with its token.

    Of an account that has MAX_SESSIONS the oldest one ends.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session = Session(
        id=new_row_id(),
        created_at=now_ms,
        seen_at=now_ms,
        expires_at=now_ms + round(gate.session_lifetime_s * 1000),
        network=(client.network or None) if client else None,
        agent=client.agent if client else None,
    )
    tx.execute(insert(sessions), {**vars(session), "account_id": account_id, "digest": digest_of(token)})
    tx.execute(_END_TOO_MANY, {"of_account": account_id})
    return session, token


async def find_session(gate: Gate, token: object) -> Current:
    """Find out who is signed in with this token.

    When it was last used is written down every SEEN_EVERY_S at most; so it may end that much before it was idle for
    `session_idle_s`, and never after.

    Raises:
        NotSignedIn: unknown, ended, idle for too long or too old; or the account is disabled or deleted.
        TryLater: nobody knows.
    """
    digest = digest_of(token)
    if digest is None:
        raise NotSignedIn("the token has no token's form")
    now_ms = gate.clock.now_ms()
    values = {"of_digest": digest, **_bounds(gate, now_ms)}
    row = await gate.database.read(lambda connection: connection.execute(_OF_TOKEN, values).mappings().one_or_none())
    if row is None:
        raise NotSignedIn("no session that has not ended has this token")
    if now_ms - row["seen_at"] >= min(SEEN_EVERY_S, gate.session_idle_s / 10) * 1000:
        # A database that cannot be written to now must not sign anybody out; the next request tries again.
        with suppress(TryLater):
            seen = {"of_session": row["session_id"], "now_ms": now_ms}
            await gate.database.write(lambda tx: tx.execute(_SEEN, seen).rowcount)
    return Current(public(as_account(row)), row["session_id"])


async def list_sessions(gate: Gate, current: Current) -> list[Session]:
    """The sessions of this account that have not ended, the one used last first."""
    now_ms = gate.clock.now_ms()
    return await gate.database.read(lambda connection: open_sessions(connection, gate, current.account.id, now_ms))


def open_sessions(connection: Connection, gate: Lasting, account_id: uuid.UUID, now_ms: int) -> list[Session]:
    """The sessions of an account that have not ended, the one used last first."""
    values = {"of_account": account_id, **_bounds(gate, now_ms)}
    return [Session(**row) for row in connection.execute(_OPEN, values).mappings()]


async def end_session(gate: Gate, current: Current, session_id: uuid.UUID, *, request_id: str) -> None:
    """End one session of this account.

    Raises:
        NoSuchSession: it has none with this id.
    """
    account_id = current.account.id
    query = delete(sessions).where(sessions.c.id == session_id, sessions.c.account_id == account_id)
    if not await gate.database.write(lambda tx: tx.execute(query).rowcount):
        raise NoSuchSession("the account has no session with this id")
    gate.events.emit(SignedOut(request_id=request_id, account_id=str(account_id), reason="ended", count=1))


async def sign_out(gate: Gate, token: object, *, request_id: str) -> None:
    """End the session of this token; nothing happens where there is none."""
    digest = digest_of(token)
    if digest is None:
        return
    account_id = await gate.database.write(lambda tx: _end_by_digest(tx, digest))
    if account_id is not None:
        gate.events.emit(SignedOut(request_id=request_id, account_id=str(account_id), reason="signed_out", count=1))


def end_all(tx: Connection, account_id: uuid.UUID, *, spare: uuid.UUID | None = None) -> int:
    """End every session of an account, in the transaction of what makes them end; returns how many there were."""
    query = delete(sessions).where(sessions.c.account_id == account_id)
    if spare is not None:
        query = query.where(sessions.c.id != spare)
    return tx.execute(query).rowcount


def end_presented(tx: Connection, token: object) -> None:
    """End the session of the token a browser brought, in the transaction that gives it another one."""
    if (digest := digest_of(token)) is not None:
        _end_by_digest(tx, digest)


def prune_sessions(tx: Connection, now_ms: int) -> int:
    """Delete a batch of sessions that are over; returns how many.

    Those that are only idle follow when they are too old: nobody is signed in with them until then either.
    """
    return tx.execute(_PRUNE, {"now_ms": now_ms, "at_most": PRUNE_BATCH}).rowcount


def _end_by_digest(tx: Connection, digest: bytes) -> uuid.UUID | None:
    """End one session; returns whose it was."""
    query = delete(sessions).where(sessions.c.digest == digest).returning(sessions.c.account_id)
    ended: uuid.UUID | None = tx.execute(query).scalar_one_or_none()
    return ended


def _bounds(gate: Lasting, now_ms: int) -> dict[str, int]:
    return {"now_ms": now_ms, "idle_since": now_ms - round(gate.session_idle_s * 1000)}


def digest_of(token: object) -> bytes | None:
    """The form in which a session's token is stored, an operator's too; None for what cannot be one."""
    if not isinstance(token, str) or len(token) != TOKEN_LENGTH or not token.isascii():
        return None
    return hashlib.sha256(token.encode()).digest()
