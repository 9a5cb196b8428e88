"""Reads what stands in the address of a page. Whatever is no such value is none: a page is shown, and no error."""

import re
import uuid
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlencode

E = TypeVar("E", bound=StrEnum)
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")


def word_of(text: str, words: type[E]) -> E | None:
    """The word, where it is one of them."""
    return words(text) if text in set(words) else None


def id_of(text: str) -> uuid.UUID | None:
    """The id of a row."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def name_of(text: str) -> str | None:
    """The name of a template or of an action."""
    return text if _NAME.fullmatch(text) else None


def older_page(path: str, older: uuid.UUID | None, **asked: object) -> str | None:
    """Write the address of the page after this one; None where there is none."""
    return None if older is None else address_of(path, **asked, before=older)


def address_of(path: str, **asked: object) -> str:
    """Write the address of a page that asks for this; what is empty is left out."""
    query = urlencode({name: str(value) for name, value in asked.items() if value})
    return f"{path}?{query}" if query else path
