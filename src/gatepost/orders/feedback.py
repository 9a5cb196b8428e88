"""Take facts that the command line read from reports which came by mail."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.feedback.fact import MAX_EVENT_ID_CHARACTERS, Bounce, Fact, Kind
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import id_in, number_in, refusal, text_in, word_in

# So that the longest ones still fit on the line of the control socket.
MAX_FACTS_IN_ORDER = 20
_SOURCES = frozenset({"dsn", "arf"})
_TEXTS = ("message_id", "recipient", "status", "text")
_LATEST_MS = 2**53 - 1


async def feedback(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Take the `facts`, at most MAX_FACTS_IN_ORDER, each as `plain` writes it. None of them counts as proven.

    Returns:
        `taken`: of each fact in its place `outcome`, `message` (its id, or None), `state` (of the message, or None) and
        `not_believed`: how many messages came back of how many, where that is why nobody was suppressed; else None.
    """
    given = values.get("facts")
    if not isinstance(given, list) or len(given) > MAX_FACTS_IN_ORDER:
        raise refusal("facts", f"Must be a list of at most {MAX_FACTS_IN_ORDER} facts.")
    facts = [_fact(one) for one in given]
    taken = await desk.take_feedback(facts)
    return {
        "taken": [
            {
                "outcome": str(one.outcome),
                "message": None if one.message is None else str(one.message),
                "state": one.state,
                "not_believed": None if one.unusual is None else [one.unusual.hard, one.unusual.answers],
            }
            for one in taken
        ]
    }


def plain(facts: Sequence[Fact]) -> dict[str, Any]:
    """Write facts as the values of this order."""
    return {"facts": [_plain(fact) for fact in facts]}


def _plain(fact: Fact) -> dict[str, Any]:
    texts = {name: getattr(fact, name) for name in _TEXTS}
    return texts | {
        "source": fact.source,
        "event_id": fact.event_id,
        "kind": str(fact.kind),
        "at": fact.at,
        "bounce": None if fact.bounce is None else str(fact.bounce),
        "row_id": None if fact.row_id is None else str(fact.row_id),
    }


def _fact(given: object) -> Fact:
    if not isinstance(given, Mapping):
        raise refusal("facts", "Must hold facts.")
    source, event_id = text_in(given, "source"), text_in(given, "event_id")
    if source not in _SOURCES:
        raise refusal("source", f"Must be one of {', '.join(sorted(_SOURCES))}.")
    if not 1 <= len(event_id) <= MAX_EVENT_ID_CHARACTERS:
        raise refusal("event_id", f"Must have 1 to {MAX_EVENT_ID_CHARACTERS} characters.")
    at = number_in(given, "at", least=0, most=_LATEST_MS)
    if at is None:
        raise refusal("at", "Must be there.")
    return Fact(
        source=source,
        event_id=event_id,
        kind=word_in(given, "kind", Kind),
        at=at,
        bounce=None if given.get("bounce") is None else word_in(given, "bounce", Bounce),
        row_id=_row_id(given),
        **{name: None if given.get(name) is None else text_in(given, name) for name in _TEXTS},
        proven=False,
    )


def _row_id(given: Values) -> uuid.UUID | None:
    return None if given.get("row_id") is None else id_in(given, "row_id")
