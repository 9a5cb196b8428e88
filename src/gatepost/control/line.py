"""The one line each way: which order with which values, and what came of it."""

import json
from dataclasses import dataclass
from typing import Any

from gatepost.errors import (
    ActionRefused,
    DatabaseUnavailable,
    GatepostError,
    InvalidInput,
    LastOwner,
    MessageInFlight,
    NoSuchAccount,
    NoSuchMessage,
    NoSuchOperator,
    NoSuchSession,
    NoSuchSuppression,
    OperatorNameTaken,
    TryLater,
)

# Twenty facts of what came back, each at its longest and every character of it written as an escape of six bytes.
MAX_LINE_BYTES = 262_144


class NotUnderstood(GatepostError):
    """What came over the socket is no line of ours."""


@dataclass(frozen=True)
class Wish:
    """What the command line wants.

    Args:
        order: the name of the order.
        values: as JSON has them; `reason` in them says why, in any order.
    """

    order: str
    values: dict[str, Any]

    def line(self) -> bytes:
        """Write it.

        Raises:
            NotUnderstood: it is longer than MAX_LINE_BYTES.
        """
        line = _line({"order": self.order, "values": self.values})
        if len(line) > MAX_LINE_BYTES:
            raise NotUnderstood(f"an order has at most {MAX_LINE_BYTES} bytes")
        return line

    @classmethod
    def read(cls, line: bytes) -> "Wish":
        """Read what a client sent.

        Raises:
            NotUnderstood: it is no wish.
        """
        parsed = _parsed(line)
        order, values = parsed.get("order"), parsed.get("values")
        if not isinstance(order, str) or not isinstance(values, dict):
            raise NotUnderstood("it names no order with its values")
        return cls(order, values)


# How each refusal is called on the line; the first class that fits.
_REFUSALS: dict[str, type[GatepostError]] = {
    "no_such_message": NoSuchMessage,
    "no_such_suppression": NoSuchSuppression,
    "no_such_operator": NoSuchOperator,
    "no_such_account": NoSuchAccount,
    "no_such_session": NoSuchSession,
    "operator_name_taken": OperatorNameTaken,
    "last_owner": LastOwner,
    "message_in_flight": MessageInFlight,
    "action_refused": ActionRefused,
    "try_later": TryLater,
    "invalid_input": InvalidInput,
    "not_understood": NotUnderstood,
    "refused": GatepostError,
}
# What a refusal is again at the other end, where it can be made of its sentence alone.
_RAISED: dict[str, type[GatepostError]] = {
    code: kind for code, kind in _REFUSALS.items() if kind not in (TryLater, InvalidInput, NotUnderstood)
} | {"try_later": DatabaseUnavailable}


def done(values: dict[str, Any]) -> bytes:
    """Write what was done."""
    return _line({"done": values})


def refused(error: Exception) -> bytes:
    """Write why nothing was done; a bug shows nothing of itself."""
    code = next((code for code, kind in _REFUSALS.items() if isinstance(error, kind)), None)
    if code is None:
        return _line({"refused": "internal_error", "detail": "a bug: the service's log has it (request_failed)"})
    return _line({"refused": code, "detail": str(error)})


def read_answer(line: bytes) -> dict[str, Any]:
    """Read what the service answered: what the order gave back.

    Raises:
        NoSuchMessage: there is none with this id; NoSuchSuppression, NoSuchOperator, NoSuchAccount and NoSuchSession
            alike.
        OperatorNameTaken: there is one of this name.
        LastOwner: no owner would be left.
        MessageInFlight: a worker has it at this moment.
        ActionRefused: it does not fit what became of the message.
        DatabaseUnavailable: the service cannot write now, or nobody knows whether it did.
        NotUnderstood: the service is of another version, has a bug, or cannot use a value.
        GatepostError: it cannot be done, for the reason it names.
    """
    parsed = _parsed(line)
    if isinstance(values := parsed.get("done"), dict):
        return values
    code, detail = parsed.get("refused"), str(parsed.get("detail"))
    if not isinstance(code, str):
        raise NotUnderstood("the service answered what this version does not know")
    if (kind := _RAISED.get(code)) is not None:
        raise kind(detail)
    raise NotUnderstood(f"the service refused: {detail}")


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(line) if line.endswith(b"\n") else None
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise NotUnderstood("it is no line of JSON")
    return parsed
