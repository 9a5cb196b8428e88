"""The tables `suppressions` and `soft_bounces`."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint, text

from gatepost.database.columns import Instant, RowId, metadata
from gatepost.suppression.reason import Reason, Scope


def _in(column: str, words: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})"


EXPIRES = text("expires_at IS NOT NULL")

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("address_key", Text, nullable=False),  # of an erased person the keyed hash: see hiding.py
    Column("address", Text),  # as it was written; null of an erased person
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),  # "smtp", "ses", "dsn", "unsubscribe", "admin token", …
    Column("detail", Text),  # what the server, the report or the operator said
    Column("message", RowId),  # the message it came of, where one is known
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),  # null: until it is lifted
    # The one reset a day that may go to an address suppressed for bounces: which message, and when.
    Column("let_through", RowId),
    Column("let_through_at", Instant),
    CheckConstraint(_in("scope", Scope), name="scope"),
    CheckConstraint(_in("reason", Reason), name="reason"),
    UniqueConstraint("address_key", "reason"),
    sqlite_with_rowid=False,
)
Index(
    "ix_suppressions_expires_at",
    suppressions.c.expires_at,
    sqlite_where=EXPIRES,
    postgresql_where=EXPIRES,
)

# One row for each message that came back from an address for a reason that may pass.
soft_bounces = Table(
    "soft_bounces",
    metadata,
    Column("address_key", Text, primary_key=True),
    Column("cause", LargeBinary(16), primary_key=True),  # the message's id, or a digest of the report
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_soft_bounces_at", soft_bounces.c.at)
