"""Which revision of the schema a database has, which one this version needs, and the way from one to the other."""

import functools
import threading

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from gatepost.errors import SchemaTooNew

# Alembic hands env.py its context through a global of its own: one migration at a time in a process.
_one_at_a_time = threading.Lock()


@functools.cache
def head_revision() -> str:
    """The revision this version needs."""
    head = _scripts().get_current_head()
    assert head is not None  # noqa: S101 (the package ships at least one)
    return head


def current_revision(connection: Connection) -> str | None:
    """The revision of this database, None for an empty one; fits `database.read`."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(connection: Connection, name: str) -> None:
    """Bring the database to `head_revision()`, each revision in a transaction of its own.

    Args:
        connection: one that may write, outside a transaction; the caller holds the file's lock.
        name: what the database is called in errors.

    Raises:
        SchemaTooNew: a later version migrated this database.
    """
    with _one_at_a_time:
        with connection.begin() as transaction:
            current = current_revision(connection)
            transaction.rollback()
        if current == head_revision():
            return
        refuse_unknown(current, name)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def refuse_unknown(revision: str | None, name: str) -> None:
    """Raise SchemaTooNew unless this version knows `revision`; `name` is what the database is called in the error."""
    if revision is None:
        return
    try:
        _scripts().get_revision(revision)
    except CommandError as error:
        raise SchemaTooNew(
            f"{name} has schema revision {revision}, made by a later Gatepost; this one knows revisions up to "
            f"{head_revision()}. Start the later version again, or restore the backup made before the upgrade."
        ) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "gatepost.database:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
