"""Makes mailed tokens again, from the rows of a database and the secret key: so that a search knows all of them."""

import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from gatepost.accounts.keys import Keys
from gatepost.accounts.tokens import Purpose, mailed

_ROWS = "SELECT id, purpose, account_id, address_key, key_id FROM {} WHERE account_id IS NOT NULL"
_MAX_TOKENS = 2_000  # of one database: any 2,000, as their ids are random
_MAX_ROWS = 20_000  # of one table: beyond it a test filled it itself, with nothing secret


class Row(NamedTuple):
    """What a token is made from."""

    id: bytes
    purpose: str
    account_id: uuid.UUID
    address_key: str
    key_id: str


_keys: dict[str, Keys] = {}


def token_of(row: Row, key: str) -> str:
    """The token as it was mailed, or would be."""
    keys = _keys.get(key) or _keys.setdefault(key, Keys([key]))
    made = mailed(keys, row.key_id, row.id, Purpose(row.purpose), row.account_id, row.address_key)
    assert made is not None
    return made


def rows_of_file(path: Path) -> list[Row]:
    """The tokens of a SQLite file; none where it is no database of ours."""
    try:
        if not path.is_file() or path.stat().st_size == 0:
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as connection:
            found = connection.execute(f"{_ROWS.format('tokens')} LIMIT {_MAX_TOKENS}").fetchall()
    except (sqlite3.Error, OSError):  # damaged on purpose, another schema, gone
        return []
    return [_row(*one) for one in found]


async def rows_of_postgresql(connection: Any) -> tuple[list[Row], list[str]]:
    """The tokens of a PostgreSQL database, and all its rows as text."""
    tables = [
        f'"{schema}"."{name}"'
        for schema, name in await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
    ]
    if not tables:
        return [], []
    each = [f"(SELECT row::text FROM {table} AS row LIMIT {_MAX_ROWS})" for table in tables]
    texts = [text for (text,) in await connection.fetch(" UNION ALL ".join(each))]
    tokens = [table for table in tables if table.endswith('."tokens"')]
    found = [one for table in tokens for one in await connection.fetch(f"{_ROWS.format(table)} LIMIT {_MAX_TOKENS}")]
    return [_row(*one) for one in found], texts


def _row(token_id: bytes, purpose: str, account_id: Any, address_key: str, key_id: str) -> Row:
    account = account_id if isinstance(account_id, uuid.UUID) else uuid.UUID(bytes=bytes(account_id))
    return Row(bytes(token_id), purpose, account, address_key, key_id)
