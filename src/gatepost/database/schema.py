"""Which revision of the schema a database has, which one this version needs, and the way from one to the other.

Alembic is loaded only when there is something to migrate: it costs a third of a second, at every start and for every
command that only reads. Until then the names of the revision files say enough.
"""

import functools
import importlib
import re
from importlib import resources

from sqlalchemy import Connection, Inspector, inspect

from gatepost.errors import SchemaTooNew

_REVISION_FILE = re.compile(r"(\d{4})_\w+\.py")


@functools.cache
def known_revisions() -> tuple[str, ...]:
    """The revisions this version has, oldest first: the numbers its files begin with."""
    files = resources.files("gatepost.database.migrations") / "versions"
    found = (_REVISION_FILE.fullmatch(file.name) for file in files.iterdir())
    return tuple(sorted(match[1] for match in found if match))


def head_revision() -> str:
    """The revision this version needs."""
    return known_revisions()[-1]


def current_revision(connection: Connection) -> str | None:
    """The revision of this database, None for an empty one; fits `database.read`."""
    inspector: Inspector = inspect(connection)
    if not inspector.has_table("alembic_version"):
        return None
    revision: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return revision


def migrate(connection: Connection, name: str) -> None:
    """Bring the database to `head_revision()`, each revision in a transaction of its own.

    Args:
        connection: one that may write, outside a transaction; the caller holds the file's lock.
        name: what the database is called in errors.

    Raises:
        SchemaTooNew: a later version migrated this database.
    """
    with connection.begin() as transaction:
        current = current_revision(connection)
        transaction.rollback()
    if current == head_revision():
        return
    refuse_unknown(current, name)
    importlib.import_module("gatepost.database.upgrade").to_head(connection)


def refuse_unknown(revision: str | None, name: str) -> None:
    """Raise SchemaTooNew unless this version knows `revision`; `name` is what the database is called in the error."""
    if revision is not None and revision not in known_revisions():
        raise SchemaTooNew(
            f"{name} has schema revision {revision}, made by a later Gatepost; this one knows revisions up to "
            f"{head_revision()}. Start the later version again, or restore the backup made before the upgrade."
        )
