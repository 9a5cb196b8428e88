"""Reads the settings that stand in header fields of mail. Pure; a refusal is a ValueError."""

import re
from typing import Any

from gatepost.settings import parsing

ID = "{id}"
MAX_FIELDS = 10
_NAME = re.compile(r"[Xx]-[A-Za-z0-9-]{1,60}")
_VALUE = re.compile(r"[!-~](?:[ -~]{0,498}[!-~])?")
_SELECTOR = re.compile(
    r"(?=.{1,63}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")


def fields(value: object) -> tuple[tuple[str, str], ...]:
    """Read header fields: "Name: value" with | between them, or pairs."""
    if isinstance(value, str):
        value = [part for part in value.split("|") if part.strip()]
    if not isinstance(value, list | tuple):
        raise ValueError("must be a text such as X-Name: value, with | between several")
    found = tuple(_field(number, item) for number, item in enumerate(value, 1))
    if len(found) > MAX_FIELDS:
        raise ValueError(f"may hold at most {MAX_FIELDS} fields")
    if len({name.lower() for name, _ in found}) < len(found):
        raise ValueError("names a field twice; remove one")
    return found


def _field(number: int, item: object) -> tuple[str, str]:
    name, text = item if isinstance(item, tuple) and len(item) == 2 else str(item).partition(":")[::2]
    name, text = str(name).strip(), str(text).strip()
    if not _NAME.fullmatch(name):
        raise ValueError(f"must hold fields whose names begin with X-; number {number} does not")
    if not _VALUE.fullmatch(text) or any(brace in text.replace(ID, "") for brace in "{}"):
        raise ValueError(
            f"must hold values of 1 to 500 ASCII characters, with no braces but {ID}; number {number} does not"
        )
    return name, text


def shown(value: Any) -> str:
    """Write header fields."""
    return " | ".join(f"{name}: {text}" for name, text in value) or "none"


def selector(value: object) -> str | None:
    """Read a DKIM selector (RFC 6376, 3.1), or None."""
    if value is None:
        return None
    name = parsing.text(value)
    if not _SELECTOR.fullmatch(name):
        raise ValueError(f"must be letters, digits, hyphens and dots, as in a domain, not {parsing.shown(value)}")
    return name


def domain(value: object) -> str | None:
    """Read a domain with at least one dot, as A-labels, or None."""
    if value is None:
        return None
    name = parsing.text(value).lower()
    if not _DOMAIN.fullmatch(name):
        raise ValueError(f"must be a domain such as acme.example, not {parsing.shown(value)}")
    return name
