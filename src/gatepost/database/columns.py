"""Column types both databases share, the identifiers of rows, and the one MetaData of all tables."""

import os
import time
import uuid
from typing import Any

from sqlalchemy import BigInteger, Dialect, LargeBinary, MetaData
from sqlalchemy.types import TypeDecorator, TypeEngine

# Milliseconds since the epoch, UTC: the same on both databases, compared and indexed as a number.
Instant = BigInteger

# The channel on which PostgreSQL tells every process that a message became due (NOTIFY, in the writing transaction).
BELL = "gatepost_due"

# The PostgreSQL schema our tables live in, so that a host's own `accounts` and `alembic_version` stay its own. Our
# connections have it as their search path; a statement in a host's transaction names it.
SCHEMA = "gatepost"

# Names of constraints are fixed, so that a later migration can find them.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class RowId(TypeDecorator[uuid.UUID]):
    """A UUID as 16 bytes: on SQLite a small key that sorts by time."""

    impl = LargeBinary(16)
    cache_ok = True

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> uuid.UUID | None:
        return None if value is None else uuid.UUID(bytes=bytes(value))

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(LargeBinary(16))


def new_row_id() -> uuid.UUID:
    """Make a UUID version 7 (RFC 9562, 5.7): its first 48 bits are the time, so new rows lie side by side."""
    instant_ms = time.time_ns() // 1_000_000
    value = (instant_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | (0x7 << 76)
    value = value & ~(0x3 << 62) | (0x2 << 62)
    return uuid.UUID(int=value)
