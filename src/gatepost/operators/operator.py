"""One operator, as the rest of the program sees them."""

import re
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping

from gatepost.clock import iso
from gatepost.errors import N_, FieldError, InvalidInput
from gatepost.operators.role import Role
from gatepost.operators.tables import operators

MAX_NAME_CHARACTERS = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")


@dataclass(frozen=True)
class Operator:
    """An operator. Instants are milliseconds since the epoch; `disabled_at` None: may sign in."""

    id: uuid.UUID
    name: str
    role: Role
    created_at: int
    disabled_at: int | None

    @property
    def actor(self) -> str:
        """How the audit log calls them."""
        return f"operator {self.name}"


COLUMNS = [operators.c[name] for name in Operator.__dataclass_fields__]


def as_operator(row: RowMapping) -> Operator:
    """Read a row that has at least COLUMNS."""
    return Operator(row["id"], row["name"], Role(row["role"]), row["created_at"], row["disabled_at"])


def shown(operator: Operator) -> dict[str, Any]:
    """Write an operator as JSON has them."""
    return {
        "id": str(operator.id),
        "name": operator.name,
        "role": str(operator.role),
        "created_at": iso(operator.created_at),
        "disabled_at": None if operator.disabled_at is None else iso(operator.disabled_at),
    }


def clean_name(name: str) -> str:
    """Return a name as it is stored: what operators sign in with and the audit log shows.

    Raises:
        InvalidInput: it is none: small letters, digits, dots, hyphens, underscores and @, at most 64.
    """
    text = name.strip().lower()
    if not _NAME.fullmatch(text):
        sentence = N_("Use small letters, digits, dots, hyphens, underscores and @, at most 64 characters.")
        raise InvalidInput([FieldError("name", "invalid", sentence)])
    return text
