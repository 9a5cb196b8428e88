"""The tables of operators and of who of them is signed in."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text

from gatepost.database.columns import Instant, RowId, metadata

operators = Table(
    "operators",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("name", Text, nullable=False, unique=True),  # what they sign in with; see `names`
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),  # nobody signs in with it; the row stays, the audit log names it
    CheckConstraint("role IN ('operator', 'owner', 'support')", name="role"),
    sqlite_with_rowid=False,
)

# As the sessions of accounts: the row goes when the session ends.
operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),  # SHA-256 of a token of 256 random bits
    Column("operator_id", RowId, ForeignKey("operators.id", ondelete="CASCADE"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),  # not at every request: see sessions.py
    Column("expires_at", Instant, nullable=False),
    Column("network", Text),
    Column("agent", Text),
    sqlite_with_rowid=False,
)
Index("ix_operator_sessions_operator", operator_sessions.c.operator_id, operator_sessions.c.created_at)
Index("ix_operator_sessions_expires_at", operator_sessions.c.expires_at)
