"""Idempotency-Keys: a request that comes again with its key gets its first answer, and nothing is done twice.

Of the body a row keeps a MAC: enough to tell the same request from another one. It is made over a password too, so it
takes a secret and the key's own text to guess at it, and the row holds neither.
"""

import functools
import hashlib
import hmac
import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, literal_column, select, update
from sqlalchemy.sql.dml import ReturningInsert

from gatepost.accounts.account import Account
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import idempotency_keys
from gatepost.database.batch import in_batch
from gatepost.database.upsert import insert_or
from gatepost.errors import IdempotencyKeyReused

KEPT_S = 24 * 3600
PRUNE_BATCH = 500
_KEPT_MS = KEPT_S * 1000


@dataclass(frozen=True)
class Keyed:
    """A request that came with an Idempotency-Key: the key's digest; and key and body in one canonical form."""

    key_digest: bytes
    canonical: bytes = field(repr=False)


@dataclass(frozen=True)
class First:
    """What came of the first request with a key. `answer`: the account as it was shown; None where it was not."""

    account_id: uuid.UUID
    answer: Account | None


_FIND = select(idempotency_keys).where(
    idempotency_keys.c.key_digest == bindparam("of_digest"), idempotency_keys.c.created_at > bindparam("kept_since")
)
_COMPLETE = update(idempotency_keys).where(idempotency_keys.c.key_digest == bindparam("of_digest"))


def keyed(key: str, *asked: str | None) -> Keyed:
    """Take a request with its key.

    Args:
        key: value of the header field.
        asked: what was asked, as it was received; its first part names the operation. Requests are the same when all
            of these are, to the letter: other capitals or a blank more make another request.
    """
    # The key in front, which is random and of which only the digest is stored: whoever has the database and the secret
    # still has nothing to compare a guessed password with, and two keys with one body have nothing in common.
    return Keyed(hashlib.sha256(_bytes(key)).digest(), b"".join(_part(one) for one in (key, *asked)))


def find_first(connection: Connection, keys: Keys, request: Keyed, now_ms: int) -> First | None:
    """What came of the first request with this key, or None when none came within KEPT_S. Reads only.

    Raises:
        IdempotencyKeyReused: the first one asked for something else, or the secret that could tell is gone.
    """
    found = {"of_digest": request.key_digest, "kept_since": now_ms - _KEPT_MS}
    row = connection.execute(_FIND, found).mappings().one_or_none()
    return None if row is None else _first(row, keys, request)


def begin(tx: Connection, keys: Keys, request: Keyed, now_ms: int) -> First | None:
    """Take the key for this transaction: None when it is ours, or what came of the first request with it.

    The unique index decides. Of two at once the second waits here for the end of the first: take the key before any
    row of an account.

    Raises:
        IdempotencyKeyReused: as in `find_first`.
    """
    row = {
        "key_digest": request.key_digest,
        "key_id": keys.signing_id,
        "body_mac": _mac(keys, keys.signing_id, request),
        "created_at": now_ms,
    }
    if tx.execute(_insert(tx.dialect.name), row).one_or_none() is not None:
        return None
    return find_first(tx, keys, request, now_ms)


def complete(tx: Connection, request: Keyed, account_id: uuid.UUID, answer: Account | None) -> None:
    """Keep what is answered, in the transaction that began."""
    values = {"account_id": account_id, "answer": None if answer is None else _as_json(answer)}
    tx.execute(_COMPLETE, {"of_digest": request.key_digest, **values})


def prune_idempotency_keys(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH keys that count no more; returns how many."""
    too_old = idempotency_keys.c.created_at <= now_ms - _KEPT_MS
    # By its index: PostgreSQL guesses that a third is old, and reads the table.
    by_age = select(idempotency_keys.c.key_digest).order_by(idempotency_keys.c.created_at)
    old = by_age.where(too_old).limit(PRUNE_BATCH)
    return tx.execute(delete(idempotency_keys).where(in_batch(idempotency_keys.c.key_digest, old))).rowcount


@functools.cache
def _insert(dialect: str) -> ReturningInsert[Any]:
    """Make the statement once for each database: it returns a row where the key is new, or its row counts no more."""
    names = ("key_id", "body_mac", "created_at")  # the others are completed with the registration
    return insert_or(
        dialect,
        idempotency_keys,
        "key_digest",
        {name: literal_column(f"excluded.{name}") for name in names},
        only_where=idempotency_keys.c.created_at <= literal_column("excluded.created_at") - _KEPT_MS,
    ).returning(idempotency_keys.c.key_digest)


def _first(row: RowMapping, keys: Keys, request: Keyed) -> First:
    expected = _mac(keys, row["key_id"], request)
    # Without the secret nobody can tell whether it is the same request: doing it twice would be the worse mistake.
    if expected is None or not hmac.compare_digest(expected, row["body_mac"]):
        raise IdempotencyKeyReused("the Idempotency-Key came before with another body")
    return First(row["account_id"], None if row["answer"] is None else _as_account(row["answer"]))


def _mac(keys: Keys, key_id: str, request: Keyed) -> bytes | None:
    subkey = keys.derive(key_id, "idempotency")
    return None if subkey is None else hmac.digest(subkey, request.canonical, "sha256")


def _part(text: str | None) -> bytes:
    # A mark and the length before each part: no two different requests give the same bytes, and None is not "".
    return b"\0" if text is None else b"\1" + len(_bytes(text)).to_bytes(4, "big") + _bytes(text)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # half a character is refused later, and must not be a bug here


def _as_json(account: Account) -> str:
    return json.dumps(asdict(account) | {"id": account.id.hex}, ensure_ascii=False, separators=(",", ":"))


def _as_account(text: str) -> Account:
    members = json.loads(text)
    return Account(**members | {"id": uuid.UUID(hex=members["id"])})
