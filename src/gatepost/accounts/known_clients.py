"""From where an account was signed in to before. Who comes from there is not shut out by a stranger's guesses."""

import functools
import uuid

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from gatepost.accounts.client import UNKNOWN, Client
from gatepost.accounts.client_key import client_key, client_keys
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import known_clients

KEPT_S = 90 * 24 * 3600
PRUNE_BATCH = 500

_NOWHERE = b""
_IS_KNOWN = select(known_clients.c.client).where(
    known_clients.c.account_id == bindparam("of_account"),
    known_clients.c.client.in_(bindparam("of_clients", expanding=True)),
    known_clients.c.seen_at > bindparam("seen_since"),
)
_OLD = (
    select(known_clients.c.account_id, known_clients.c.client)
    .where(known_clients.c.seen_at < bindparam("kept_since"))
    .order_by(known_clients.c.seen_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
    .with_for_update(skip_locked=True)
)
_FORGET = delete(known_clients).where(
    known_clients.c.account_id == bindparam("of_account"), known_clients.c.client == bindparam("of_client")
)


def is_known(connection: Connection, keys: Keys, account_id: uuid.UUID, client: Client | None, now_ms: int) -> bool:
    """Whether the account was signed in to from this client within KEPT_S. The same statement is run for everybody.

    Of a client without an address nobody knows where it is: it is never known.
    """
    nowhere = client is None or client.prefix == UNKNOWN
    of_clients = [_NOWHERE] if client is None or nowhere else client_keys(keys, client)
    values = {"of_account": account_id, "of_clients": of_clients, "seen_since": now_ms - KEPT_S * 1000}
    return connection.execute(_IS_KNOWN, values).first() is not None


def remember(tx: Connection, keys: Keys, account_id: uuid.UUID, client: Client | None, now_ms: int) -> None:
    """Write down that the owner of an account was here, in the transaction that proved it."""
    if client is not None and client.prefix != UNKNOWN:
        values = {"account_id": account_id, "client": client_key(keys, client), "seen_at": now_ms}
        tx.execute(_insert(tx.dialect.name), values)


def prune_known_clients(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH places nobody came from for KEPT_S; returns how many."""
    old = tx.execute(_OLD, {"kept_since": now_ms - KEPT_S * 1000, "at_most": PRUNE_BATCH}).all()
    if old:
        tx.execute(_FORGET, [{"of_account": account_id, "of_client": client} for account_id, client in old])
    return len(old)


@functools.cache
def _insert(dialect: str) -> postgresql.Insert | sqlite.Insert:
    statement = postgresql.insert(known_clients) if dialect == "postgresql" else sqlite.insert(known_clients)
    return statement.on_conflict_do_update(
        index_elements=["account_id", "client"], set_={"seen_at": statement.excluded.seen_at}
    )
