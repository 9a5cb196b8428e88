"""Every table of the package, and the schema a database made straight from them would have."""

import importlib
import importlib.util
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sqlalchemy import MetaData, create_engine

import gatepost
from gatepost.database.columns import metadata


def all_tables() -> MetaData:
    """Import every `tables` module of the package and return the MetaData they fill."""
    for _ in _table_modules():
        pass
    return metadata


def all_triggers() -> list[str]:
    """The SQLite triggers that stand beside the tables."""
    return [trigger for module in _table_modules() for trigger in getattr(module, "SQLITE_TRIGGERS", ())]


def schema_of_the_tables() -> list[str]:
    """The normalised schema of a database made by `create_all` and the SQLite triggers."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        all_tables().create_all(connection)
        for trigger in all_triggers():
            connection.exec_driver_sql(trigger)
        rows = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
    return normalised([tuple(row) for row in rows])


def schema_of_the_file(path: Path) -> list[str]:
    """The normalised schema of a migrated file, without Alembic's own table."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'")
        return normalised(rows.fetchall())
    finally:
        connection.close()


def normalised(rows: list[tuple[str, str, str | None]]) -> list[str]:
    """One line for each column, constraint, index and trigger, so that a diff names what differs."""
    lines = []
    for kind, name, sql in sorted(rows, key=lambda row: row[:2]):
        if sql is None:  # the index behind a UNIQUE constraint
            continue
        if kind == "table" and "\n" in sql:
            head, *parts, tail = (_one_line(line).rstrip(",") for line in sql.strip().split("\n"))
            # SQLite puts columns that are added later behind the last one, on its line.
            columns = [one for part in parts if not part.startswith(_CONSTRAINTS) for one in part.split(", ")]
            constraints = sorted(part for part in parts if part.startswith(_CONSTRAINTS))
            lines += [f"{name}: {part}" for part in (head, *columns, *constraints, tail) if part]
        else:
            lines.append(f"{name}: {_one_line(sql)}")
    return lines


_CONSTRAINTS = ("CONSTRAINT", "CHECK", "PRIMARY KEY", "FOREIGN KEY", "UNIQUE")


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _table_modules() -> Iterator[ModuleType]:
    for package in pkgutil.iter_modules(gatepost.__path__):
        name = f"gatepost.{package.name}.tables"
        if package.ispkg and importlib.util.find_spec(name) is not None:
            yield importlib.import_module(name)
