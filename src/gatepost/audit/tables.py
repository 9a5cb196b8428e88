"""The table `audit`."""

from sqlalchemy import Column, Index, Table, Text

from gatepost.database.columns import Instant, RowId, metadata

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),  # "admin token", "command line (uid 1000)"
    Column("action", Text, nullable=False),  # "resend", "hold", …
    Column("subject", RowId, nullable=False),  # the row it was done to
    Column("result", RowId),  # the row that came of it, where one did
    Column("state_before", Text),
    Column("state_after", Text),
    Column("reason", Text),  # as the operator gave it
    Column("request_id", Text),
    sqlite_with_rowid=False,
)
Index("ix_audit_subject", audit.c.subject, audit.c.id)
