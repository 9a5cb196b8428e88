"""Hold the whole queue, and release it."""

from enum import StrEnum
from typing import Any

from gatepost.audit.trail import Signature
from gatepost.clock import iso
from gatepost.orders.desk import OrderDesk, Values
from gatepost.orders.values import word_in
from gatepost.outbox.queue_hold import hold_queue, release_queue


class QueueAction(StrEnum):
    """What may be done to the queue."""

    HOLD = "hold"
    RELEASE = "release"


async def queue(desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]:
    """Do to the queue what `action` says.

    Args:
        desk: what is worked with.
        values: `action`.
        by: who does it and why.

    Returns:
        Of a hold `held_since`, an instant as JSON has it; of a release `held_s`, for how long it was held.

    Raises:
        ActionRefused: it is held already, or not held.
    """
    if word_in(values, "action", QueueAction) is QueueAction.HOLD:
        held = await hold_queue(desk.write, desk.clock, desk.events, by)
        return {"action": "hold", "held_since": iso(held.at)}
    held_s = await release_queue(desk.write, desk.clock, desk.events, by)
    return {"action": "release", "held_s": held_s}
