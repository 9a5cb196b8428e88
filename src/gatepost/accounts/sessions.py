"""Sessions: opaque tokens of which the database has only the SHA-256; each ends when idle, at its age, or by hand."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection

from gatepost.accounts.account import Account
from gatepost.accounts.gate import Gate


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


async def find_session(gate: Gate, token: object) -> Current:
    """Find out who is signed in with this token.

    Raises:
        NotSignedIn: unknown, ended, idle for too long or too old; or the account is disabled or deleted.
        TryLater: nobody knows.
    """
    raise NotImplementedError


async def list_sessions(gate: Gate, current: Current) -> list[Session]:
    """The sessions of this account that have not ended, the one used last first."""
    raise NotImplementedError


async def end_session(gate: Gate, current: Current, session_id: uuid.UUID, *, request_id: str) -> None:
    """End one session of this account.

    Raises:
        NoSuchSession: it has none with this id.
    """
    raise NotImplementedError


async def sign_out(gate: Gate, token: object, *, request_id: str) -> None:
    """End the session of this token; nothing happens where there is none."""
    raise NotImplementedError


def end_all(tx: Connection, account_id: uuid.UUID, *, spare: uuid.UUID | None = None) -> int:
    """End every session of an account, in the transaction of what makes them end; returns how many there were."""
    raise NotImplementedError


def prune_sessions(tx: Connection, now_ms: int) -> int:
    """Delete a batch of sessions that are over; returns how many."""
    raise NotImplementedError
