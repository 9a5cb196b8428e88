"""Suppressions, feedback, and which messages are about the safety of an account."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SECURITY = (
    "verification",
    "password_reset",
    "account_exists",
    "password_changed",
    "address_change",
    "address_change_notice",
    "account_deleted",
)


def upgrade() -> None:
    op.add_column("messages", sa.Column("security", sa.Integer(), nullable=False, server_default=sa.text("0")))
    messages = sa.table("messages", sa.column("template", sa.Text()), sa.column("security", sa.Integer()))
    op.execute(messages.update().where(messages.c.template.in_(_SECURITY)).values(security=1))
    _create_suppressions()
    op.create_table(
        "soft_bounces",
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("cause", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", "cause", name=op.f("pk_soft_bounces")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_soft_bounces_at", "soft_bounces", ["at"], unique=False)
    _create_feedback()


def _create_suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("message", sa.LargeBinary(length=16), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("let_through", sa.LargeBinary(length=16), nullable=True),
        sa.Column("let_through_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('all', 'all_but_security')", name=op.f("ck_suppressions_scope")),
        sa.CheckConstraint(
            "reason IN ('complaint', 'hard_bounce', 'operator', 'soft_bounces', 'unsubscribed')",
            name=op.f("ck_suppressions_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint("address_key", "reason", name=op.f("uq_suppressions_address_key_reason")),
        sqlite_with_rowid=False,
    )
    _index("ix_suppressions_expires_at", "suppressions", ["expires_at"], "expires_at IS NOT NULL")


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event", sa.LargeBinary(length=16), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bounce", sa.Text(), nullable=True),
        sa.Column("message", sa.LargeBinary(length=16), nullable=True),
        sa.Column("recipient_key", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('bounced', 'complained', 'delayed', 'delivered', 'unsubscribed')", name=op.f("ck_feedback_kind")
        ),
        sa.CheckConstraint("bounce IN ('hard', 'other', 'soft')", name=op.f("ck_feedback_bounce")),
        sa.CheckConstraint("(kind = 'bounced') = (bounce IS NOT NULL)", name=op.f("ck_feedback_bounce_of_bounced")),
        sa.CheckConstraint(
            "applied_at IS NOT NULL OR message IS NOT NULL", name=op.f("ck_feedback_kept_for_a_message")
        ),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_feedback_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
        sa.UniqueConstraint("source", "event", name=op.f("uq_feedback_source_event")),
        sqlite_with_rowid=False,
    )
    _index("ix_feedback_message", "feedback", ["message"], "message IS NOT NULL")
    _index("ix_feedback_kept", "feedback", ["received_at"], "applied_at IS NULL")
    _index("ix_feedback_received_at", "feedback", ["received_at"], "message IS NULL")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)
