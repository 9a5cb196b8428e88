"""Workers with a heartbeat, answered Idempotency-Keys, messages by template; the triggers of PostgreSQL."""
# ruff: noqa: E501 (a rule reads best on one line)

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_POSTGRESQL = (
    """CREATE FUNCTION messages_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'check_violation'; END$$""",
    """CREATE TRIGGER messages_move BEFORE UPDATE OF state ON messages FOR EACH ROW
WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ('accepted>bounced', 'accepted>delivered', 'committing>accepted', 'committing>deferred', 'committing>failed', 'committing>queued', 'committing>unknown', 'deferred>cancelled', 'deferred>expired', 'deferred>held', 'deferred>sending', 'deferred>suppressed', 'delivered>bounced', 'held>cancelled', 'held>expired', 'held>queued', 'queued>cancelled', 'queued>expired', 'queued>held', 'queued>sending', 'queued>suppressed', 'sending>cancelled', 'sending>committing', 'sending>deferred', 'sending>expired', 'sending>failed', 'sending>held', 'sending>queued', 'sending>suppressed', 'unknown>accepted', 'unknown>bounced', 'unknown>cancelled', 'unknown>deferred', 'unknown>delivered', 'unknown>expired', 'unknown>queued'))
EXECUTE FUNCTION messages_refuse('illegal move of a message')""",
    """CREATE TRIGGER messages_birth BEFORE INSERT ON messages FOR EACH ROW
WHEN (NOT (NEW.state IN ('cancelled', 'queued', 'suppressed')))
EXECUTE FUNCTION messages_refuse('illegal first state of a message')""",
    """CREATE FUNCTION messages_ring() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_notify('gatepost_due', ''); RETURN NULL; END$$""",
    """CREATE TRIGGER messages_bell AFTER INSERT OR UPDATE OF state ON messages FOR EACH ROW
WHEN (NEW.state = 'queued') EXECUTE FUNCTION messages_ring()""",
    # A queue changes every row several times: without it the index of what is due would fill up with dead entries.
    "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)",
)


def upgrade() -> None:
    op.create_table(
        "workers",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("slots > 0", name=op.f("ck_workers_slots")),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_workers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("body_mac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_idempotency_keys_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_digest", name=op.f("pk_idempotency_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_idempotency_keys_account_id", "idempotency_keys", ["account_id"], unique=False)
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"], unique=False)
    op.drop_index("ix_candidates_waiting", "candidates")
    op.create_index("ix_candidates_account", "candidates", ["account_id", "closed_at"], unique=False)
    op.create_index(
        "ix_tokens_no_account",
        "tokens",
        ["account_id", "created_at"],
        unique=False,
        sqlite_where=sa.text("account_id IS NULL"),
        postgresql_where=sa.text("account_id IS NULL"),
    )
    op.create_index("ix_messages_template", "messages", ["template", "state", "id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.get_bind().exec_driver_sql(statement)
