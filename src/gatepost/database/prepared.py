"""Statements that are run for every few messages: their SQL is made once for each number of keys, and then only sent.

SQLAlchemy looks up, expands and converts at each run, which costs more than most of these statements themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, CursorResult, Select
from sqlalchemy.sql.dml import UpdateBase

# The SQL, its parameters in order, and the values of those that the statement brings itself.
_Form = tuple[str, Sequence[str], Mapping[str, Any]]


class Prepared:
    """A statement in the form of the driver. Values go in and come out as the database has them: a key is bytes.

    Args:
        statement: the statement, complete but for its named parameters.
        keys: the name of the parameter that is a list; see `gatepost.database.batch.among`.
    """

    def __init__(self, statement: UpdateBase | Select[Any], keys: str | None = None) -> None:
        self._statement = statement
        self._keys = keys
        self._forms: dict[tuple[str, int], _Form] = {}

    def run(self, tx: Connection, values: Mapping[str, Any]) -> CursorResult[*tuple[Any, ...]]:
        """Run it once."""
        spread = len(values[self._keys]) if self._keys and tx.dialect.name != "postgresql" else 0
        sql, names, fixed = self._form(tx, values, spread)
        given = {**fixed, **values}
        for number in range(spread):
            given[f"{self._keys}_{number + 1}"] = values[self._keys][number]  # type: ignore[index]
        return tx.exec_driver_sql(sql, tuple([given[name] for name in names]))

    def run_each(self, tx: Connection, several: Sequence[Mapping[str, Any]]) -> None:
        """Run it for several sets of values, in one call of the driver."""
        sql, names, fixed = self._form(tx, several[0], 0)
        tx.exec_driver_sql(sql, [tuple([{**fixed, **values}[name] for name in names]) for values in several])

    def _form(self, tx: Connection, values: Mapping[str, Any], spread: int) -> _Form:
        kind = (tx.dialect.name, spread)
        if kind not in self._forms:
            form = self._statement.compile(dialect=tx.dialect).construct_expanded_state(dict(values))
            given = {*values, *(f"{self._keys}_{number + 1}" for number in range(spread))}
            fixed = {name: value for name, value in form.parameters.items() if name not in given}
            self._forms[kind] = form.statement, form.positiontup or (), fixed
        return self._forms[kind]
