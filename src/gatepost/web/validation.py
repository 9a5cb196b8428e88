"""What pydantic and the JSON reader refuse, said in our own words: the field and the reason, never the value."""

from collections.abc import Mapping
from typing import Any

from fastapi.exceptions import RequestValidationError

from gatepost.errors import N_, FieldError
from gatepost.web.strict_json import NotReadable

# The first words of pydantic's error types, in the order they are tried.
_KINDS = (
    ("missing", "required", N_("Is required.")),
    ("string_type", "wrong_type", N_("Must be text.")),
    ("string_unicode", "invalid_text", N_("Holds half of a character.")),
    ("string_too_", "wrong_length", N_("Is too short or too long.")),
    ("int_", "wrong_type", N_("Must be a whole number.")),
    ("greater_than", "out_of_range", N_("Is too small.")),
    ("less_than", "out_of_range", N_("Is too large.")),
    ("uuid_", "wrong_type", N_("Must be a UUID.")),
    ("enum", "unknown_value", N_("Is none of the known values.")),
    ("literal_error", "unknown_value", N_("Is none of the known values.")),
    ("model_", "wrong_type", N_("Must be a JSON object.")),
    ("dict_type", "wrong_type", N_("Must be a JSON object.")),
)


def field_errors(error: RequestValidationError) -> tuple[FieldError, ...]:
    """Translate a failed validation; several reasons for one field are kept in their order."""
    if isinstance(error.__cause__, NotReadable):
        return (error.__cause__.field_error,)
    return tuple(_field_error(one) for one in error.errors())


def _field_error(one: Mapping[str, Any]) -> FieldError:
    name = _name(one.get("loc", ()))
    kind = str(one.get("type", ""))
    for beginning, code, detail in _KINDS:
        if kind.startswith(beginning):
            return FieldError(name, code, detail)
    return FieldError(name, "invalid", N_("Cannot be used."))


def _name(loc: tuple[str | int, ...]) -> str:
    """The field as the request names it: the place ("body", "query") is left out unless it is all there is."""
    parts = [str(part) for part in loc[1:]] or [str(part) for part in loc]
    return ".".join(parts) or "body"
