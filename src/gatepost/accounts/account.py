"""An account: one row, read and written by every flow."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, bindparam, select

from gatepost.accounts.tables import accounts

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


COLUMNS = [accounts.c[name] for name in AccountRow.__dataclass_fields__]
_BY_ID = select(*COLUMNS).where(accounts.c.id == bindparam("of_id"))
_BY_KEY = select(*COLUMNS).where(accounts.c.address_key == bindparam("of_key"))


def as_account(row: RowMapping) -> AccountRow:
    """Read a row of COLUMNS."""
    return AccountRow(**{name: row[name] for name in AccountRow.__dataclass_fields__})


def find_by_id(connection: Connection, account_id: uuid.UUID) -> AccountRow | None:
    """The account with this id, or None."""
    row = connection.execute(_BY_ID, {"of_id": account_id}).mappings().one_or_none()
    return None if row is None else as_account(row)


def find_by_key(connection: Connection, address_key: str) -> AccountRow | None:
    """The account with this address key, or None."""
    row = connection.execute(_BY_KEY, {"of_key": address_key}).mappings().one_or_none()
    return None if row is None else as_account(row)


def public(row: AccountRow) -> Account:
    """What the owner may see."""
    return Account(row.id, row.email, row.name, row.locale, row.verified_at, row.created_at)
