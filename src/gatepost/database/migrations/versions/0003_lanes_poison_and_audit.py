"""The domain of a recipient, deaths in flight, messages sent again; what operators did."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_WAITING = "state IN ('deferred', 'queued')"
_DOMAIN = {
    "sqlite": "substr(recipient_key, instr(recipient_key, '@') + 1)",
    "postgresql": "split_part(recipient_key, '@', 2)",
}


def upgrade() -> None:
    op.add_column("messages", sa.Column("recipient_domain", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("deaths", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("messages", sa.Column("resent_from", sa.LargeBinary(length=16), nullable=True))
    domain = _DOMAIN[op.get_bind().dialect.name]
    op.execute(f"UPDATE messages SET recipient_domain = {domain} WHERE recipient IS NOT NULL")  # noqa: S608  # ours
    op.drop_index("ix_messages_due", "messages")
    _index("ix_messages_due", ["priority", "due_at", "recipient_domain"], f"{_WAITING} AND deaths < 2")
    _index("ix_messages_due_alone", ["state", "due_at"], f"{_WAITING} AND deaths >= 2")
    _index("ix_messages_resent_from", ["resent_from"], "resent_from IS NOT NULL")
    op.create_table(
        "audit",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=16), nullable=False),
        sa.Column("result", sa.LargeBinary(length=16), nullable=True),
        sa.Column("state_before", sa.Text(), nullable=True),
        sa.Column("state_after", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "id"], unique=False)


def _index(name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "messages", columns, sqlite_where=condition, postgresql_where=condition)
