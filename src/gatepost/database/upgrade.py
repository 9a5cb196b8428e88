"""Runs the revisions a database lacks, with Alembic. Loaded by `schema.migrate` when there is something to run."""

import threading

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

# Alembic hands env.py its context through a global of its own: one migration at a time in a process.
_one_at_a_time = threading.Lock()


def config() -> Config:
    """Alembic's configuration, without a file: the revisions lie in the package."""
    found = Config()
    found.set_main_option("script_location", "gatepost.database:migrations")
    found.set_main_option("path_separator", "os")
    return found


def to_head(connection: Connection) -> None:
    """Run every revision the database behind `connection` lacks, each in a transaction of its own."""
    with _one_at_a_time:
        ours = config()
        ours.attributes["connection"] = connection
        command.upgrade(ours, "head")
