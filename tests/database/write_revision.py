"""Print a revision: what the tables have and the newest revision lacks. `python -m tests.database.write_revision`.

While the first revision is unreleased, `--first` writes it anew, whole:

    python -m tests.database.write_revision --first > src/gatepost/database/migrations/versions/0001_first_tables.py
    ruff format src/gatepost/database/migrations

Alembic's autogenerate sees no trigger, and no CHECK of a table that exists already: `test_migrations.py` does, and
names what is missing.
"""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from gatepost.database.columns import RowId
from gatepost.database.sqlite import SqliteDatabase
from tests.database.tables import all_tables, all_triggers

_FIRST = '''"""The first tables: accounts, candidates and tokens; messages and attempts."""
# ruff: noqa: E501 (a rule reads best on one line)

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
'''


def missing() -> str:
    """The lines for `upgrade()` of the next revision."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gatepost.db"
        asyncio.run(_migrated(path))
        return _difference(path)


def first_revision() -> str:
    """The whole file of the first revision: one function for each table with its indexes, then the triggers."""
    with tempfile.TemporaryDirectory() as folder:
        body = _difference(Path(folder) / "empty.db")
    parts: dict[str, list[str]] = {}
    for line in body.splitlines():
        line = line.removeprefix("    ")
        if made := re.match(r"op\.create_(?:table\('(\w+)'|index\('\w+', '(\w+)')", line):
            table = made[1] or made[2]
        if not line.startswith("#"):
            parts.setdefault(table, []).append(f"    {line}")
    triggers = "".join(f'    """{trigger}""",\n' for trigger in all_triggers())
    calls = "".join(f"    _create_{table}()\n" for table in parts)
    functions = "".join(
        f"\n\ndef _create_{table}() -> None:\n" + "\n".join(lines) + "\n" for table, lines in parts.items()
    )
    return (
        f"{_FIRST}\n_SQLITE_TRIGGERS = (\n{triggers})\n\n\ndef upgrade() -> None:\n{calls}"
        '    if op.get_bind().dialect.name == "sqlite":\n'
        "        for trigger in _SQLITE_TRIGGERS:\n            op.execute(trigger)\n" + functions
    )


def _difference(path: Path) -> str:
    with create_engine(f"sqlite:///{path}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": all_tables()})
        return render_python_code(produce_migrations(context, all_tables()).upgrade_ops, render_item=_own_types)


async def _migrated(path: Path) -> None:
    await (await SqliteDatabase.open(path, wait_for_owner_s=0)).close()


def _own_types(kind: str, item: object, _: object) -> str | bool:
    return "sa.LargeBinary(length=16)" if kind == "type" and isinstance(item, RowId) else False


if __name__ == "__main__":
    sys.stdout.write(first_revision() if "--first" in sys.argv else missing() + "\n")
