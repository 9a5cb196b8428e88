"""Mailed tokens: made from the row and a secret when the mail goes out, recognised when they come back.

A token is base64url(id ‖ MAC). The row holds the id and what the MAC is over, never the MAC: from the database alone
no token can be made.
"""

import base64
import binascii
import hmac
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, delete, insert, select, update

from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import tokens
from gatepost.database.batch import among, in_batch
from gatepost.database.prepared import Prepared
from gatepost.errors import BadToken
from gatepost.outbox.cancel import cancel_waiting

ID_BYTES = 16
MAC_BYTES = 32
TEXT_LENGTH = 64  # base64url of 48 bytes: no padding and only one way to write it
VOIDED_WITHOUT_ACCOUNT_KEPT_S = 7 * 24 * 3600
PRUNE_BATCH = 500


class Purpose(StrEnum):
    """What a token is good for; it is good for nothing else."""

    VERIFICATION = "verification"
    PASSWORD_RESET = "password_reset"  # noqa: S105  # a name
    ADDRESS_CHANGE = "address_change"  # to the new address
    ADDRESS_UNDO = "address_undo"  # to the old one


# Seconds a token lives, counted from the moment its mail goes out.
LIFE_S = {
    Purpose.VERIFICATION: 24 * 3600,
    Purpose.PASSWORD_RESET: 30 * 60,
    Purpose.ADDRESS_CHANGE: 24 * 3600,
    Purpose.ADDRESS_UNDO: 7 * 24 * 3600,  # who lost an account to a stranger may notice late
}


@dataclass(frozen=True)
class Presented:
    """A well-formed token as somebody presented it; nothing about it is proved."""

    id: bytes
    mac: bytes = field(repr=False)


@dataclass(frozen=True)
class Live:
    """A token that was proved and may be used."""

    id: bytes
    account_id: uuid.UUID
    address_key: str


_INSERT = insert(tokens)
_FIND = select(tokens).where(tokens.c.id == bindparam("of_id"))
_STILL_OPEN = (tokens.c.used_at.is_(None), tokens.c.voided_at.is_(None))
_USE = (
    update(tokens)
    .where(tokens.c.id == bindparam("of_id"), *_STILL_OPEN, tokens.c.expires_at > bindparam("now_ms"))
    .values(used_at=bindparam("now_ms"))
)
_RENEW = Prepared(
    update(tokens)
    .where(among(tokens.c.id, "of_ids"), *_STILL_OPEN)
    .values(expires_at=bindparam("until"))
    .returning(tokens.c.id, tokens.c.account_id, tokens.c.address_key, tokens.c.key_id),
    "of_ids",
)


def _open(purposes: frozenset[Purpose]) -> tuple[ColumnElement[bool], ...]:
    of_account = (tokens.c.account_id == bindparam("of_account"), tokens.c.id != bindparam("spared"), *_STILL_OPEN)
    return (*of_account, tokens.c.purpose.in_(sorted(purposes)))


# Whoever took an account over can do everything but take back the old address's way to undo that.
ALL_BUT_UNDO = frozenset(Purpose) - {Purpose.ADDRESS_UNDO}
EVERY = frozenset(Purpose)
_SETS = (*(frozenset({purpose}) for purpose in Purpose), ALL_BUT_UNDO, EVERY)
_FIND_OPEN = {purposes: select(tokens.c.id).where(*_open(purposes)) for purposes in _SETS}
_VOID_OPEN = {
    purposes: update(tokens).where(*_open(purposes)).values(voided_at=bindparam("now_ms")) for purposes in _SETS
}
_OLD_WITHOUT_ACCOUNT = (
    select(tokens.c.id)
    .where(tokens.c.account_id.is_(None), tokens.c.created_at < bindparam("kept_since"))
    .order_by(tokens.c.created_at)  # by its index: PostgreSQL guesses that a third is old, and reads the table
    .limit(bindparam("at_most"))
)
_PRUNE = delete(tokens).where(in_batch(tokens.c.id, _OLD_WITHOUT_ACCOUNT))


def issue(
    tx: Connection,
    keys: Keys,
    purpose: Purpose,
    *,
    account_id: uuid.UUID | None,
    address_key: str,
    now_ms: int,
    void: bool = False,
) -> bytes:
    """Store a new token and return its id.

    `void`: born useless, where every branch of a request writes the same rows.
    """
    token_id = secrets.token_bytes(ID_BYTES)
    tx.execute(
        _INSERT,
        {
            "id": token_id,
            "purpose": str(purpose),
            "account_id": account_id,
            "address_key": address_key,
            "key_id": keys.signing_id,
            "created_at": now_ms,
            "expires_at": now_ms + LIFE_S[purpose] * 1000,
            "voided_at": now_ms if void else None,
        },
    )
    return token_id


def renew(tx: Connection, keys: Keys, purpose: Purpose, token_ids: Collection[bytes], now_ms: int) -> dict[bytes, str]:
    """Start the life of several tokens now, as their mail goes out, and return the tokens to mail by their ids.

    One is missing: it was used or voided meanwhile, or its key is no longer configured, so no mail should go out.
    """
    until = now_ms + LIFE_S[purpose] * 1000
    renewed = {}
    for token_id, account_id, address_key, key_id in _RENEW.run(tx, {"of_ids": list(token_ids), "until": until}):
        if account_id is None:
            continue
        token = mailed(keys, key_id, token_id, purpose, uuid.UUID(bytes=account_id), address_key)
        if token is not None:
            renewed[token_id] = token
    return renewed


def mailed(
    keys: Keys, key_id: str, token_id: bytes, purpose: Purpose, account_id: uuid.UUID, address_key: str
) -> str | None:
    """Make the token as it stands in the mail from what its row holds; None when its key is no longer configured."""
    mac = _mac(keys, key_id, token_id, purpose, account_id, address_key)
    return None if mac is None else base64.urlsafe_b64encode(token_id + mac).decode()


def parse(token: object) -> Presented:
    """Read what somebody presented as a token, whatever it is.

    Raises:
        BadToken: it is not even of a token's shape.
    """
    if not isinstance(token, str) or len(token) != TEXT_LENGTH or not token.isascii():
        raise BadToken("shape")
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("shape") from None
    return Presented(raw[:ID_BYTES], raw[ID_BYTES:])


def prove(connection: Connection, keys: Keys, purpose: Purpose, presented: Presented, now_ms: int) -> Live:
    """Find the token by its id and compare the MAC in constant time. Reads only.

    Raises:
        BadToken: unknown, forged, for another purpose, expired, used or voided. Its text is for operators alone.
    """
    row = connection.execute(_FIND, {"of_id": presented.id}).mappings().one_or_none()
    if row is None:
        # The same work as for a token that exists.
        _mac(keys, keys.signing_id, presented.id, purpose, uuid.UUID(int=0), "")
        raise BadToken("not_found")
    # The purpose asked for, not the row's: a token for something else has another MAC.
    expected = _mac(keys, row["key_id"], presented.id, purpose, row["account_id"], row["address_key"])
    if expected is None or not hmac.compare_digest(expected, presented.mac):
        raise BadToken("forged")
    if (reason := _closed(row, now_ms)) is not None:
        raise BadToken(reason)
    return Live(presented.id, row["account_id"], row["address_key"])


def use(tx: Connection, live: Live, now_ms: int) -> None:
    """Use the token up; of many at once exactly one succeeds.

    Raises:
        BadToken: somebody else was first.
    """
    if tx.execute(_USE, {"of_id": live.id, "now_ms": now_ms}).rowcount != 1:
        raise BadToken("used")


def void(
    tx: Connection,
    account_id: uuid.UUID | None,
    purpose: Purpose | frozenset[Purpose],
    now_ms: int,
    *,
    spare: bytes = b"",
) -> None:
    """Make an account's open tokens useless; cancel the messages that wait to carry them.

    The messages come first, as in the worker's claim: it takes a message and then renews its token.

    Args:
        tx: the transaction; it has taken the account.
        account_id: whose; None voids nothing and costs the same.
        purpose: one, ALL_BUT_UNDO or EVERY.
        now_ms: wall time in milliseconds.
        spare: the token that is being used: `use` it afterwards.
    """
    which = {"of_account": account_id, "spared": spare}
    purposes = frozenset({purpose}) if isinstance(purpose, Purpose) else purpose
    cancel_waiting(tx, _FIND_OPEN[purposes], "superseded", now_ms, which)
    tx.execute(_VOID_OPEN[purposes], which | {"now_ms": now_ms})


def prune_tokens(tx: Connection, now_ms: int) -> int:
    """Delete up to PRUNE_BATCH tokens that never belonged to an account and are older than a week."""
    kept_since = now_ms - VOIDED_WITHOUT_ACCOUNT_KEPT_S * 1000
    return tx.execute(_PRUNE, {"kept_since": kept_since, "at_most": PRUNE_BATCH}).rowcount


def _closed(row: RowMapping, now_ms: int) -> str | None:
    if row["voided_at"] is not None:
        return "voided"
    if row["used_at"] is not None:
        return "used"
    return "expired" if row["expires_at"] <= now_ms else None


def _mac(
    keys: Keys, key_id: str, token_id: bytes, purpose: Purpose, account_id: uuid.UUID, address_key: str
) -> bytes | None:
    key = keys.derive(key_id, f"token {purpose}")
    if key is None:
        return None
    # Each part with its length before it: no two different rows give the same bytes.
    parts = (token_id, purpose.encode(), account_id.bytes, address_key.encode())
    return hmac.digest(key, b"".join(len(part).to_bytes(4, "big") + part for part in parts), "sha256")
