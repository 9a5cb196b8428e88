"""JSON only in the form in which every reader understands the same."""

import json
from itertools import pairwise
from typing import Any, NoReturn

from gatepost.errors import N_, FieldError

_OUR_NAMES = frozenset({"email", "password", "current_password", "name", "locale", "token", "challenge"})


class NotReadable(json.JSONDecodeError):
    """The body is no JSON text we accept; FastAPI turns its base class into a validation error."""

    def __init__(self, field_error: FieldError) -> None:
        super().__init__(field_error.detail, "", 0)
        self.field_error = field_error


def parse_json(body: bytes) -> Any:
    """Parse JSON text strictly (RFC 8259); a repeated name is refused (RFC 7493, 2.3): readers disagree which counts.

    Raises:
        NotReadable: not UTF-8, not JSON, a repeated name, NaN or Infinity, or nested too deeply.
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_no_such_number)
    except NotReadable:
        raise
    except (ValueError, RecursionError):
        # ValueError: bad UTF-8, bad JSON, or a number with thousands of digits.
        raise NotReadable(FieldError("body", "not_json", N_("The body is no valid JSON text in UTF-8."))) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = sorted(name for name, _ in pairs)
        repeated = next(one for one, other in pairwise(names) if one == other)
        # A name of the sender's own making is not shown back: it may be of any length and content.
        field = repeated if repeated in _OUR_NAMES else "body"
        raise NotReadable(FieldError(field, "repeated", N_("Occurs more than once.")))
    return members


def _no_such_number(_: str) -> NoReturn:
    raise ValueError
