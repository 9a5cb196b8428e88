"""Sessions, changes of address, limits; accounts that are disabled or deleted; who caused a message."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_POSTGRESQL = (
    "DROP TRIGGER messages_bell ON messages",
    """CREATE TRIGGER messages_bell AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_ring()""",
    """CREATE TRIGGER messages_bell_again AFTER UPDATE OF state ON messages FOR EACH ROW
WHEN (NEW.state = 'queued') EXECUTE FUNCTION messages_ring()""",
)
_PURPOSES = "purpose IN ('verification', 'password_reset', 'address_change', 'address_undo')"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("accounts", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    _index("ix_accounts_unverified", "accounts", ["created_at"], "verified_at IS NULL")
    _index("ix_accounts_deleted", "accounts", ["deleted_at"], "deleted_at IS NOT NULL")
    op.create_index("ix_candidates_created_at", "candidates", ["created_at"], unique=False)
    op.add_column("messages", sa.Column("client", sa.LargeBinary(length=16), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        for statement in _POSTGRESQL:
            op.get_bind().exec_driver_sql(statement)
    _widen_tokens()
    _create_sessions()
    _create_known_clients()
    _create_address_changes()
    op.create_table(
        "limits",
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("spent_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_limits")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_limits_spent_until", "limits", ["spent_until"], unique=False)
    op.create_table(
        "bookmarks",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("row", sa.LargeBinary(length=16), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bookmarks")),
        sqlite_with_rowid=False,
    )


def _widen_tokens() -> None:
    """Let tokens have two more purposes. SQLite cannot change a rule of a table: it gets a new one, and the rows."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("ck_tokens_purpose", "tokens", type_="check")
        op.create_check_constraint(op.f("ck_tokens_purpose"), "tokens", _PURPOSES)
        return
    op.drop_index("ix_tokens_account", "tokens")
    op.drop_index("ix_tokens_no_account", "tokens")
    op.rename_table("tokens", "tokens_before")
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
        sa.CheckConstraint(_PURPOSES, name=op.f("ck_tokens_purpose")),
        sa.CheckConstraint(
            "account_id IS NOT NULL OR voided_at IS NOT NULL", name=op.f("ck_tokens_void_without_account")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_tokens_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO tokens SELECT * FROM tokens_before")
    op.drop_table("tokens_before")
    op.create_index("ix_tokens_account", "tokens", ["account_id", "purpose"], unique=False)
    _index("ix_tokens_no_account", "tokens", ["account_id", "created_at"], "account_id IS NULL")


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("network", sa.Text(), nullable=True),
        sa.Column("agent", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_sessions_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sessions_account", "sessions", ["account_id", "created_at"], unique=False)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)


def _create_known_clients() -> None:
    op.create_table(
        "known_clients",
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("client", sa.LargeBinary(length=16), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_known_clients_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("account_id", "client", name=op.f("pk_known_clients")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_known_clients_seen_at", "known_clients", ["seen_at"], unique=False)


def _create_address_changes() -> None:
    op.create_table(
        "address_changes",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("account_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("old_email", sa.Text(), nullable=False),
        sa.Column("old_key", sa.Text(), nullable=False),
        sa.Column("new_email", sa.Text(), nullable=False),
        sa.Column("new_key", sa.Text(), nullable=False),
        sa.Column("confirm_token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("undo_token", sa.LargeBinary(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_address_changes_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_changes")),
        sa.UniqueConstraint("confirm_token", name=op.f("uq_address_changes_confirm_token")),
        sa.UniqueConstraint("undo_token", name=op.f("uq_address_changes_undo_token")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_address_changes_account", "address_changes", ["account_id", "created_at"], unique=False)
    op.create_index("ix_address_changes_created_at", "address_changes", ["created_at"], unique=False)


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)
