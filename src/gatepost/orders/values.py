"""Reads the values of an order. Whoever gives one is at the command line, so the sentences are for that screen."""

import uuid
from enum import StrEnum
from typing import TypeVar

from gatepost.errors import FieldError, InvalidInput
from gatepost.orders.desk import Values

E = TypeVar("E", bound=StrEnum)


def text_in(values: Values, name: str) -> str:
    """Return a text that must be there.

    Raises:
        InvalidInput: it is missing, or no text.
    """
    value = values.get(name)
    if not isinstance(value, str):
        raise refusal(name, "Must be a text.")
    return value


def id_in(values: Values, name: str) -> uuid.UUID:
    """Return the id of a row.

    Raises:
        InvalidInput: it is missing, or no UUID.
    """
    try:
        return uuid.UUID(text_in(values, name))
    except ValueError:
        raise refusal(name, "Must be an id, as lists print it.") from None


def word_in(values: Values, name: str, words: type[E], *, default: E | None = None) -> E:
    """Return one of a few words; the default where there is one and the value is missing or null.

    Raises:
        InvalidInput: it is none of them.
    """
    if default is not None and values.get(name) is None:
        return default
    try:
        return words(text_in(values, name))
    except ValueError:
        raise refusal(name, f"Must be one of {', '.join(words)}.") from None


def number_in(values: Values, name: str, *, least: int, most: int) -> int | None:
    """Return a whole number; None where the value is missing or null.

    Raises:
        InvalidInput: it is no whole number, or out of its bounds.
    """
    value = values.get(name)
    if value is None:
        return None
    if type(value) is not int or not least <= value <= most:
        raise refusal(name, f"Must be a whole number from {least} to {most}.")
    return value


def refusal(name: str, why: str) -> InvalidInput:
    """Make the error that says why a value cannot be used."""
    return InvalidInput([FieldError(name, "invalid", why)])
