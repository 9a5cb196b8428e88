"""An account: one row, read and written by every flow."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, select

from gatepost.accounts.tables import accounts, tokens

DEFAULT_LOCALE = "en"


@dataclass(frozen=True)
class Account:
    """An account as its owner may see it. Instants are milliseconds since the epoch."""

    id: uuid.UUID
    email: str
    name: str | None
    locale: str
    verified_at: int | None
    created_at: int


@dataclass(frozen=True)
class AccountRow(Account):
    """An account as the flows see it."""

    address_key: str
    disabled_at: int | None = None
    deleted_at: int | None = None


COLUMNS = [accounts.c[name] for name in AccountRow.__dataclass_fields__]
# Whoever decides by what it reads takes the account's row first: of two at once the second reads what the first wrote.
# NO KEY UPDATE leaves those alone who only refer to the account. On SQLite one transaction writes at a time anyway.
_TAKE_BY_KEY = select(*COLUMNS).where(accounts.c.address_key == bindparam("of_key")).with_for_update(key_share=True)
_TAKE_BY_ID = select(*COLUMNS).where(accounts.c.id == bindparam("of_id")).with_for_update(key_share=True)
_OF_TOKEN = select(tokens.c.account_id).where(tokens.c.id == bindparam("of_token")).scalar_subquery()
_TAKE_BY_TOKEN = select(*COLUMNS).where(accounts.c.id == _OF_TOKEN).with_for_update(key_share=True)


def as_account(row: RowMapping) -> AccountRow:
    """Read a row of COLUMNS."""
    return AccountRow(**{name: row[name] for name in AccountRow.__dataclass_fields__})


def take_by_key(tx: Connection, address_key: str) -> AccountRow | None:
    """The account with this address key, or None; nobody else changes it until this transaction ends."""
    row = tx.execute(_TAKE_BY_KEY, {"of_key": address_key}).mappings().one_or_none()
    return None if row is None else as_account(row)


def take_by_id(tx: Connection, account_id: uuid.UUID) -> AccountRow | None:
    """The account with this id, or None; nobody else changes it until this transaction ends."""
    row = tx.execute(_TAKE_BY_ID, {"of_id": account_id}).mappings().one_or_none()
    return None if row is None else as_account(row)


def take_by_token(tx: Connection, token_id: bytes) -> AccountRow | None:
    """The account a token belongs to, or None; nobody else changes it until this transaction ends."""
    row = tx.execute(_TAKE_BY_TOKEN, {"of_token": token_id}).mappings().one_or_none()
    return None if row is None else as_account(row)


def public(row: AccountRow) -> Account:
    """What the owner may see."""
    return Account(row.id, row.email, row.name, row.locale, row.verified_at, row.created_at)
