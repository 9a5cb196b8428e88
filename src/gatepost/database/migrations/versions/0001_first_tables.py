"""The first tables: accounts, candidates and tokens; messages and attempts."""
# ruff: noqa: E501 (a rule reads best on one line)

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SQLITE_TRIGGERS = (
    """CREATE TRIGGER messages_move BEFORE UPDATE OF state ON messages
WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ('accepted>bounced', 'accepted>delivered', 'committing>accepted', 'committing>deferred', 'committing>failed', 'committing>queued', 'committing>unknown', 'deferred>cancelled', 'deferred>expired', 'deferred>held', 'deferred>sending', 'deferred>suppressed', 'delivered>bounced', 'held>cancelled', 'held>expired', 'held>queued', 'queued>cancelled', 'queued>expired', 'queued>held', 'queued>sending', 'queued>suppressed', 'sending>cancelled', 'sending>committing', 'sending>deferred', 'sending>expired', 'sending>failed', 'sending>held', 'sending>queued', 'sending>suppressed', 'unknown>accepted', 'unknown>bounced', 'unknown>cancelled', 'unknown>deferred', 'unknown>delivered', 'unknown>expired', 'unknown>queued')
BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END""",
    """CREATE TRIGGER messages_birth BEFORE INSERT ON messages
WHEN NOT (NEW.state IN ('cancelled', 'queued', 'suppressed'))
BEGIN SELECT RAISE(ABORT, 'illegal first state of a message'); END""",
)


def upgrade() -> None:
    _create_accounts()
    _create_messages()
    _create_attempts()
    _create_candidates()
    _create_tokens()
    if op.get_bind().dialect.name == "sqlite":
        for trigger in _SQLITE_TRIGGERS:
            op.execute(trigger)


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("registrations", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "verified_at IS NOT NULL OR password_hash IS NULL", name=op.f("ck_accounts_password_once_verified")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("address_key", name=op.f("uq_accounts_address_key")),
        sqlite_with_rowid=False,
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=True),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("template_values", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("token_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("if_unknown", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("claim_number", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("unknowns", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state IN ('committing', 'sending')) = (owner IS NOT NULL)", name=op.f("ck_messages_owner_in_flight")
        ),
        sa.CheckConstraint(
            "NOT (state IN ('cancelled', 'failed', 'held', 'suppressed')) OR reason IS NOT NULL",
            name=op.f("ck_messages_reason_when_stopped"),
        ),
        sa.CheckConstraint(
            "NOT (state IN ('deferred', 'queued')) OR due_at IS NOT NULL", name=op.f("ck_messages_due_when_waiting")
        ),
        sa.CheckConstraint("if_unknown IN ('again', 'never_twice')", name=op.f("ck_messages_if_unknown")),
        sa.CheckConstraint(
            "recipient IS NOT NULL OR state = 'cancelled'", name=op.f("ck_messages_recipient_unless_cancelled")
        ),
        sa.CheckConstraint(
            "state IN ('accepted', 'bounced', 'cancelled', 'committing', 'deferred', 'delivered', 'expired', 'failed', 'held', 'queued', 'sending', 'suppressed', 'unknown')",
            name=op.f("ck_messages_state"),
        ),
        sa.CheckConstraint("0 <= attempts AND attempts <= claim_number", name=op.f("ck_messages_counters")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("ck_messages_expires_after_creation")),
        sa.CheckConstraint("priority BETWEEN 0 AND 1", name=op.f("ck_messages_priority")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("message_id", name=op.f("uq_messages_message_id")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_messages_account",
        "messages",
        ["account_id", "template", "created_at"],
        unique=False,
        sqlite_where=sa.text("state <> 'cancelled'"),
        postgresql_where=sa.text("state <> 'cancelled'"),
    )
    op.create_index(
        "ix_messages_due",
        "messages",
        ["priority", "due_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('deferred', 'queued')"),
        postgresql_where=sa.text("state IN ('deferred', 'queued')"),
    )
    op.create_index(
        "ix_messages_in_flight",
        "messages",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("owner IS NOT NULL"),
        postgresql_where=sa.text("owner IS NOT NULL"),
    )
    op.create_index(
        "ix_messages_no_account",
        "messages",
        ["created_at"],
        unique=False,
        sqlite_where=sa.text("recipient IS NULL"),
        postgresql_where=sa.text("recipient IS NULL"),
    )
    op.create_index("ix_messages_recipient_key", "messages", ["recipient_key", "id"], unique=False)
    op.create_index("ix_messages_state", "messages", ["state", "id"], unique=False)
    op.create_index("ix_messages_token_id", "messages", ["token_id"], unique=False)
    op.create_index(
        "ix_messages_unknown_due",
        "messages",
        ["state", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'unknown' AND due_at IS NOT NULL"),
        postgresql_where=sa.text("state = 'unknown' AND due_at IS NOT NULL"),
    )


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("message", sa.LargeBinary(length=16), nullable=False),
        sa.Column("claim_number", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reply_code", sa.Integer(), nullable=True),
        sa.Column("enhanced_status", sa.Text(), nullable=True),
        sa.Column("reply_text", sa.Text(), nullable=True),
        sa.Column("server", sa.Text(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.CheckConstraint("reply_code IS NULL OR reply_code BETWEEN 200 AND 599", name=op.f("ck_attempts_reply_code")),
        sa.ForeignKeyConstraint(["message"], ["messages.id"], name=op.f("fk_attempts_message"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message", "claim_number", name=op.f("pk_attempts")),
        sqlite_with_rowid=False,
    )


def _create_candidates() -> None:
    op.create_table(
        "candidates",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (password_hash IS NOT NULL)", name=op.f("ck_candidates_closed_holds_no_password")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_candidates_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidates")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_candidates_closed",
        "candidates",
        ["closed_at"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NOT NULL"),
        postgresql_where=sa.text("closed_at IS NOT NULL"),
    )
    op.create_index(
        "ix_candidates_waiting",
        "candidates",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("address_key", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("purpose IN ('verification', 'password_reset')", name=op.f("ck_tokens_purpose")),
        sa.CheckConstraint(
            "account_id IS NOT NULL OR voided_at IS NOT NULL", name=op.f("ck_tokens_void_without_account")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tokens_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tokens_account", "tokens", ["account_id", "purpose"], unique=False)
