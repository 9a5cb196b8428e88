"""Run by Alembic: brings the database behind the connection it was handed to the wanted revision."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # One revision, one transaction: a process killed under way leaves whole revisions behind. Alembic does not trust
    # SQLite with DDL in transactions because of how sqlite3 begins them; ours begin with BEGIN IMMEDIATE.
    transactional_ddl=True,
    transaction_per_migration=True,
)

with context.begin_transaction():
    context.run_migrations()
