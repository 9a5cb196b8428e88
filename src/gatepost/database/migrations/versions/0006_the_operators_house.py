"""Operators and their sessions, opened links, the held queue, traces; an audit log that is only added to."""
# ruff: noqa: E501 (a rule reads best on one line)

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER audit_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END""",
    """CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit
WHEN NEW.reason IS NOT NULL OR NOT (OLD.id IS NEW.id AND OLD.at IS NEW.at AND OLD.actor IS NEW.actor AND OLD.action IS NEW.action AND OLD.subject IS NEW.subject AND OLD.result IS NEW.result AND OLD.state_before IS NEW.state_before AND OLD.state_after IS NEW.state_after AND OLD.request_id IS NEW.request_id)
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END""",
)
_POSTGRESQL_TRIGGERS = (
    """CREATE TRIGGER audit_kept BEFORE DELETE ON audit FOR EACH ROW
EXECUTE FUNCTION messages_refuse('the audit log is only added to')""",
    """CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW
WHEN (NEW.reason IS NOT NULL OR NOT (OLD.id IS NOT DISTINCT FROM NEW.id AND OLD.at IS NOT DISTINCT FROM NEW.at AND OLD.actor IS NOT DISTINCT FROM NEW.actor AND OLD.action IS NOT DISTINCT FROM NEW.action AND OLD.subject IS NOT DISTINCT FROM NEW.subject AND OLD.result IS NOT DISTINCT FROM NEW.result AND OLD.state_before IS NOT DISTINCT FROM NEW.state_before AND OLD.state_after IS NOT DISTINCT FROM NEW.state_after AND OLD.request_id IS NOT DISTINCT FROM NEW.request_id))
EXECUTE FUNCTION messages_refuse('the audit log is only added to')""",
)


def upgrade() -> None:
    op.add_column("messages", sa.Column("traceparent", sa.Text(), nullable=True))
    settled = sa.text("settled_at IS NOT NULL")
    op.create_index(
        "ix_messages_settled",
        "messages",
        ["settled_at", "state", "created_at"],
        sqlite_where=settled,
        postgresql_where=settled,
    )
    _create_operators()
    op.create_table(
        "link_opens",
        sa.Column("token_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("opener", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("opener IN ('person', 'scanner')", name=op.f("ck_link_opens_opener")),
        sa.PrimaryKeyConstraint("token_id", "opener", name=op.f("pk_link_opens")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_link_opens_opened_at", "link_opens", ["opened_at"], unique=False)
    op.create_table(
        "queue_hold",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_queue_hold_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_hold")),
        sqlite_with_rowid=False,
    )
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    for trigger in _SQLITE_TRIGGERS if on_sqlite else _POSTGRESQL_TRIGGERS:
        op.execute(trigger)


def _create_operators() -> None:
    op.create_table(
        "operators",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('operator', 'owner', 'support')", name=op.f("ck_operators_role")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
        sa.UniqueConstraint("name", name=op.f("uq_operators_name")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "operator_sessions",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("operator_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["operators.id"], name=op.f("fk_operator_sessions_operator_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_operator_sessions_digest")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_operator_sessions_operator", "operator_sessions", ["operator_id", "created_at"], unique=False)
    op.create_index("ix_operator_sessions_expires_at", "operator_sessions", ["expires_at"], unique=False)
