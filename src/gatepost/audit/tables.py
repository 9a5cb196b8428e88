"""The table `audit`. It is only added to: a row is never deleted, and nothing of it changes but that a reason goes."""

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

_KEPT = ("id", "at", "actor", "action", "subject", "result", "state_before", "state_after", "request_id")
_REFUSAL = "the audit log is only added to"
_sqlite_same = " AND ".join(f"OLD.{name} IS NEW.{name}" for name in _KEPT)
_postgresql_same = " AND ".join(f"OLD.{name} IS NOT DISTINCT FROM NEW.{name}" for name in _KEPT)
SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
    f"""CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
WHEN NEW.reason IS NOT NULL OR NOT ({_sqlite_same})
BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END""",
)
POSTGRESQL_TRIGGERS = (
    f"""CREATE TRIGGER audit_kept BEFORE DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION messages_refuse('{_REFUSAL}')""",
    f"""CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW
WHEN (NEW.reason IS NOT NULL OR NOT ({_postgresql_same}))
EXECUTE FUNCTION messages_refuse('{_REFUSAL}')""",
)
