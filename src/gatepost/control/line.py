"""The one line each way: what is wanted, and what came of it."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from gatepost.audit.trail import clean_reason
from gatepost.errors import (
    ActionRefused,
    DatabaseUnavailable,
    GatepostError,
    InvalidInput,
    MessageInFlight,
    NoSuchMessage,
    TryLater,
)
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.outbox.operate import Acted

# A reason of 500 characters, each written as two escapes of six bytes, and what stands around it.
MAX_LINE_BYTES = 8_192


class NotUnderstood(GatepostError):
    """What came over the socket is no line of ours."""


@dataclass(frozen=True)
class Wish:
    """What the command line wants."""

    action: Action
    message: uuid.UUID
    reason: str | None

    def line(self) -> bytes:
        """Write it."""
        return _line({"action": str(self.action), "message": str(self.message), "reason": self.reason})

    @classmethod
    def read(cls, line: bytes) -> "Wish":
        """Read what a client sent.

        Raises:
            NotUnderstood: it is no wish.
            InvalidInput: its reason cannot be kept.
        """
        parsed = _parsed(line)
        try:
            action, message = Action(parsed["action"]), uuid.UUID(parsed["message"])
        except (KeyError, ValueError, AttributeError, TypeError):
            raise NotUnderstood("it names no action and message of this version") from None
        reason = parsed.get("reason")
        if not isinstance(reason, str | None):
            raise NotUnderstood("the reason is no text")
        return cls(action, message, clean_reason(reason))


# How each refusal is called on the line; the first class that fits.
_REFUSALS: dict[str, type[GatepostError]] = {
    "no_such_message": NoSuchMessage,
    "message_in_flight": MessageInFlight,
    "action_refused": ActionRefused,
    "try_later": TryLater,
    "invalid_input": InvalidInput,
    "not_understood": NotUnderstood,
}


def done(acted: Acted) -> bytes:
    """Write what was done."""
    return _line(
        {
            "message": str(acted.message),
            "action": str(acted.action),
            "result": None if acted.result is None else str(acted.result),
            "state_before": str(acted.state_before),
            "state_after": str(acted.state_after),
        }
    )


def refused(error: Exception) -> bytes:
    """Write why nothing was done; a bug shows nothing of itself."""
    code = next((code for code, kind in _REFUSALS.items() if isinstance(error, kind)), None)
    if code is None:
        return _line({"refused": "internal_error", "detail": "a bug: the service's log has it (request_failed)"})
    return _line({"refused": code, "detail": str(error)})


def read_answer(line: bytes) -> Acted:
    """Read what the service answered.

    Raises:
        NoSuchMessage: there is none with this id.
        MessageInFlight: a worker has it at this moment.
        ActionRefused: it does not fit what became of the message.
        DatabaseUnavailable: the service cannot write now, or nobody knows whether it did.
        NotUnderstood: the service is of another version, or has a bug.
    """
    parsed = _parsed(line)
    code, detail = parsed.get("refused"), str(parsed.get("detail"))
    if code is None:
        try:
            result = None if parsed["result"] is None else uuid.UUID(parsed["result"])
            states = State(parsed["state_before"]), State(parsed["state_after"])
            return Acted(uuid.UUID(parsed["message"]), Action(parsed["action"]), result, *states)
        except (KeyError, ValueError, AttributeError, TypeError):
            raise NotUnderstood("the service answered what this version does not know") from None
    match code:
        case "no_such_message":
            raise NoSuchMessage(detail)
        case "message_in_flight":
            raise MessageInFlight(detail)
        case "action_refused":
            raise ActionRefused(detail)
        case "try_later":
            raise DatabaseUnavailable(detail)
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
