"""Hold, release, cancel or resend one message."""

from typing import Any

from gatepost.audit.trail import Signature
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import id_in, word_in
from gatepost.outbox.actions import Action
from gatepost.outbox.operate import operate


async def message(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Act on one message; see `gatepost.outbox.operate.act`.

    Args:
        desk: what is worked with.
        values: `action`, and `message`, the id.
        by: who acts and why.

    Returns:
        `message`, `action`, `result` (the id of the new message of a resend, or None), `state_before`, `state_after`.
    """
    action, id = word_in(values, "action", Action), id_in(values, "message")
    acted = await operate(desk.write, desk.clock, desk.events, action, id, by)
    return {
        "message": str(acted.message),
        "action": str(acted.action),
        "result": None if acted.result is None else str(acted.result),
        "state_before": str(acted.state_before),
        "state_after": str(acted.state_after),
    }
