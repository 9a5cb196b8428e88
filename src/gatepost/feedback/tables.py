"""The table `feedback`: every fact that came back, once, with what became of it."""

from enum import StrEnum

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gatepost.database.columns import Instant, RowId, metadata
from gatepost.feedback.fact import Bounce, Kind


def _in(column: str, words: type[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})"


IS_KEPT = text("applied_at IS NULL")
HAS_MESSAGE = text("message IS NOT NULL")
IS_UNMATCHED = text("message IS NULL")

feedback = Table(
    "feedback",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event", LargeBinary(16), nullable=False),  # digest of the source's own id of it
    Column("kind", Text, nullable=False),
    Column("bounce", Text),
    Column("message", RowId, ForeignKey("messages.id", ondelete="CASCADE")),  # null: of none of ours
    Column("recipient_key", Text),  # only where it is of none of ours: else the message says it
    Column("status", Text),
    Column("detail", Text),  # what the recipient's server or the source said
    Column("at", Instant, nullable=False),  # by the source's word
    Column("received_at", Instant, nullable=False),
    Column("applied_at", Instant),  # null: kept until its message is settled
    CheckConstraint(_in("kind", Kind), name="kind"),
    CheckConstraint(_in("bounce", Bounce), name="bounce"),
    CheckConstraint("(kind = 'bounced') = (bounce IS NOT NULL)", name="bounce_of_bounced"),
    CheckConstraint("applied_at IS NOT NULL OR message IS NOT NULL", name="kept_for_a_message"),
    UniqueConstraint("source", "event"),
    sqlite_with_rowid=False,
)
Index("ix_feedback_message", feedback.c.message, sqlite_where=HAS_MESSAGE, postgresql_where=HAS_MESSAGE)
Index("ix_feedback_kept", feedback.c.received_at, sqlite_where=IS_KEPT, postgresql_where=IS_KEPT)
# What is about none of our messages, to prune it; the rest goes with its message.
Index(
    "ix_feedback_received_at",
    feedback.c.received_at,
    sqlite_where=IS_UNMATCHED,
    postgresql_where=IS_UNMATCHED,
)
